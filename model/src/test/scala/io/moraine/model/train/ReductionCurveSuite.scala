package io.moraine.model.train

import io.moraine.model.checkpoint.{Checkpoints, LocalStorage}
import io.moraine.model.collective.Ranks
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import io.moraine.model.reduction.ReductionConfig
import io.moraine.model.tensor.Torch
import io.moraine.model.train.TrainConfig.Weights
import io.moraine.model.transformer.{InitialWeights, TinyModels, Transformer}
import java.nio.file.Files
import java.util.Optional
import java.util.concurrent.ConcurrentLinkedQueue
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._

/** What feedback is worth to a model with experts under AdamW: 300 steps on two ranks, three seeds.
  */
class ReductionCurveSuite extends AnyFunSuite {

  private val steps = 300
  private class Curve extends TrainObserver {
    val metrics = new ConcurrentLinkedQueue[StepMetrics]
    override def started(step: Long): Unit = ()
    override def message(text: String): Unit = ()
    override def stepped(step: StepMetrics): Unit = metrics.add(step)
    override def evaluated(step: Long, loss: Double): Unit = ()
    override def checkpointing(step: Long): Unit = ()
    override def checkpointed(step: Long): Unit = ()
  }
  private def train(
      seed: Long,
      reduction: ReductionConfig,
      weights: TrainConfig.Weights
  ): (Double, Long) = {
    Torch.start(1)
    val router = new RouterConfig(8, 2, 1, 1, Score.SIGMOID, 1, true, 0)
    val config = new TrainConfig(
      seed,
      steps.toLong,
      TrainConfig.Batch.constant(32, 16),
      LearningRateSchedule.cosine(1e-2, 1e-3, 20),
      new AdamW.Config(0.9, 0.95, 1e-8, 0.1),
      1.0,
      new TrainConfig.Balance(0.01, 1),
      new TrainConfig.Wire(reduction, weights),
      new TrainConfig.Every(steps.toLong, 1, 100, 0, 0)
    )
    val curve = new Curve
    val folder = Files.createTempDirectory("curve")
    Ranks
      .run(2) { communicator =>
        val model = new Transformer(TinyModels.config(router))
        try {
          InitialWeights.put(model.config, seed, model.parameters)
          new Trainer(
            model,
            config,
            communicator,
            new PatternSource(TinyModels.vocabulary, 2000),
            Optional.empty(),
            new Checkpoints(new LocalStorage(folder)),
            curve,
            "digest",
            () => 0L
          ).run(false)
        } finally model.close()
      }
      .foreach(_.get)
    val m = curve.metrics.asScala.toSeq
    (m.takeRight(50).map(_.loss).sum / 50, m.last.wireBytes)
  }
  private def coded(name: String, on: Boolean) =
    new ReductionConfig.Coded(GradientCodec.of(name), on)

  private def loss(
      name: String,
      reduction: ReductionConfig,
      weights: TrainConfig.Weights = TrainConfig.Weights.BF16
  ): Double = {
    val runs = Seq(1L, 2L, 3L).map(train(_, reduction, weights))
    val mean = runs.map(_._1).sum / runs.size
    info(
      f"$name%-22s ${runs.map(_._1).map(l => f"$l%.4f").mkString(" ")}, mean $mean%.4f, ${runs.head._2} bytes"
    )
    mean
  }

  private lazy val exact = loss("fp32", coded("fp32", false))
  private lazy val oneWaySigns = loss("sign with", coded("sign", true))
  private lazy val topK = loss("topk of 1 % with", new ReductionConfig.TopK(0.01, 0, true))

  private val reductions = Seq[(String, Boolean => ReductionConfig)](
    "powersgd of rank 1" -> (new ReductionConfig.PowerSgd(1, _)),
    "powersgd of rank 4" -> (new ReductionConfig.PowerSgd(4, _))
  )

  test("sign: feedback takes away more than half of what the reduction costs") {
    val without = loss("sign without", coded("sign", false)) - exact
    assert(without > 0.005 && oneWaySigns - exact < without / 2)
  }

  for ((name, reduction) <- reductions)
    test(s"$name: feedback takes away more than half of what the reduction costs") {
      val owed = loss(s"$name with", reduction(true)) - exact
      val without = loss(s"$name without", reduction(false)) - exact
      assert(without > 0.005 && owed < without / 2)
    }

  test("4 bits both ways end where float32 does, signs both ways where signs one way do") {
    val fine = loss("int4, int4-differences", coded("int4", true), Weights.INT4_DIFFERENCES)
    val signs = loss("sign, sign-differences", coded("sign", true), Weights.SIGN_DIFFERENCES)
    assert(math.abs(fine - exact) < 0.002 && math.abs(signs - oneWaySigns) < 0.005)
  }

  test("topk of 1 %: feedback takes away more than half of what the reduction costs") {
    val without = loss("topk of 1 % without", new ReductionConfig.TopK(0.01, 0, false)) - exact
    assert(without > 0.005 && topK - exact < without / 2)
  }

  test("topk: momentum of 0.9 in front of AdamW ends above plain feedback, which is the default") {
    val momentum = loss("topk, momentum 0.9", new ReductionConfig.TopK(0.01, 0.9, true))
    assert(topK < momentum)
  }
}
