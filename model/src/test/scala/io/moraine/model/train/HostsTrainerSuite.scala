package io.moraine.model.train

import io.moraine.model.checkpoint.{Checkpoints, LocalStorage}
import io.moraine.model.collective.{Hierarchy, Ranks}
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import io.moraine.model.reduction.ReductionConfig
import java.nio.file.{Files, Path}
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.{List => JList, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** Training with collectives by hosts. */
class HostsTrainerSuite extends AnyFunSuite {

  private val vocabulary = 61
  private val twoByTwo = Seq(0, 0, 1, 1)

  private class Losses extends TrainObserver {
    val losses = new ConcurrentLinkedQueue[Double]
    override def started(step: Long): Unit = ()
    override def message(text: String): Unit = ()
    override def stepped(step: StepMetrics): Unit = losses.add(step.loss)
    override def evaluated(step: Long, loss: Double): Unit = ()
    override def checkpointing(step: Long): Unit = ()
    override def checkpointed(step: Long): Unit = ()
  }

  private def train(
      run: Path,
      steps: Long,
      wire: TrainConfig.Wire,
      hosts: Seq[Int] = twoByTwo,
      hierarchy: Hierarchy = Hierarchy.HOSTS,
      observer: Losses = new Losses
  ): Seq[TrainResult] = {
    val config = new TrainConfig(
      1,
      steps,
      TrainConfig.Batch.constant(8, 2),
      new LearningRateSchedule(0.1, 5, JList.of()),
      new AdamW.Config(0.9, 0.95, 1e-8, 0.01),
      1.0,
      new TrainConfig.Balance(0, 1),
      wire,
      new TrainConfig.Every(10, 3, 5, 0, 0)
    )
    Ranks
      .onHosts(hosts, hierarchy) { (communicator, _) =>
        new Trainer(
          new BigramModel(vocabulary),
          config,
          communicator,
          new PatternSource(vocabulary, 40),
          Optional.empty(),
          new Checkpoints(new LocalStorage(run)),
          observer,
          "digest",
          () => 0L
        ).run(true)
      }
      .map(_.get)
  }

  private def folder(): Path = Files.createTempDirectory("hosts")

  private def coded(name: String, weights: TrainConfig.Weights): TrainConfig.Wire =
    new TrainConfig.Wire(GradientCodec.of(name), weights)

  private val exact = coded("fp32", TrainConfig.Weights.FP32)

  test("exact gradients and weights: the steps of the flat form up to rounding") {
    val Seq(byHosts, flat) = Seq(Hierarchy.HOSTS, Hierarchy.FLAT).map { hierarchy =>
      val observer = new Losses
      train(folder(), 40, exact, hierarchy = hierarchy, observer = observer)
      observer.losses.asScala.toSeq
    }
    assert(byHosts.size == 40 && byHosts.last < byHosts.head / 2)
    for ((a, b) <- byHosts.zip(flat)) assert(math.abs(a - b) < 1e-3)
    assert(math.abs(byHosts(1) - flat(1)) < 1e-5)
  }

  private val wires = Seq(
    "int8" -> coded("int8", TrainConfig.Weights.BF16),
    "int4 with error feedback, weights as differences" ->
      coded("int4", TrainConfig.Weights.INT8_DIFFERENCES),
    "top 5 % with momentum" -> new TrainConfig.Wire(
      new ReductionConfig.TopK(0.05, 0.5, true),
      TrainConfig.Weights.BF16
    ),
    "powersgd of rank 4" -> new TrainConfig.Wire(
      new ReductionConfig.PowerSgd(4, true),
      TrainConfig.Weights.BF16
    )
  )

  for ((name, wire) <- wires)
    test(s"$name: stopped and resumed, the same weights bit for bit, on all ranks") {
      val whole = train(folder(), 40, wire)
      val interrupted = folder()
      train(interrupted, 20, wire)
      val resumed = train(interrupted, 40, wire)
      assert(resumed.head.resumedFrom == 20)
      assert(resumed.map(_.weightsDigest) == whole.map(_.weightsDigest))
      assert(resumed.map(_.weightsDigest).toSet.size == 1)
      assert(resumed.head.loss < math.log(vocabulary.toDouble) / 2)
    }

  test("a run by hosts goes on with other ranks, flat, and by hosts again, and learns on") {
    val run = folder()
    val wire = coded("int4", TrainConfig.Weights.BF16)
    val first = train(run, 10, wire)
    val second = train(run, 20, wire, Seq(0, 0, 0), Hierarchy.FLAT)
    val third = train(run, 30, wire, Seq(0, 0, 1, 1, 2, 2))
    assert(second.head.resumedFrom == 10 && third.head.resumedFrom == 20)
    assert(third.map(_.weightsDigest).toSet.size == 1)
    assert(second.head.loss < first.head.loss && third.head.loss < second.head.loss)
  }
}
