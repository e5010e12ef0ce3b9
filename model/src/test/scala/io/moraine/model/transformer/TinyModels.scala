package io.moraine.model.transformer

import io.moraine.model.attention.{AttentionConfig, GroupedQueryConfig, LatentConfig}
import io.moraine.model.layer.RotaryConfig
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.precision.Precision
import io.moraine.model.tensor.Torch
import io.moraine.model.transformer.ModelConfig.{AttentionSpan, PredictionConfig}
import java.util.SplittableRandom

/** Models of a few thousand weights that have every part of a large one. */
object TinyModels {
  val vocabulary = 23
  val length = 12

  val sigmoid = new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1.5, true, 0)
  val softmax = new RouterConfig(6, 2, 1, 1, Score.SOFTMAX, 1, false, 0)

  def config(
      router: RouterConfig = sigmoid,
      lowRank: Boolean = true,
      yarn: Boolean = false,
      denseLayers: Int = 1,
      prediction: PredictionConfig = PredictionConfig.NONE,
      span: AttentionSpan = AttentionSpan.ACROSS_DOCUMENTS,
      attention: Option[AttentionConfig] = None,
      shared: Int = 1
  ): ModelConfig =
    new ModelConfig(
      vocabulary,
      16,
      2,
      denseLayers,
      24,
      length,
      1e-6,
      0.2,
      attention.getOrElse(new LatentConfig(2, if (lowRank) 10 else 0, 8, 6, 4, 5)),
      RotaryConfig.deepSeek(10000, if (yarn) length / 2 else length, 40, 32, 1, 1),
      new ModelConfig.ExpertsConfig(shared, 8),
      router,
      false,
      prediction,
      span,
      Precision.FLOAT32
    )

  /** One of each kind, with a name. */
  val kinds: Seq[(String, ModelConfig)] = Seq(
    "sigmoid router, low-rank queries" -> config(),
    "softmax router, full queries" -> config(softmax, lowRank = false),
    "YaRN" -> config(yarn = true),
    "dense layers alone" -> config(denseLayers = 2),
    "grouped-query attention" -> config(
      denseLayers = 2,
      attention = Some(new GroupedQueryConfig(4, 2, 6))
    ),
    "routed experts alone" -> config(shared = 0),
    "multi-head attention and experts" -> config(
      attention = Some(new GroupedQueryConfig(2, 2, 8))
    )
  )

  def model(config: ModelConfig, seed: Long = 3): Transformer = {
    Torch.start(1)
    val model = new Transformer(config)
    InitialWeights.put(model.config, seed, model.parameters)
    model
  }

  def tokens(count: Int, seed: Long): Array[Int] = {
    val random = new SplittableRandom(seed)
    Array.fill(count)(random.nextInt(vocabulary))
  }

  def all(buffer: io.moraine.model.tensor.FlatBuffer): Array[Float] = {
    val values = new Array[Float](buffer.length.toInt)
    buffer.get(0, values, 0, values.length)
    values
  }

  /** Plain gradient descent. */
  def descend(model: Transformer, batch: io.moraine.model.data.TokenBatch, steps: Int): Unit =
    for (_ <- 1 to steps) {
      model.zeroGradients()
      model.forwardBackward(batch, 1)
      val weights = all(model.parameters)
      for ((g, i) <- all(model.gradients).zipWithIndex) weights(i) -= 0.5f * g
      model.parameters.put(0, weights, 0, weights.length)
    }
}
