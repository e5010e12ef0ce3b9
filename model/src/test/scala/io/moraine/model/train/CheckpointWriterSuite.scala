package io.moraine.model.train

import io.moraine.model.checkpoint.{Checkpoints, LocalStorage, Storage, WatchedStorage}
import io.moraine.model.collective.Ranks
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import java.io.IOException
import java.nio.file.{Files, Path}
import java.util.concurrent.{ConcurrentLinkedQueue, CountDownLatch, TimeUnit}
import java.util.{List => JList, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Try

/** Checkpoints are written while training goes on. */
class CheckpointWriterSuite extends AnyFunSuite {

  private val vocabulary = 31

  /** What rank 0 does, in order. */
  private class Events(reached: CountDownLatch = new CountDownLatch(0)) extends TrainObserver {
    val all = new ConcurrentLinkedQueue[String]
    override def started(step: Long): Unit = all.add(s"from $step")
    override def message(text: String): Unit = ()
    override def stepped(step: StepMetrics): Unit = {
      all.add(s"step ${step.step}")
      if (step.step == 15) reached.countDown()
    }
    override def evaluated(step: Long, loss: Double): Unit = ()
    override def checkpointing(step: Long): Unit = all.add(s"checkpointing $step")
    override def checkpointed(step: Long): Unit = all.add(s"checkpoint $step")
  }

  /** Does something before a rank's file of a step is written. */
  private def watched(run: Path, step: Int, rank: Int)(before: => Unit): Storage =
    new WatchedStorage(
      run,
      file => if (file.contains(f"step-$step%08d/rank-$rank%05d")) before
    )

  private def train(
      run: Path,
      steps: Int,
      events: Events,
      storage: Storage
  ): Seq[Try[TrainResult]] = Ranks.run(2) { communicator =>
    try
      new Trainer(
        new BigramModel(vocabulary),
        new TrainConfig(
          1,
          steps.toLong,
          TrainConfig.Batch.constant(6, 2),
          new LearningRateSchedule(0.1, 5, JList.of()),
          new AdamW.Config(0.9, 0.95, 1e-8, 0.01),
          1.0,
          new TrainConfig.Balance(0, 1),
          new TrainConfig.Wire(GradientCodec.of("int4"), TrainConfig.Weights.INT8_DIFFERENCES),
          new TrainConfig.Every(10, 9, 20, 0, 0)
        ),
        communicator,
        new PatternSource(vocabulary, 40),
        Optional.empty(),
        new Checkpoints(storage),
        events,
        "digest",
        () => 0L
      ).run(true)
    catch {
      case e: Throwable =>
        communicator.abort(e.toString)
        throw e
    }
  }

  private def folder(): Path = Files.createTempDirectory("writer")

  private def plain(run: Path, steps: Int): Seq[TrainResult] =
    train(run, steps, new Events, new LocalStorage(run)).map(_.get)

  private def bytes(run: Path, step: Int): Seq[Seq[Byte]] = {
    val files = Files.list(run.resolve(f"checkpoints/step-$step%08d"))
    try files.iterator.asScala.toSeq.sorted.map(Files.readAllBytes(_).toSeq)
    finally files.close()
  }

  for (rank <- Seq(0, 1))
    test(
      s"steps go on while rank $rank writes; what is written is the state when it began, and resumed from"
    ) {
      val (run, whole) = (folder(), folder())
      val reached = new CountDownLatch(1)
      val events = new Events(reached)
      val storage = watched(run, 10, rank) {
        if (!reached.await(60, TimeUnit.SECONDS)) throw new IOException("no step while writing")
      }
      train(run, 30, events, storage).foreach(_.get)
      val order = events.all.asScala.toSeq
      assert(order.indexOf("checkpoint 10") > order.indexOf("step 15"))
      // One at a time, in order, none left out.
      assert(
        order.filter(_.startsWith("checkpoint")) ==
          Seq(10, 20, 30).flatMap(step => Seq(s"checkpointing $step", s"checkpoint $step"))
      )
      plain(whole, 30)
      for (step <- Seq(10, 20, 30)) assert(bytes(run, step) == bytes(whole, step))

      for (step <- Seq(20, 30))
        Files.delete(run.resolve(s"checkpoints/step-000000$step/manifest.json"))
      val resumed = plain(run, 40)
      assert(resumed.head.resumedFrom == 10)
      assert(resumed.map(_.weightsDigest) == plain(folder(), 40).map(_.weightsDigest))
    }

  for ((step, rank) <- Seq((20, 1), (30, 0)))
    test(s"rank $rank cannot write the checkpoint of step $step: the run ends and says so") {
      val run = folder()
      val storage = watched(run, step, rank)(throw new IOException("no space left"))
      val failures = train(run, 30, new Events, storage)
      assert(
        failures(rank).failed.get.getMessage ==
          s"the checkpoint of step $step could not be written: java.io.IOException: no space left"
      )
      assert(failures(1 - rank).failed.get.getMessage.contains("gave up: "))
      assert(plain(run, 40).head.resumedFrom == step - 10)
    }
}
