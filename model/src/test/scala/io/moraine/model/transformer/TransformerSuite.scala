package io.moraine.model.transformer

import io.moraine.model.attention.{GroupedQueryConfig, LatentConfig}
import io.moraine.model.data.TokenBatch
import io.moraine.model.generate.{Generator, SamplingConfig}
import io.moraine.model.layer.{Llama3Scaling, RotaryConfig, RotaryScaling, YarnScaling}
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.tensor.{FlatBuffer, Torch}
import java.nio.file.{Files, Path}
import java.util.SplittableRandom
import java.util.concurrent.{Callable, Executors}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class TransformerSuite extends AnyFunSuite {

  private val vocabulary = 23
  private val length = 12

  private def config(
      router: RouterConfig,
      lowRank: Boolean = true,
      yarn: Boolean = false,
      shared: Int = 1
  ) =
    new ModelConfig(
      vocabulary,
      16,
      2,
      1,
      24,
      length,
      1e-6,
      0.2,
      new LatentConfig(2, if (lowRank) 10 else 0, 8, 6, 4, 5),
      RotaryConfig.deepSeek(10000, if (yarn) length / 2 else length, 40, 32, 1, 1),
      new ModelConfig.ExpertsConfig(shared, 8),
      router,
      false
    )

  private val v3 = new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1.5, true, 0)
  private val v2 = new RouterConfig(6, 2, 1, 1, Score.SOFTMAX, 1, false, 0)

  private def dense(keyValueHeads: Int, tied: Boolean, scaling: RotaryScaling) =
    new ModelConfig(
      vocabulary,
      16,
      2,
      2,
      24,
      length,
      1e-5,
      0.2,
      new GroupedQueryConfig(4, keyValueHeads, 6),
      new RotaryConfig(10000, RotaryConfig.Layout.HALVES, scaling),
      ModelConfig.ExpertsConfig.none,
      RouterConfig.none,
      tied
    )

  private def model(config: ModelConfig, seed: Long = 3): Transformer = {
    Torch.start(1)
    val model = new Transformer(config)
    InitialWeights.put(model.config, seed, model.parameters)
    model
  }

  private def batch(sequences: Int = 2, seed: Long = 5): TokenBatch = {
    val random = new SplittableRandom(seed)
    new TokenBatch(
      sequences,
      length,
      Array.fill(sequences * (length + 1))(random.nextInt(vocabulary))
    )
  }

  private def all(buffer: FlatBuffer): Array[Float] = {
    val values = new Array[Float](buffer.length.toInt)
    buffer.get(0, values, 0, values.length)
    values
  }

  private def chosenExperts(m: Transformer, b: TokenBatch): Seq[Set[Long]] = {
    val inputs = b.tokens.grouped(length + 1).flatMap(_.take(length)).toArray
    val k = m.config.router.activeExperts
    m.routerChoices(inputs, b.sequences)
      .asScala
      .toSeq
      .flatMap(_.experts().grouped(k).map(_.toSet))
  }

  for (
    (name, router, shared) <- Seq(
      ("sigmoid, groups, bias", v3, 1),
      ("softmax", v2, 1),
      ("softmax, groups, bias", new RouterConfig(8, 2, 4, 2, Score.SOFTMAX, 1, true, 0), 1),
      ("softmax, groups without bias", new RouterConfig(8, 2, 4, 2, Score.SOFTMAX, 1, false, 0), 1),
      ("sigmoid without groups", new RouterConfig(8, 3, 1, 1, Score.SIGMOID, 1, true, 0), 1),
      ("balance loss", new RouterConfig(8, 2, 1, 1, Score.SIGMOID, 1, true, 0.5), 1),
      ("no shared expert", v3, 0),
      ("two shared experts", v3, 2)
    );
    lowRank <- Seq(true, false); yarn <- Seq(true, false)
  )
    test(s"gradients equal finite differences: $name, low-rank queries $lowRank, YaRN $yarn") {
      val m = model(config(router, lowRank, yarn, shared))
      val b = batch()
      m.zeroGradients()
      m.forwardBackward(b, 1)
      val gradients = all(m.gradients)
      var compared = 0
      val withBalance = router.sequenceBalanceAlpha > 0
      for (slice <- m.parameters.slices.asScala if !withBalance || slice.name.startsWith("head")) {
        val direction = new Array[Float](slice.length.toInt)
        m.gradients.get(slice.offsetElements, direction, 0, direction.length)
        val norm = math.sqrt(direction.map(d => d.toDouble * d).sum)
        // Along its own gradient the loss changes by the gradient's norm per unit.
        if (norm > 1e-4) {
          def movedBy[T](step: Double)(look: => T): T = {
            val original = new Array[Float](direction.length)
            m.parameters.get(slice.offsetElements, original, 0, original.length)
            val moved = original.zip(direction).map { case (w, d) => (w + step * d / norm).toFloat }
            m.parameters.put(slice.offsetElements, moved, 0, moved.length)
            try look
            finally m.parameters.put(slice.offsetElements, original, 0, original.length)
          }
          // The loss jumps where a token changes its experts: measure on this side of a jump.
          val here = chosenExperts(m, b)
          Seq(2e-3, 5e-4, 1e-4)
            .find(step => Seq(step, -step).forall(movedBy(_)(chosenExperts(m, b)) == here))
            .foreach { step =>
              val numeric = (movedBy(step)(m.loss(b)) - movedBy(-step)(m.loss(b))) / (2 * step)
              assert(math.abs(numeric - norm) < 0.03 * norm + 3e-3, slice.name)
              compared += 1
            }
        }
      }
      assert(compared >= (if (withBalance) 1 else 15), "too few slices without a change of experts")
      assert(gradients.forall(java.lang.Float.isFinite))
      m.close()
    }

  for (
    keyValueHeads <- Seq(1, 2, 4); tied <- Seq(false, true);
    scaling <- Seq(new RotaryScaling.None, new Llama3Scaling(8, 4, 1, 4))
  )
    test(
      s"dense: gradients equal finite differences: $keyValueHeads key-value heads, tied $tied, $scaling"
    ) {
      val m = model(dense(keyValueHeads, tied, scaling))
      assert(m.expertBalance.isEmpty && m.config.activeParameters == m.config.parameters)
      val b = batch()
      m.forwardBackward(b, 1)
      for (slice <- m.parameters.slices.asScala) {
        val direction = new Array[Float](slice.length.toInt)
        m.gradients.get(slice.offsetElements, direction, 0, direction.length)
        val norm = math.sqrt(direction.map(d => d.toDouble * d).sum)
        assert(norm > 1e-4, slice.name)
        def lossMovedBy(step: Double): Double = {
          val original = new Array[Float](direction.length)
          m.parameters.get(slice.offsetElements, original, 0, original.length)
          val moved = original.zip(direction).map { case (w, d) => (w + step * d / norm).toFloat }
          m.parameters.put(slice.offsetElements, moved, 0, moved.length)
          try m.loss(b)
          finally m.parameters.put(slice.offsetElements, original, 0, original.length)
        }
        val numeric = (lossMovedBy(2e-3) - lossMovedBy(-2e-3)) / 4e-3
        assert(math.abs(numeric - norm) < 0.03 * norm + 3e-3, slice.name)
      }
      m.close()
    }

  for (
    (name, mscale, mscaleAllDim, rotaryOnly) <- Seq(
      ("the softmax scale", 1.0, 1.0, false),
      ("rotated vectors", 1.0, 0.0, true)
    );
    lowRank <- Seq(true, false)
  )
    test(s"YaRN's correction of $name is as larger queries, low-rank queries $lowRank") {
      // Frequencies of so few rotations that no pair is stretched: the correction is all there is.
      val rotations = 9e-7
      def withScaling(scaling: RotaryScaling) = {
        val plain = config(v3, lowRank)
        new ModelConfig(
          plain.vocabularySize,
          plain.dim,
          plain.layers,
          plain.denseLayers,
          plain.denseFeedForwardDim,
          plain.maxSequenceLength,
          plain.normEpsilon,
          plain.initStd,
          plain.attention,
          new RotaryConfig(10000, RotaryConfig.Layout.INTERLEAVED, scaling),
          plain.experts,
          plain.router,
          false
        )
      }
      val corrected = model(
        withScaling(new YarnScaling(6, 40, rotations, rotations, mscale, mscaleAllDim))
      )
      val larger = model(withScaling(new RotaryScaling.None))
      val factor = math.pow(0.1 * math.log(40) + 1, 2).toFloat
      val tokens = batch(1).tokens.take(length)
      val before = larger.logits(tokens, 1)
      val queries = larger.parameters.slices.asScala
        .filter(_.name.endsWith(if (lowRank) "attn.wq_b.weight" else "attn.wq.weight"))
      assert(queries.size == 2)
      for (slice <- queries) {
        val values = new Array[Float](slice.length.toInt)
        larger.parameters.get(slice.offsetElements, values, 0, values.length)
        val width = slice.shape.get(1).toInt
        for (i <- values.indices if !rotaryOnly || i / width % 10 >= 6) values(i) *= factor
        larger.parameters.put(slice.offsetElements, values, 0, values.length)
      }
      val expected = larger.logits(tokens, 1)
      for ((a, b) <- corrected.logits(tokens, 1).zip(expected)) assert(math.abs(a - b) < 1e-5f)
      assert(before.zip(expected).map { case (a, b) => math.abs(a - b) }.max > 1e-3f)
    }

  test("tied embeddings save a matrix of vocabulary times width") {
    val untied = dense(2, tied = false, new RotaryScaling.None)
    val tied = dense(2, tied = true, new RotaryScaling.None)
    assert(untied.parameters - tied.parameters == vocabulary * 16)
    assert(!tied.weights.asScala.exists(_.name == "head.weight"))
  }

  test("key-value heads that hold the same weights are as one head fewer") {
    val two = model(dense(2, tied = false, new RotaryScaling.None))
    val one = model(dense(1, tied = false, new RotaryScaling.None))
    for ((slice, other) <- two.parameters.slices.asScala.zip(one.parameters.slices.asScala)) {
      val values = new Array[Float](other.length.toInt)
      one.parameters.get(other.offsetElements, values, 0, values.length)
      val repeated = if (slice.length > other.length) values ++ values else values
      two.parameters.put(slice.offsetElements, repeated, 0, repeated.length)
    }
    val tokens = batch(1).tokens.take(length)
    for ((a, b) <- two.logits(tokens, 1).zip(one.logits(tokens, 1)))
      assert(math.abs(a - b) < 1e-5f)
  }

  test("the balance loss adds to the routers' gradients and to nothing that is reported") {
    val losses = Seq(0.0, 0.5).map { alpha =>
      val m = model(config(new RouterConfig(8, 2, 1, 1, Score.SIGMOID, 1, true, alpha)))
      val loss = m.forwardBackward(batch(), 1)
      val gate = m.gradients.slices.asScala.find(_.name.endsWith("gate.weight")).get
      val gradient = new Array[Float](gate.length.toInt)
      m.gradients.get(gate.offsetElements, gradient, 0, gradient.length)
      (loss, gradient.toSeq)
    }
    assert(losses(0)._1 == losses(1)._1)
    assert(losses(0)._2 != losses(1)._2)
  }

  test("plain gradient descent on one batch brings the loss from log V near 0") {
    val m = model(config(v3))
    val b = batch()
    val first = m.loss(b)
    for (_ <- 1 to 300) {
      m.zeroGradients()
      m.forwardBackward(b, 1)
      val weights = all(m.parameters)
      for ((g, i) <- all(m.gradients).zipWithIndex) weights(i) -= 0.5f * g
      m.parameters.put(0, weights, 0, weights.length)
    }
    assert(first > 2.5 && m.loss(b) < 0.1)
  }

  test(
    "the same seed gives the same bits, another seed others; two threads do not disturb each other"
  ) {
    def gradients(seed: Long): Seq[Float] = {
      val m = model(config(v3), seed)
      for (step <- 1 to 5) m.forwardBackward(batch(2, step.toLong), 1)
      all(m.gradients).toSeq
    }
    val alone = gradients(3)
    assert(alone != gradients(4))
    val pool = Executors.newFixedThreadPool(2)
    try {
      val work = new Callable[Seq[Float]] { override def call(): Seq[Float] = gradients(3) }
      val both = Seq(pool.submit(work), pool.submit(work)).map(_.get())
      assert(both.forall(_ == alone))
    } finally pool.shutdownNow()
  }

  test("gradients add up over calls, each with its weight, inside the flat buffer") {
    val m = model(config(v3))
    m.forwardBackward(batch(2, 1), 1)
    val one = all(m.gradients)
    m.zeroGradients()
    m.forwardBackward(batch(2, 1), 2)
    m.forwardBackward(batch(2, 1), 1)
    for ((a, b) <- one.zip(all(m.gradients)))
      assert(math.abs(3 * a - b) <= 1e-4 * math.abs(b) + 1e-6)
  }

  for (alpha <- Seq(0.0, 0.5)) {
    test(s"padding adds nothing to loss, gradients and expert load, balance loss $alpha") {
      val router = new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1.5, true, alpha)
      val row = batch(1).tokens.take(8)
      val m = model(config(router))
      def learned(b: TokenBatch): (Double, Seq[Float], Seq[Long]) = {
        m.zeroGradients()
        val loss = m.forwardBackward(b, 1)
        (loss, all(m.gradients).toSeq, m.expertBalance.get.takeLoad().toSeq)
      }
      val short = new TokenBatch(1, 7, row)
      val long = new TokenBatch(1, length, row.padTo(length + 1, TokenBatch.PADDING))
      assert(!short.isPadded && long.isPadded && long.predictions == 7)
      val (loss, gradients, load) = learned(short)
      val (paddedLoss, paddedGradients, paddedLoad) = learned(long)
      assert(math.abs(loss - paddedLoss) < 1e-6 && load == paddedLoad && load.sum == 14)
      // Other matrix shapes, other rounding: float32 sums of some hundred terms.
      for ((a, b) <- gradients.zip(paddedGradients))
        assert(math.abs(a - b) <= 1e-4 * math.abs(a) + 1e-6)
      val losses = m.tokenLosses(long)
      for ((a, b) <- m.tokenLosses(short).zip(losses)) assert(math.abs(a - b) < 1e-5)
      assert(losses.drop(7).forall(_ == 0) && math.abs(m.loss(long) - loss) < 1e-5)
    }
  }

  test("sequences of a padded batch count by their tokens") {
    val m = model(config(v3))
    val full = batch(1, 1).tokens
    val part = batch(1, 2).tokens.take(5).padTo(length + 1, TokenBatch.PADDING)
    val losses = Seq(full, part).map(row => m.loss(new TokenBatch(1, length, row)))
    val both = m.forwardBackward(new TokenBatch(2, length, full ++ part), 1)
    assert(math.abs(both - (losses(0) * length + losses(1) * 4) / (length + 4)) < 1e-5)
  }

  test("padding between slices stays zero in weights and gradients") {
    val m = model(config(v3))
    m.forwardBackward(batch(), 1)
    val padding = all(m.parameters).zip(all(m.gradients)).zipWithIndex.collect {
      case (values, i)
          if !m.parameters.slices.asScala
            .exists(s => i >= s.offsetElements && i < s.offsetElements + s.length) =>
        values
    }
    assert(padding.nonEmpty && padding.forall(_ == (0f, 0f)))
  }

  test("expert load counts every token top-k times per layer and starts again when taken") {
    val m = model(config(v3))
    m.forwardBackward(batch(3), 1)
    assert(m.expertBalance.get.takeLoad().sum == 3 * length * 2)
    m.loss(batch(3))
    assert(m.expertBalance.get.takeLoad().sum == 0)
  }

  test("selection bias changes which experts are chosen but not their weights") {
    val m = model(config(new RouterConfig(8, 8, 1, 1, Score.SIGMOID, 1, true, 0)))
    val tokens = batch(1).tokens.take(length)
    def weights: Map[(Int, Long), Float] = {
      val choice = m.routerChoices(tokens, 1).get(0)
      choice
        .experts()
        .zip(choice.weights())
        .zipWithIndex
        .map { case ((e, w), i) =>
          (i / 8, e) -> w
        }
        .toMap
    }
    val before = weights
    m.expertBalance.get.setBias(Array.tabulate(8)(i => i * 0.1f))
    for ((token, weight) <- weights) assert(math.abs(weight - before(token)) < 1e-6f)
    val two = model(config(new RouterConfig(8, 2, 1, 1, Score.SIGMOID, 1, true, 0)))
    val chosen = two.routerChoices(tokens, 1).get(0).experts().toSeq
    two.expertBalance.get.setBias(Array(0f, 0f, 0f, 0f, 0f, 0f, 0f, 100f))
    assert(two.routerChoices(tokens, 1).get(0).experts().grouped(2).forall(_.contains(7)))
    assert(chosen != two.routerChoices(tokens, 1).get(0).experts().toSeq)
  }

  test("the bias falls by gamma above the mean load, rises below it and stays at it") {
    val m = model(config(new RouterConfig(4, 1, 1, 1, Score.SIGMOID, 1, true, 0)))
    m.expertBalance.get.updateBias(Array(10L, 5L, 5L, 0L), 0.01f)
    assert(m.expertBalance.get.bias().toSeq == Seq(-0.01f, 0f, 0f, 0.01f))
  }

  test("without a selection bias the load moves nothing") {
    val m = model(config(v2))
    m.expertBalance.get.updateBias(Array(10L, 5L, 5L, 0L, 0L, 0L), 0.01f)
    assert(m.expertBalance.get.bias().forall(_ == 0f))
  }

  test("two hundred steps do not grow the process by more than 150 MB") {
    val m = model(config(v3))
    def residentKib: Long = Files
      .readAllLines(Path.of("/proc/self/status"))
      .asScala
      .find(_.startsWith("VmRSS"))
      .map(_.replaceAll("\\D", "").toLong)
      .getOrElse(0)
    for (_ <- 1 to 50) m.forwardBackward(batch(64), 1)
    def grown(): Long = {
      System.gc()
      val before = residentKib
      for (_ <- 1 to 200) m.forwardBackward(batch(64), 1)
      System.gc()
      residentKib - before
    }
    // The JVM's own heap and compilers may grow once.
    val rounds = LazyList.fill(3)(grown())
    assert(rounds.exists(_ < 150 * 1024), rounds.toList)
  }

  test("greedy text is the likeliest token each time, and the seed decides drawn text") {
    val m = model(config(v3))
    def text(sampling: SamplingConfig): Seq[Int] = {
      val tokens = Seq.newBuilder[Int]
      new Generator(m, sampling).generate(Array(1, 2, 3), 20, t => { tokens += t; true })
      tokens.result()
    }
    val greedy = text(SamplingConfig.greedy)
    assert(greedy.size == 20)
    val next = m.nextLogits(Array(1, 2, 3))
    assert(greedy.head == next.indexOf(next.max))
    val full = m.logits(Array(1, 2, 3), 1).takeRight(vocabulary)
    for ((a, b) <- next.zip(full)) assert(math.abs(a - b) < 1e-5f)
    assert(text(SamplingConfig.plain(7)) == text(SamplingConfig.plain(7)))
    assert(text(SamplingConfig.plain(7)) != text(SamplingConfig.plain(8)))
    assert(text(new SamplingConfig(1, 1, 1, 1, 7)) == greedy)
  }

  test("parameters of DeepSeek-V3's configuration: 671 billion, 37 billion active, to 1 %") {
    val deepSeek = new ModelConfig(
      129280,
      7168,
      61,
      3,
      18432,
      4096,
      1e-6,
      0.006,
      new LatentConfig(128, 1536, 512, 128, 64, 128),
      RotaryConfig.deepSeek(10000, 4096, 40, 32, 1, 1),
      new ModelConfig.ExpertsConfig(1, 2048),
      new RouterConfig(256, 8, 8, 4, Score.SIGMOID, 2.5, true, 1e-4),
      false
    )
    assert(math.abs(deepSeek.parameters / 671e9 - 1) < 0.01)
    assert(math.abs(deepSeek.activeParameters / 37.5e9 - 1) < 0.02)
  }

  test("layers with experts need experts, groups of a biased router two each") {
    val missing = intercept[IllegalArgumentException](
      new ModelConfig(
        vocabulary,
        16,
        2,
        1,
        24,
        length,
        1e-6,
        0.2,
        new GroupedQueryConfig(4, 2, 6),
        new RotaryConfig(10000, RotaryConfig.Layout.HALVES, new RotaryScaling.None),
        ModelConfig.ExpertsConfig.none,
        RouterConfig.none,
        false
      )
    )
    assert(
      missing.getMessage == "experts.routed and experts.feed-forward-dim must be positive " +
        "with layers 2 above dense-layers 1, got 0 and 0"
    )
    val groups = intercept[IllegalArgumentException](
      new RouterConfig(4, 2, 4, 2, Score.SIGMOID, 1, true, 0)
    )
    assert(
      groups.getMessage ==
        "groups that rank by their two best experts need two each, got routed 4 and groups 4"
    )
    val heads = intercept[IllegalArgumentException](new GroupedQueryConfig(6, 4, 8))
    assert(heads.getMessage == "heads must be a multiple of key-value-heads, got 6 and 4")
  }

  test("sizes that do not fit are refused with both numbers") {
    val error = intercept[IllegalArgumentException](
      new RouterConfig(8, 2, 3, 1, Score.SIGMOID, 1, true, 0)
    )
    assert(error.getMessage == "routed must be divisible by groups, got 8 and 3")
  }
}
