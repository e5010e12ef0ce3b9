package io.moraine.model.train

import io.moraine.model.checkpoint.{Checkpoints, LocalStorage}
import io.moraine.model.collective.Ranks
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import io.moraine.model.tensor.Torch
import io.moraine.model.transformer.{InitialWeights, TinyModels, Transformer}
import java.nio.file.Files
import java.util.Optional
import java.util.concurrent.ConcurrentLinkedQueue
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** Runs of 300 steps of a model with experts, on two ranks. */
class TrainingCurveSuite extends AnyFunSuite {

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

  private def train(seed: Long, hasBias: Boolean): Seq[StepMetrics] = {
    Torch.start(1)
    val router = new RouterConfig(8, 2, 1, 1, Score.SIGMOID, 1, hasBias, 0)
    val config = new TrainConfig(
      seed,
      steps.toLong,
      TrainConfig.Batch.constant(32, 16),
      LearningRateSchedule.cosine(1e-2, 1e-3, 20),
      new AdamW.Config(0.9, 0.95, 1e-8, 0.1),
      1.0,
      new TrainConfig.Balance(0.01, 1),
      new TrainConfig.Wire(GradientCodec.of("int8"), TrainConfig.Weights.BF16),
      new TrainConfig.Every(steps.toLong, 1, 100, 0, 0)
    )
    val curve = new Curve
    val folder = Files.createTempDirectory("curve")
    val results = Ranks.run(2) { communicator =>
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
    results.foreach(_.get)
    curve.metrics.asScala.toSeq
  }

  private lazy val curve = train(1, hasBias = true)

  /** Largest deviation from the mean load, over the experts, of the last steps' sum. */
  private def imbalance(metrics: Seq[StepMetrics]): Double = {
    val load = metrics.drop(200).map(_.expertLoad.toSeq).transpose.map(_.sum.toDouble)
    val mean = load.sum / load.size
    load.map(l => math.abs(l - mean) / mean).max
  }

  test("the same seed gives the same curve twice, bit for bit; another seed another one") {
    def bits(metrics: Seq[StepMetrics]) =
      metrics.map(m => (m.loss, m.gradientNorm, m.expertLoad.toSeq))
    assert(curve.size == steps)
    assert(bits(train(1, hasBias = true)) == bits(curve))
    assert(bits(train(2, hasBias = true)) != bits(curve))
    assert(curve.takeRight(20).map(_.loss).sum < curve.take(20).map(_.loss).sum * 0.7)
  }

  test("with the selection bias loads end within 10 % of their mean, without it they do not") {
    val biased = imbalance(curve)
    val free = imbalance(train(1, hasBias = false))
    info(f"largest deviation from the mean load: $biased%.3f with the bias, $free%.3f without")
    assert(biased < 0.1 && free > 2 * biased)
  }
}
