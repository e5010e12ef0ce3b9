package io.moraine.model.transformer

import io.moraine.model.attention.{GroupedQueryAttention, GroupedQueryConfig, LatentAttention}
import io.moraine.model.attention.{LatentConfig, AttentionMask}
import io.moraine.model.layer.{RmsNorm, Rotary, RotaryConfig, RotaryScaling, SwiGlu}
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.moe.{LocalExperts, MoeLayer, Router, RouterConfig}
import io.moraine.model.precision.{Linear, Precision, Products}
import io.moraine.model.tensor.Torch
import java.util.{Optional, SplittableRandom}
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.global.torch
import org.bytedeco.pytorch.{Tensor, TensorOptions}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable
import scala.jdk.CollectionConverters._

/** Every layer in float64: the gradient of each weight and input against central differences. */
class LayerGradientsSuite extends AnyFunSuite {

  private val dim = 6
  private val length = 4
  private val sequences = 2
  private val tokens = sequences * length
  private val step = 1e-5

  /** Random weights and inputs by name. */
  private class Leaves {
    private val random = new SplittableRandom(5)
    private val products = new Products(Precision.FLOAT32)
    val all: mutable.LinkedHashMap[String, Tensor] = mutable.LinkedHashMap.empty

    def apply(name: String, shape: Int*): Tensor = {
      val values = Array.fill(shape.product)(0.7 * random.nextGaussian())
      val options = new TensorOptions(torch.ScalarType.Double)
      val leaf = torch.tensor(values, options).view(shape.map(_.toLong): _*).clone()
      leaf.set_requires_grad(true)
      all(name) = leaf
      leaf
    }

    def linear(name: String, out: Int, in: Int): Linear = products.linear(apply(name, out, in))
    def norm(name: String, size: Int): RmsNorm = new RmsNorm(apply(name, size), 1e-6)
    def input: Tensor = apply("input", tokens, dim)
    def swiGlu(name: String, width: Int): SwiGlu = new SwiGlu(
      linear(s"$name.w1", width, dim),
      linear(s"$name.w2", dim, width),
      linear(s"$name.w3", width, dim)
    )
  }

  private def rotary(size: Int, layout: RotaryConfig.Layout) =
    new Rotary(size, length, new RotaryConfig(100, layout, new RotaryScaling.None))

  /** What a layer gives, as a function of its leaves. */
  private def check(name: String)(layer: Leaves => () => Tensor): Unit =
    test(s"$name: gradients equal central differences in float64") {
      Torch.start(1)
      val scope = new PointerScope
      try {
        val leaves = new Leaves
        val forward = layer(leaves)
        val shape = forward().sizes.vec.get
        val random = new SplittableRandom(9)
        val direction = torch
          .tensor(
            Array.fill(shape.product.toInt)(random.nextGaussian()),
            new TensorOptions(torch.ScalarType.Double)
          )
          .view(shape: _*)
        def loss: Tensor = forward().mul(direction).sum()
        loss.backward()
        for ((leaf, tensor) <- leaves.all) {
          // An expert that no token has chosen has none: then differences must be 0.
          val gradient = Option.when(tensor.grad().defined())(tensor.grad().contiguous())
          val values = tensor.data_ptr_double()
          var largest = 0.0
          for (i <- 0L until tensor.numel) {
            val original = values.get(i)
            def at(value: Double): Double = {
              val inner = new PointerScope
              try {
                values.put(i, value)
                loss.item_double()
              } finally inner.close()
            }
            val numeric = (at(original + step) - at(original - step)) / (2 * step)
            values.put(i, original)
            val analytic = gradient.fold(0.0)(_.data_ptr_double().get(i))
            largest = math.max(largest, math.abs(analytic))
            assert(math.abs(numeric - analytic) < 1e-7 * (1 + math.abs(analytic)), s"$leaf[$i]")
          }
          assert(largest > 1e-3 || leaf.startsWith("expert"), s"$leaf has no gradient to compare")
        }
      } finally scope.close()
    }

  check("RMSNorm") { leaves =>
    val norm = leaves.norm("gain", dim)
    val x = leaves.input
    () => norm.forward(x)
  }

  check("SwiGLU") { leaves =>
    val layer = leaves.swiGlu("ffn", 5)
    val x = leaves.input
    () => layer.forward(x)
  }

