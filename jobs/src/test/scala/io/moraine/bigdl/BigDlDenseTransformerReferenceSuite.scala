package io.moraine.bigdl

import io.moraine.model.attention.GroupedQueryConfig
import io.moraine.model.data.TokenBatch
import io.moraine.model.layer.{RotaryConfig, RotaryScaling}
import io.moraine.model.moe.RouterConfig
import io.moraine.model.precision.Precision
import io.moraine.model.train.TrainableModel
import io.moraine.model.transformer.ModelConfig
import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** BigDL's own Transformer as a language model of tokens. */
class BigDlDenseTransformerReferenceSuite extends AnyFunSuite {

  private val vocabulary = 23
  private val length = 6

  private def config(tied: Boolean = false, heads: Int = 4, keyValueHeads: Int = 4) =
    new ModelConfig(
      vocabulary,
      16,
      2,
      2,
      32,
      length,
      1e-6,
      0.1,
      new GroupedQueryConfig(heads, keyValueHeads, 4),
      new RotaryConfig(10000, RotaryConfig.Layout.HALVES, new RotaryScaling.None),
      new ModelConfig.ExpertsConfig(0, 0),
      RouterConfig.none(),
      tied
    )

  private def model(tied: Boolean = false, seed: Long = 7): BigDlModule =
    BigDlSuite.bigDl.denseTransformer(config(tied), seed)

  private val tokens: Array[Int] = {
    val random = new SplittableRandom(3)
    Array.fill(2 * (length + 1))(random.nextInt(vocabulary))
  }

  private def batch(change: Array[Int] => Unit = _ => ()): TokenBatch = {
    val own = tokens.clone()
    change(own)
    new TokenBatch(2, length, own)
  }

  private def values(model: TrainableModel): Array[Float] = {
    val values = new Array[Float](model.parameters.length.toInt)
    model.parameters.get(0, values, 0, values.length)
    values
  }

  for (tied <- Seq(false, true))
    test(s"gradients are the finite differences of the loss, tied embeddings: $tied") {
      val own = model(tied)
      val padded = batch(all => for (i <- 11 to 13) all(i) = TokenBatch.PADDING)
      for (weight <- Seq(0.7, 0.3)) own.forwardBackward(padded, weight)
      val before = values(own)
      val gradient = new Array[Float](before.length)
      own.gradients.get(0, gradient, 0, gradient.length)
      def lossAt(element: Int, value: Float): Double = {
        own.parameters.put(element.toLong, Array(value), 0, 1)
        own.loss(padded)
      }
      val step = 1e-3f
      val smooth =
        for (slice <- own.parameters.slices.asScala; i <- 0L until slice.length by 5) yield {
          val at = (slice.offsetElements + i).toInt
          val up = lossAt(at, before(at) + step)
          val down = lossAt(at, before(at) - step)
          val here = lossAt(at, before(at))
          val sides = Seq((here - down) / step, (up - here) / step)
          // ReLU has kinks, where the sides differ. Losses of tokens are float32: their mean is off by 1e-7, over a step.
          assert(gradient(at) > sides.min - 4e-4 && gradient(at) < sides.max + 4e-4, s"$slice $i")
          math.abs(sides.sum / 2 - gradient(at)) < 2e-4
        }
      assert(smooth.count(identity) > 0.95 * smooth.size)
      assert(gradient.count(_ != 0) > gradient.length / 5)
    }

  test("a token is predicted from all that stand before it, and from nothing else") {
    val own = model()
    val losses = own.tokenLosses(batch()).take(length)
    for (changed <- 0 to length) {
      val other = own
        .tokenLosses(batch(all => all(changed) = (all(changed) + 1) % vocabulary))
        .take(length)
      for (predicted <- 1 to length) {
        val isSame = losses(predicted - 1) == other(predicted - 1)
        assert(isSame == (predicted < changed), s"token $changed changed, loss of $predicted")
      }
    }
  }

  test("the loss is the mean of the tokens' losses, and begins at that of guessing") {
    val own = model()
    val losses = own.tokenLosses(batch())
    assert(losses.length == 2 * length)
    val mean = losses.map(_.toDouble).sum / losses.length
    assert(math.abs(own.forwardBackward(batch(), 1) - mean) < 1e-5)
    val flat = BigDlSuite.bigDl.denseTransformer(config().`with`(Precision.FLOAT32), 1)
    assert(math.abs(flat.loss(batch()) - math.log(vocabulary)) < 1)
  }

  test("weights follow from the seed; norms begin at one; a tied head is the embedding") {
    assert(values(model()) sameElements values(model()))
    assert(!(values(model()) sameElements values(model(seed = 8))))
    val slices = model().parameters.slices.asScala
    val matrices = slices.filter(_.shape.size == 2)
    assert(
      matrices.map(_.shape.asScala.map(_.toInt).toSeq).distinct.toSet ==
        Set(Seq(23, 16), Seq(16, 16), Seq(32, 16), Seq(16, 32))
    )
    val all = values(model())
    val gains = slices.filter(_.shape.size == 1).filter { slice =>
      all
        .slice(slice.offsetElements.toInt, (slice.offsetElements + slice.length).toInt)
        .forall(_ == 1)
    }
    assert(gains.size == 5, "two norms in each of two layers, and the last one")
    assert(model(tied = true).parameters.slices.size == slices.size - 1)
  }

  test("what it lacks is refused by the setting's name") {
    def refused(config: ModelConfig): String =
      intercept[IllegalArgumentException](BigDlSuite.bigDl.denseTransformer(config, 1)).getMessage
    assert(
      refused(config(keyValueHeads = 2)) ==
        "the BigDL engine needs model.attention.kind = grouped-query with as many key-value-heads as heads, and " +
        "head-dim = dim / heads: its layers have nothing else. Change it, or train with the torch engine"
    )
    assert(refused(config().`with`(Precision.BF16)).contains("model.precision = float32"))
  }
}
