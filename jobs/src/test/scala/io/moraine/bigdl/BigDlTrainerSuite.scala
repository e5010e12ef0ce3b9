package io.moraine.bigdl

import io.moraine.model.attention.LatentConfig
import io.moraine.model.checkpoint.{Checkpoints, LocalStorage}
import io.moraine.model.collective.Communicator
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.collective.transport.{Listener, Mesh, MeshConfig}
import io.moraine.model.data.TokenSource
import io.moraine.model.layer.RotaryConfig
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import io.moraine.model.train.{
  StepMetrics,
  TrainConfig,
  TrainObserver,
  TrainResult,
  TrainableModel,
  Trainer
}
import io.moraine.model.transformer.{InitialWeights, ModelConfig}
import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.{List => JList, Optional, SplittableRandom}
import java.util.concurrent.{ConcurrentLinkedQueue, Executors}
import org.scalatest.funsuite.AnyFunSuite

import scala.concurrent.{Await, ExecutionContext, Future}
import scala.concurrent.duration.DurationInt
import scala.jdk.CollectionConverters._

/** BigDL's models under the trainer; ranks are threads. */
class BigDlTrainerSuite extends AnyFunSuite {

  private val vocabulary = 31

  /** Tokens that mostly say which one follows. */
  private class Pattern(override val sequences: Long) extends TokenSource {
    override def length: Int = 8
    override def read(sequence: Long, dst: Array[Int], offset: Int): Unit = {
      val random = new SplittableRandom(sequence)
      var token = random.nextInt(vocabulary)
      for (i <- 0 to length) {
        dst(offset + i) = token
        token =
          if (random.nextInt(10) == 0) random.nextInt(vocabulary) else (token * 3 + 1) % vocabulary
      }
    }
    override def close(): Unit = ()
  }

  private class Losses extends TrainObserver {
    val all = new ConcurrentLinkedQueue[Double]
    override def started(step: Long): Unit = ()
    override def message(text: String): Unit = ()
    override def stepped(step: StepMetrics): Unit = all.add(step.loss)
    override def evaluated(step: Long, loss: Double): Unit = ()
    override def checkpointing(step: Long): Unit = ()
    override def checkpointed(step: Long): Unit = ()
  }

  private def wordPairs(): TrainableModel = BigDlSuite.example("WordPairs")

  private def transformer(): TrainableModel = {
    val config = new ModelConfig(
      vocabulary,
      16,
      2,
      1,
      32,
      8,
      1e-6,
      0.1,
      new LatentConfig(2, 8, 8, 4, 4, 4),
      RotaryConfig.deepSeek(10000, 8, 40, 32, 1, 1),
      new ModelConfig.ExpertsConfig(1, 8),
      new RouterConfig(4, 2, 1, 1, Score.SIGMOID, 1, true, 1e-4),
      false
    )
    val model = BigDlSuite.bigDl.transformer(config)
    InitialWeights.put(config, 1, model.parameters)
    model
  }

  private def config(steps: Long, codec: String) = new TrainConfig(
    1,
    steps,
    TrainConfig.Batch.constant(6, 2),
    new LearningRateSchedule(0.02, 5, JList.of()),
    new AdamW.Config(0.9, 0.95, 1e-8, 0.01),
    1.0,
    new TrainConfig.Balance(0.01, 1),
    new TrainConfig.Wire(GradientCodec.of(codec), TrainConfig.Weights.BF16),
    new TrainConfig.Every(10, 3, 20, 30, 8)
  )

  private def train(
      model: () => TrainableModel,
      folder: Path,
      worldSize: Int,
      steps: Long,
      codec: String = "int8"
  ): (Seq[Double], Seq[TrainResult]) = {
    val losses = new Losses
    val listeners = Seq.fill(worldSize)(Listener.open("127.0.0.1"))
    val pool = Executors.newFixedThreadPool(worldSize)
    implicit val context: ExecutionContext = ExecutionContext.fromExecutor(pool)
    try {
      val results = Future.traverse(listeners.zipWithIndex) { case (listener, rank) =>
        Future {
          val mesh =
            Mesh.connect(meshConfig(rank, worldSize), listener, listeners.map(_.address).asJava)
          val communicator = new Communicator(mesh)
          try
            new Trainer(
              model(),
              config(steps, codec),
              communicator,
              new Pattern(40),
              Optional.of(new Pattern(4)),
              new Checkpoints(new LocalStorage(folder)),
              losses,
              "digest",
              () => 0L
            ).run(true)
          finally communicator.close()
        }
      }
      val all = Await.result(results, 5.minutes)
      (losses.all.asScala.toSeq, all)
    } finally pool.shutdownNow()
  }

  private def meshConfig(rank: Int, worldSize: Int) = new MeshConfig(
    rank,
    worldSize,
    "test",
    "0123456789abcdef".getBytes(StandardCharsets.US_ASCII),
    Duration.ofSeconds(20),
    Duration.ofSeconds(20),
    () => false
  )

  private def folder(): Path = Files.createTempDirectory("bigdl")

  for (
    (name, model) <- Seq(
      "layers of BigDL" -> (() => wordPairs()),
      "transformer" -> (() => transformer())
    )
  ) {

    test(s"the loss falls from that of guessing by a third in 60 steps, P = 2, int8: $name") {
      val (losses, results) = train(model, folder(), 2, 60)
      assert(math.abs(losses.head - math.log(vocabulary)) < 0.2)
      assert(losses.takeRight(5).sum / 5 < losses.head * 2 / 3)
      assert(results.map(_.weightsDigest).toSet.size == 1)
    }

    test(s"1 and 2 ranks with exact gradients make the same steps up to rounding: $name") {
      val Seq(one, two) = Seq(1, 2).map(train(model, folder(), _, 12, "fp32")._1)
      assert(math.abs(one(1) - two(1)) < 1e-5)
      for ((a, b) <- one.zip(two)) assert(math.abs(a - b) < 2e-2)
    }

    for (worldSize <- Seq(1, 2))
      test(s"stopped after 10 and 20 of 30 steps: the same bits, P = $worldSize: $name")(
        assertSameBits(model, worldSize)
      )
  }

  for (worldSize <- Seq(1, 2))
    test(s"with dropout: the same bits again and after 10 and 20 of 30 steps, P = $worldSize")(
      assertSameBits(() => BigDlSuite.example("WordPairs$WithDropout"), worldSize)
    )

  private def assertSameBits(model: () => TrainableModel, worldSize: Int): Unit = {
    val whole = train(model, folder(), worldSize, 30)._2
    assert(train(model, folder(), worldSize, 30)._2 == whole)
    val interrupted = folder()
    val last = Seq(10L, 20L, 30L).map(train(model, interrupted, worldSize, _)._2).last
    assert(last.forall(_.resumedFrom == 20))
    assert(last.map(_.weightsDigest) == whole.map(_.weightsDigest))
  }
}