  for (layout <- RotaryConfig.Layout.values)
    check(s"rotary positions, $layout") { leaves =>
      val x = leaves("input", sequences, length, 3, 4)
      val positions = rotary(4, layout)
      () => positions.rotate(x, 0)
    }

  private def documents: AttentionMask = {
    val numbers = Array[Long](0, 0, 1, 1, 0, 1, 1, 1)
    AttentionMask.ofDocuments(
      torch
        .tensor(numbers, new TensorOptions(torch.ScalarType.Long))
        .view(sequences.toLong, length.toLong)
    )
  }

  for (lowRank <- Seq(false, true); within <- Seq(false, true))
    check(s"latent attention, low-rank queries $lowRank, within documents $within") { leaves =>
      val config = new LatentConfig(2, if (lowRank) 5 else 0, 4, 3, 2, 3)
      val width = 2 * config.queryDim
      val queries =
        if (lowRank)
          new LatentAttention.Queries(
            Optional.of(leaves.linear("wq_a", 5, dim)),
            Optional.of(leaves.norm("q_norm", 5)),
            leaves.linear("wq_b", width, 5)
          )
        else
          new LatentAttention.Queries(
            Optional.empty(),
            Optional.empty(),
            leaves.linear("wq", width, dim)
          )
      val attention = new LatentAttention(
        config,
        queries,
        leaves.linear("wkv_a", 4 + 2, dim),
        leaves.norm("kv_norm", 4),
        leaves.linear("wkv_b", 2 * (3 + 3), 4),
        leaves.linear("wo", dim, 2 * 3),
        Precision.FLOAT32,
        1 / math.sqrt(config.queryDim.toDouble)
      )
      val x = leaves.input
      val seen = if (within) documents else AttentionMask.whole(sequences)
      val positions = rotary(2, RotaryConfig.Layout.INTERLEAVED)
      () => attention.forward(x, seen, positions)
    }

  check("grouped-query attention") { leaves =>
    val attention = new GroupedQueryAttention(
      new GroupedQueryConfig(4, 2, 2),
      leaves.linear("wq", 8, dim),
      leaves.linear("wk", 4, dim),
      leaves.linear("wv", 4, dim),
      leaves.linear("wo", dim, 8),
      Precision.FLOAT32,
      1 / math.sqrt(2)
    )
    val x = leaves.input
    val positions = rotary(2, RotaryConfig.Layout.HALVES)
    () => attention.forward(x, AttentionMask.whole(sequences), positions)
  }

  private def router(leaves: Leaves, score: Score, groups: Int): Router = {
    val config = new RouterConfig(8, 3, groups, math.max(1, groups / 2), score, 1.5, false, 0.1)
    val bias =
      torch.tensor(new Array[Double](8), new TensorOptions(torch.ScalarType.Double))
    new Router(config, leaves("gate", 8, dim), bias)
  }

  for (score <- Score.values; groups <- Seq(1, 2)) {
    check(s"router's weights, $score, $groups groups") { leaves =>
      val gate = router(leaves, score, groups)
      val x = leaves.input
      () => gate.choose(x).weights
    }

    check(s"sequence-wise balance loss, $score, $groups groups") { leaves =>
      val gate = router(leaves, score, groups)
      val x = leaves.input
      () =>
        gate
          .sequenceBalanceLoss(gate.choose(x).scores, sequences, Optional.empty())
          .mul(new org.bytedeco.pytorch.Scalar(1000.0))
    }

    for (shared <- Seq(false, true))
      check(s"mixture of experts, $score, $groups groups, shared $shared") { leaves =>
        val gate = router(leaves, score, groups)
        val routed = (0 until 8).map(i => leaves.swiGlu(s"expert$i", 3))
        val always = if (shared) Optional.of(leaves.swiGlu("shared", 3)) else Optional.empty[SwiGlu]
        val layer = new MoeLayer(gate, new LocalExperts(routed.asJava), always)
        val x = leaves.input
        () => layer.forward(x).output
      }
  }

  check("projection of multi-token prediction") { leaves =>
    val module = new PredictionModule(
      leaves.norm("enorm", dim),
      leaves.norm("hnorm", dim),
      leaves.linear("eh_proj", dim, 2 * dim),
      null,
      new RmsNorm(leaves("norm", dim), 1e-6)
    )
    val embedded = leaves("embedded", tokens, dim)
    val hidden = leaves("hidden", tokens, dim)
    () => module.norm.forward(module.join(embedded, hidden))
  }
}
