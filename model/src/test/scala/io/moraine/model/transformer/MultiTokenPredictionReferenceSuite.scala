package io.moraine.model.transformer

import io.moraine.model.attention.AttentionMask
import io.moraine.model.data.TokenBatch
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class MultiTokenPredictionReferenceSuite extends AnyFunSuite {
  import TinyModels._

  private def batch(sequences: Int = 2, seed: Long = 5, padded: Boolean = false): TokenBatch = {
    val rows = tokens(sequences * (length + 1), seed)
    if (padded)
      for (i <- rows.indices if i % (length + 1) > 5 + i / (length + 1))
        rows(i) = TokenBatch.PADDING
    new TokenBatch(sequences, length, rows)
  }

  /** The cross-entropies of module k from its logits, target by target; (sum, number). */
  private def further(m: Transformer, b: TokenBatch, k: Int): (Double, Int) = {
    val rows = b.tokens.grouped(length + 1).toSeq
    val inputs = rows.flatMap(_.take(length)).map(math.max(0, _)).toArray
    val logits = m.furtherLogits(inputs, AttentionMask.whole(b.sequences), k)
    val places = length - k
    val losses = for {
      (row, s) <- rows.zipWithIndex
      i <- 0 until places if row(i + k + 1) != TokenBatch.PADDING
    } yield {
      val at = (s * places + i) * vocabulary
      val scores = logits.slice(at, at + vocabulary).map(_.toDouble)
      math.log(scores.map(math.exp).sum) - scores(row(i + k + 1))
    }
    (losses.sum, losses.size)
  }

  /** What forwardBackward descends: main loss and weighted losses of the modules. */
  private def total(m: Transformer, b: TokenBatch): Double = {
    val p = m.config.prediction
    val modules = (1 to p.depth).map(further(m, b, _)._1 / b.predictions)
    m.loss(b) + p.lossWeight / p.depth * modules.sum
  }

  /** Of the main model alone. */
  private def chosenExperts(m: Transformer, b: TokenBatch): Seq[Set[Long]] = {
    val k = m.config.router.activeExperts
    m.routerChoices(
      b.tokens.grouped(length + 1).flatMap(_.take(length)).map(math.max(0, _)).toArray,
      b.sequences
    ).asScala
      .toSeq
      .flatMap(_.experts().grouped(k).map(_.toSet))
  }

  private def moved[T](m: Transformer, from: Long, by: Array[Float])(look: => T): T = {
    val original = new Array[Float](by.length)
    m.parameters.get(from, original, 0, by.length)
    m.parameters.put(from, original.zip(by).map { case (w, d) => w + d }, 0, by.length)
    try look
    finally m.parameters.put(from, original, 0, by.length)
  }

  for (depth <- 1 to 3; padded <- Seq(false, true); denseLayers <- Seq(1, 2))
    test(
      s"gradients equal finite differences: depth $depth, padding $padded, $denseLayers of 2 layers dense"
    ) {
      val m = model(config(denseLayers = denseLayers, prediction = new PredictionConfig(depth, 2)))
      val b = batch(2, 5, padded)
      m.zeroGradients()
      m.forwardBackward(b, 1)
      var compared = Seq.empty[String]
      var jumps = 0
      for (slice <- m.parameters.slices.asScala) {
        val direction = new Array[Float](slice.length.toInt)
        m.gradients.get(slice.offsetElements, direction, 0, direction.length)
        val norm = math.sqrt(direction.map(d => d.toDouble * d).sum)
        // Along its own gradient the loss changes by the gradient's norm per unit.
        if (norm > 1e-3) {
          def at[T](step: Double)(look: => T): T =
            moved(m, slice.offsetElements, direction.map(d => (step * d / norm).toFloat))(look)
          // The loss jumps where a token changes its experts: measure on this side of a jump.
          val here = chosenExperts(m, b)
          Seq(2e-3, 5e-4)
            .find(step => Seq(step, -step).forall(at(_)(chosenExperts(m, b)) == here))
            .foreach { step =>
              val numeric = (at(step)(total(m, b)) - at(-step)(total(m, b))) / (2 * step)
              compared :+= slice.name
              // A module's own router may jump; then a smaller step stays on this side.
              if (math.abs(numeric - norm) >= 0.03 * norm + 3e-3) {
                jumps += 1
                val smaller = (at(1e-4)(total(m, b)) - at(-1e-4)(total(m, b))) / 2e-4
                assert(math.abs(smaller - norm) < 0.05 * norm + 2e-2, slice.name)
              }
            }
        }
      }
      for (k <- 1 to depth; name <- Seq("enorm", "hnorm", "eh_proj", "attn.wo", "shared_head.norm"))
        assert(compared.contains(s"layers.${1 + k}.$name.weight"), compared.toString)
      assert(jumps <= compared.size / 10, s"$jumps of ${compared.size}")
      assert(Seq("embed.weight", "head.weight", "norm.weight").forall(compared.contains))
      m.close()
    }

  for (depth <- 1 to 3; padded <- Seq(false, true))
    test(
      s"the reported loss is the main model's; that of the modules stands beside it, $depth, $padded"
    ) {
      val m = model(config(prediction = new PredictionConfig(depth, 0.3)))
      val b = batch(3, 6, padded)
      val expected = (1 to depth).map(further(m, b, _))
      assert(math.abs(m.forwardBackward(b, 1) - m.loss(b)) < 1e-6)
      val heard = m.takeFurtherLoss()
      assert(heard.predictions == expected.map(_._2).sum)
      assert(math.abs(heard.sum - expected.map(_._1).sum) < 1e-4 * heard.sum)
      if (!padded) assert(heard.predictions == 3 * (1 to depth).map(length - _).sum)
      assert(m.takeFurtherLoss().predictions == 0)
      m.close()
    }

  test("with loss weight 0 the modules change nothing in the main model's weights and gradients") {
    val alone = model(config())
    val withModules = model(config(prediction = new PredictionConfig(2, 0)))
    val weighted = model(config(prediction = new PredictionConfig(2, 0.3)))
    val all = Seq(alone, withModules, weighted)
    all.foreach(_.forwardBackward(batch(), 1))
    var differ = 0
    for (slice <- alone.parameters.slices.asScala) {
      val Seq(a, b, c) =
        all.map(values(_, slice.offsetElements, slice.length.toInt, gradients = true))
      assert(a == b, slice.name)
      differ += (if (a == c) 0 else 1)
      val Seq(x, y, _) =
        all.map(values(_, slice.offsetElements, slice.length.toInt, gradients = false))
      assert(x == y, slice.name)
    }
    assert(differ > 10)
    val size = alone.parameters.length.toInt
    val own =
      values(withModules, size.toLong, withModules.parameters.length.toInt - size, gradients = true)
    assert(own.nonEmpty && own.forall(_ == 0f))
  }

  private def values(m: Transformer, from: Long, count: Int, gradients: Boolean): Seq[Float] = {
    val array = new Array[Float](count)
    (if (gradients) m.gradients else m.parameters).get(from, array, 0, count)
    array.toSeq
  }

  test("padding adds nothing to the modules' loss, gradients and expert load") {
    val router = new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1.5, true, 0.5)
    val m = model(config(router, prediction = new PredictionConfig(2, 0.3)))
    val row = tokens(8, 5)
    def learned(b: TokenBatch) = {
      m.zeroGradients()
      m.forwardBackward(b, 1)
      (m.takeFurtherLoss(), all(m.gradients).toSeq, m.expertBalance.get.takeLoad().toSeq)
    }
    val (loss, gradients, load) = learned(new TokenBatch(1, 7, row))
    val (paddedLoss, paddedGradients, paddedLoad) =
      learned(new TokenBatch(1, length, row.padTo(length + 1, TokenBatch.PADDING)))
    assert(loss.predictions == 6 + 5 && paddedLoss.predictions == 11)
    assert(math.abs(loss.sum - paddedLoss.sum) < 1e-4)
    // One main layer and two modules of 7, 6 and 5 tokens, two experts each.
    assert(load == paddedLoad && load.grouped(8).map(_.sum).toSeq == Seq(14, 12, 10))
    for ((a, b) <- gradients.zip(paddedGradients))
      assert(math.abs(a - b) <= 1e-4 * math.abs(a) + 1e-6)
  }

  test("a batch counts by its tokens: halves with their weights add up to the whole") {
    val m = model(config(prediction = new PredictionConfig(2, 0.3)))
    val whole = batch(2, 5, padded = true)
    m.zeroGradients()
    m.forwardBackward(whole, whole.predictions.toDouble / length)
    val expected = all(m.gradients)
    m.zeroGradients()
    for (row <- whole.tokens.grouped(length + 1)) {
      val half = new TokenBatch(1, length, row)
      m.forwardBackward(half, half.predictions.toDouble / length)
    }
    for ((a, b) <- expected.zip(all(m.gradients)))
      assert(math.abs(a - b) <= 1e-4 * math.abs(a) + 1e-6)
  }

  test("module k sees the tokens up to i + k and no later one") {
    val m = model(config(prediction = new PredictionConfig(2, 0.3)))
    val text = tokens(length, 5)
    for (k <- 1 to 2) {
      val before =
        m.furtherLogits(text, AttentionMask.whole(1), k).grouped(vocabulary).map(_.toSeq).toSeq
      for (changed <- 0 until length) {
        val other = text.updated(changed, (text(changed) + 1) % vocabulary)
        val after =
          m.furtherLogits(other, AttentionMask.whole(1), k).grouped(vocabulary).map(_.toSeq).toSeq
        for (i <- before.indices) {
          val difference = before(i).zip(after(i)).map { case (a, b) => math.abs(a - b) }.max
          // Sees it by itself or through earlier places.
          if (changed > i + k) assert(difference < 1e-5, s"module $k at $i, token $changed")
          else if (changed == i + k) assert(difference > 1e-4, s"module $k at $i, token $changed")
        }
      }
    }
  }

  test("the modules learn what comes after the next token") {
    val m = model(config(prediction = new PredictionConfig(2, 0.5)))
    val b = batch(2)
    m.forwardBackward(b, 1)
    val first = m.takeFurtherLoss()
    descend(m, b, 400)
    m.takeFurtherLoss()
    m.forwardBackward(b, 1)
    val last = m.takeFurtherLoss()
    assert(first.sum / first.predictions > 2.5 && last.sum / last.predictions < 0.2)
  }

  test("modules are further layers, as the last one, behind the main model's weights") {
    val plain = WeightLayout.of(config()).asScala
    val more = WeightLayout.of(config(prediction = new PredictionConfig(1, 0.3))).asScala
    assert(more.take(plain.size) == plain)
    assert(
      more.drop(plain.size).map(_.name).filterNot(_.contains("experts")) == Seq(
        "layers.2.enorm.weight",
        "layers.2.hnorm.weight",
        "layers.2.eh_proj.weight",
        "layers.2.attn.wq_a.weight",
        "layers.2.attn.q_norm.weight",
        "layers.2.attn.wq_b.weight",
        "layers.2.attn.wkv_a.weight",
        "layers.2.attn.kv_norm.weight",
        "layers.2.attn.wkv_b.weight",
        "layers.2.attn.wo.weight",
        "layers.2.ffn.gate.weight",
        "layers.2.attn_norm.weight",
        "layers.2.ffn_norm.weight",
        "layers.2.shared_head.norm.weight"
      )
    )
    assert(config(prediction = new PredictionConfig(3, 0.3)).moeLayers == 4)
    assert(config(denseLayers = 2, prediction = new PredictionConfig(3, 0.3)).moeLayers == 0)
  }

  test("a setting that makes no sense is refused with its rule and value") {
    def message(make: => PredictionConfig) = intercept[IllegalArgumentException](make).getMessage
    assert(message(new PredictionConfig(-1, 0.3)) == "depth must be at least 0, got -1")
    assert(
      message(new PredictionConfig(1, Double.NaN)) == "loss-weight must be at least 0, got NaN"
    )
  }
}
