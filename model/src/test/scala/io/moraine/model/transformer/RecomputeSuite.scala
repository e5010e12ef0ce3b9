package io.moraine.model.transformer

import io.moraine.model.attention.GroupedQueryConfig
import io.moraine.model.data.TokenBatch
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.precision.Precision
import io.moraine.model.tensor.{Device, FlatBuffer, Torch}
import io.moraine.model.train.LossSum
import io.moraine.model.transformer.ModelConfig.{AttentionSpan, PredictionConfig}
import java.util.{Optional, SplittableRandom}
import org.scalatest.funsuite.AnyFunSuite

/** What is computed twice is the same bits, and counts once. */
class RecomputeSuite extends AnyFunSuite {

  import TinyModels.{config, length, vocabulary}

  private case class Learned(
      losses: Seq[Double],
      gradients: Seq[Int],
      load: Seq[Long],
      further: LossSum,
      weights: Seq[Int]
  )

  private def batch(seed: Long, padded: Boolean): TokenBatch = {
    val random = new SplittableRandom(seed)
    val tokens = Array.fill(3 * (length + 1))(random.nextInt(vocabulary))
    if (padded) java.util.Arrays.fill(tokens, 7, length + 1, TokenBatch.PADDING)
    new TokenBatch(3, length, tokens, Array.tabulate(tokens.length)(i => i % (length + 1) / 5))
  }

  private def bits(buffer: FlatBuffer): Seq[Int] =
    TinyModels.all(buffer).toSeq.map(java.lang.Float.floatToRawIntBits)

  /** Gradients of three batches in a row, then the weights of three steps. */
  private def learn(config: ModelConfig, recompute: Recompute): Learned = {
    Torch.start(1)
    val model = new Transformer(config, recompute, Optional.empty(), Device.CPU)
    try {
      InitialWeights.put(model.config, 3, model.parameters)
      val losses =
        (1 to 3).map(i => model.forwardBackward(batch(i.toLong, padded = i == 2), 1.0 / i))
      val gradients = bits(model.gradients)
      TinyModels.descend(model, batch(4, padded = false), 3)
      Learned(
        losses,
        gradients,
        if (model.expertBalance.isPresent) model.expertBalance.get.takeLoad().toSeq else Seq.empty,
        model.takeFurtherLoss(),
        bits(model.parameters)
      )
    } finally model.close()
  }

  private val balanced = new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1.5, true, 0.5)
  private val further = new PredictionConfig(2, 0.3)
  private val within = AttentionSpan.WITHIN_DOCUMENTS

  for (
    (name, model) <- TinyModels.kinds ++ Seq(
      "balance loss" -> config(balanced),
      "balance loss, multi-token prediction" -> config(balanced, prediction = further),
      "multi-token prediction, dense" -> config(denseLayers = 2, prediction = further),
      "attention within documents" -> config(balanced, prediction = further, span = within)
    );
    precision <- Precision.values
  )
    test(
      s"gradients, losses, expert load and trained weights are the same bits: $name, $precision"
    ) {
      val kept = learn(model.`with`(precision), Recompute.NONE)
      val twice = learn(model.`with`(precision), Recompute.LAYERS)
      assert(kept.gradients.exists(bits => java.lang.Float.intBitsToFloat(bits) != 0))
      assert(kept == twice)
    }

  test("tied embeddings, several micro-batches: the same bits") {
    val c = config(attention = Some(new GroupedQueryConfig(4, 2, 6)), prediction = further)
    val tied = new ModelConfig(
      c.vocabularySize,
      c.dim,
      c.layers,
      c.denseLayers,
      c.denseFeedForwardDim,
      c.maxSequenceLength,
      c.normEpsilon,
      c.initStd,
      c.attention,
      c.rotary,
      c.experts,
      c.router,
      true,
      c.prediction,
      c.span,
      c.precision
    )
    for (precision <- Precision.values; model = tied.`with`(precision))
      assert(learn(model, Recompute.NONE) == learn(model, Recompute.LAYERS))
  }
}
