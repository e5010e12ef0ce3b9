package io.moraine.bigdl

import io.moraine.model.attention.LatentConfig
import io.moraine.model.data.TokenBatch
import io.moraine.model.layer.{RotaryConfig, RotaryScaling}
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.precision.Precision
import io.moraine.model.tensor.{FlatBuffer, Torch}
import io.moraine.model.train.TrainableModel
import io.moraine.model.transformer.InitialWeights
import io.moraine.model.transformer.{ModelConfig, Transformer}
import java.util.SplittableRandom
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Two implementations of every layer hold each other up. */
class BigDlTransformerReferenceSuite extends AnyFunSuite with BeforeAndAfterAll {

  private val vocabulary = 97
  private val length = 24

  override def beforeAll(): Unit = Torch.start(1)

  private def config(
      router: RouterConfig,
      queryLatentDim: Int = 16,
      rotary: RotaryConfig = RotaryConfig.deepSeek(10000, 12, 40, 32, 1, 1),
      shared: Int = 1,
      tied: Boolean = false
  ) = new ModelConfig(
    vocabulary,
    48,
    3,
    1,
    80,
    length,
    1e-6,
    0.1,
    new LatentConfig(3, queryLatentDim, 20, 12, 8, 10),
    rotary,
    new ModelConfig.ExpertsConfig(shared, 24),
    router,
    tied
  )

  private def sigmoid(alpha: Double) = new RouterConfig(8, 2, 1, 1, Score.SIGMOID, 2.5, true, alpha)

  private val variants = Seq(
    "sigmoid scores, low-rank queries, YaRN, balance loss" -> config(sigmoid(1e-2)),
    "limited groups, full-rank queries, halves, tied embeddings" -> config(
      new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1, true, 0),
      0,
      new RotaryConfig(10000, RotaryConfig.Layout.HALVES, new RotaryScaling.None),
      tied = true
    ),
    "softmax scores without bias, limited groups, no shared expert" -> config(
      new RouterConfig(8, 3, 4, 2, Score.SOFTMAX, 1, false, 1e-2),
      shared = 0
    )
  )

  /** One whole sequence, one that ends early, one with a single prediction, one with none. */
  private val batch: TokenBatch = {
    val random = new SplittableRandom(3)
    val filled = Seq(length + 1, 18, 2, 1)
    val tokens = filled.flatMap(n =>
      Seq.tabulate(length + 1)(i => if (i < n) random.nextInt(vocabulary) else TokenBatch.PADDING)
    )
    new TokenBatch(filled.size, length, tokens.toArray)
  }

  private def all(buffer: FlatBuffer): Array[Float] = {
    val values = new Array[Float](buffer.length.toInt)
    buffer.get(0, values, 0, values.length)
    values
  }

  private def pair(config: ModelConfig): (Transformer, TrainableModel) = {
    val torch = new Transformer(config)
    InitialWeights.put(torch.config, 7, torch.parameters)
    val bigDl = BigDlSuite.bigDl.transformer(config)
    val weights = all(torch.parameters)
    bigDl.parameters.put(0, weights, 0, weights.length)
    val bias = Array.tabulate(2 * 8)(i => i % 5 * 0.03f)
    for (model <- Seq(torch, bigDl)) model.expertBalance.get.setBias(bias)
    (torch, bigDl)
  }

  for ((name, config) <- variants)
    test(s"the same weights give the same losses, loads and gradients as in libtorch: $name") {
      val (torch, bigDl) = pair(config)
      assert(bigDl.parameters.slices == torch.parameters.slices)
      for ((a, b) <- torch.tokenLosses(batch).zip(bigDl.tokenLosses(batch)))
        assert(math.abs(a - b) < 1e-5)
      for (weight <- Seq(0.7, 0.3)) {
        val losses = Seq(torch, bigDl).map(_.forwardBackward(batch, weight))
        assert(math.abs(losses(0) - losses(1)) < 1e-5)
      }
      assert(torch.expertBalance.get.takeLoad sameElements bigDl.expertBalance.get.takeLoad)
      val gradients = all(torch.gradients)
      for ((a, b) <- gradients.zip(all(bigDl.gradients))) assert(math.abs(a - b) < 1e-5)
      assert(gradients.map(math.abs(_)).max > 0.1)
      torch.close()
    }

  test("a selection bias moves as in libtorch, and evaluation counts no load") {
    val (torch, bigDl) = pair(config(sigmoid(0)))
    bigDl.loss(batch)
    assert(bigDl.expertBalance.get.takeLoad.forall(_ == 0))
    val load = Array.tabulate(16)(i => i.toLong % 7)
    for (model <- Seq(torch, bigDl)) model.expertBalance.get.updateBias(load, 0.01f)
    assert(torch.expertBalance.get.bias sameElements bigDl.expertBalance.get.bias)
    torch.close()
  }

  test("the same pass twice gives the same bits, wherever the JVM has moved its arrays") {
    val (torch, bigDl) = pair(config(sigmoid(1e-2)))
    val passes = for (i <- 0 until 6) yield {
      bigDl.zeroGradients()
      bigDl.forwardBackward(batch, 1)
      val between = new Array[Byte](24 + 8 * i)
      System.gc()
      assert(between.forall(_ == 0))
      all(bigDl.gradients).toSeq
    }
    assert(passes.toSet.size == 1)
    torch.close()
  }

  test("what these layers lack is refused by the setting's name") {
    val refused = intercept[IllegalArgumentException](
      BigDlSuite.bigDl.transformer(config(sigmoid(0)).`with`(Precision.BF16))
    )
    assert(
      refused.getMessage == "the BigDL engine needs model.precision = float32: its layers have " +
        "nothing else. Change it, or train with the torch engine"
    )
  }
}
