package io.moraine.model.transformer

import io.moraine.model.data.TokenBatch
import io.moraine.model.moe.RouterConfig
import io.moraine.model.precision.Precision
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import org.scalatest.funsuite.AnyFunSuite

class PrecisionSuite extends AnyFunSuite {
  import TinyModels._

  private val below = Seq(Precision.BF16, Precision.FP8)
  private val batch = new TokenBatch(2, length, tokens(2 * (length + 1), 5))

  private def gradients(config: ModelConfig): (Double, Array[Float]) = {
    val m = model(config)
    m.zeroGradients()
    val loss = m.forwardBackward(batch, 1)
    try (loss, all(m.gradients))
    finally m.close()
  }

  private def norm(values: Iterable[Double]): Double = math.sqrt(values.map(v => v * v).sum)

  /** Size of the difference over the size of the second. */
  private def relative(a: Array[Float], b: Array[Float]): Double =
    norm(a.toSeq.zip(b.toSeq).map { case (x, y) => x.toDouble - y }) / norm(b.map(_.toDouble).toSeq)

  // Half a step is at most 2^-8 of a bfloat16 and 2^-4 of an E4M3. Two layers have some ten products
  // each, forward and backward; 40 roundings add up as random ones do: to sqrt(40) * 2^-8 = 2.5 %
  // and sqrt(40) * 2^-4 = 40 % at most.
  private val bounds = Map(Precision.BF16 -> 0.025, Precision.FP8 -> 0.4)

  // Where a token chooses another expert after rounding its gradient is another one altogether:
  // with as many active experts as there are none can.
  private val withoutChoice = kinds.filter(_._2.moeLayers == 0) ++ Seq(
    "experts, all active" -> config(
      new RouterConfig(4, 4, 1, 1, RouterConfig.Score.SIGMOID, 1, false, 0),
      prediction = new PredictionConfig(1, 0.3)
    )
  )

  for ((name, config) <- withoutChoice; precision <- below)
    test(s"$name, $precision: loss and gradients near those of float32, and not the same") {
      val (loss, exact) = gradients(config)
      val (rounded, ours) = gradients(config.`with`(precision))
      val distance = relative(ours, exact)
      assert(distance < bounds(precision) && distance > bounds(precision) / 50)
      assert(math.abs(rounded / loss - 1) < bounds(precision) / 5)
    }

  for ((name, config) <- kinds; precision <- below) {
    test(s"$name, $precision: the same bits twice") {
      val Seq(one, other) = Seq.fill(2)(gradients(config.`with`(precision)))
      assert(one._1 == other._1 && one._2.toSeq == other._2.toSeq)
    }

    test(s"$name, $precision: a batch is learned by heart as in float32") {
      val losses = Seq(Precision.FLOAT32, precision).map { p =>
        val m = model(config.`with`(p))
        descend(m, batch, 60)
        try m.loss(batch)
        finally m.close()
      }
      assert(losses(0) < 0.02 && math.abs(losses(1) - losses(0)) < 0.005)
    }

    test(s"$name, $precision: with a cache the logits that whole texts have, up to rounding") {
      val m = model(config.`with`(precision))
      val text = tokens(length, 9)
      val whole = m.logits(text, 1)
      val decoder = m.decoder(0)
      val pieces = text.grouped(5).flatMap(piece => decoder.read(piece, piece.length)).toArray
      decoder.close()
      m.close()
      assert(relative(pieces, whole) < bounds(precision))
    }
  }

  test("tied embeddings in bf16: gradients of embedding and head add up in one weight") {
    val tied = new ModelConfig(
      vocabulary,
      16,
      1,
      1,
      24,
      length,
      1e-6,
      0.2,
      config().attention,
      config().rotary,
      ModelConfig.ExpertsConfig.none,
      RouterConfig.none,
      true
    )
    val (_, exact) = gradients(tied)
    val (_, ours) = gradients(tied.`with`(Precision.BF16))
    val embedding = vocabulary * 16
    assert(relative(ours.take(embedding), exact.take(embedding)) < bounds(Precision.BF16))
  }

  test("another precision is another model in nothing else") {
    val fp8 = config().`with`(Precision.FP8)
    assert(config().precision == Precision.FLOAT32 && fp8.precision == Precision.FP8)
    assert(fp8.`with`(Precision.FLOAT32) == config())
    assert(fp8.weights == config().weights)
  }
}
