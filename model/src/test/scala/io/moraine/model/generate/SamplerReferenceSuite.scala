package io.moraine.model.generate

import java.util.{BitSet, SplittableRandom}
import org.scalatest.funsuite.AnyFunSuite

/** Sampling against plain computations of what Hugging Face defines, and by its frequencies. */
class SamplerReferenceSuite extends AnyFunSuite {

  private def ids(members: Int*): BitSet = {
    val ids = new BitSet
    members.foreach(ids.set(_))
    ids
  }

  private def probabilities(
      logits: Array[Float],
      config: SamplingConfig,
      text: Array[Int] = Array()
  ): Seq[Double] =
    new Sampler(config, ids(logits.indices: _*))
      .probabilities(logits, 0, logits.length, text, text.length)
      .toSeq

  private def softmax(scores: Seq[Double]): Seq[Double] = {
    val exponentials = scores.map(s => math.exp(s - scores.max))
    exponentials.map(_ / exponentials.sum)
  }

  /** Step by step over sorted lists, as the definitions read. */
  private def reference(
      logits: Seq[Double],
      text: Seq[Int],
      temperature: Double,
      topK: Int,
      topP: Double,
      penalty: Double
  ): Seq[Double] = {
    val penalised = logits.zipWithIndex.map { case (s, id) =>
      if (!text.contains(id)) s else if (s < 0) s * penalty else s / penalty
    }
    val warm = penalised.map(_ / temperature)
    val least = if (topK == 0) Double.NegativeInfinity else warm.sorted.reverse.take(topK).last
    val top = warm.map(s => if (s < least) Double.NegativeInfinity else s)
    val ascending = top.zipWithIndex.sortBy { case (s, id) => (s, id) }
    val sums = softmax(ascending.map(_._1)).scanLeft(0.0)(_ + _).tail
    val removed = ascending.zip(sums).init.collect { case ((_, id), sum) if sum <= 1 - topP => id }
    softmax(top.zipWithIndex.map { case (s, id) =>
      if (topP < 1 && removed.contains(id)) Double.NegativeInfinity else s
    })
  }

  private def assertClose(a: Seq[Double], b: Seq[Double], clue: String = ""): Unit = {
    assert(a.size == b.size && a.map(_ == 0) == b.map(_ == 0), clue)
    for ((x, y) <- a.zip(b)) assert(math.abs(x - y) < 1e-12, clue)
  }

  test("2,000 random settings, equal logits among them, as the definitions read") {
    val random = new SplittableRandom(1)
    for (round <- 1 to 2000) {
      val size = 1 + random.nextInt(40)
      // Quarters, so that many are equal and all sums of logits are exact.
      val logits = Array.fill(size)((random.nextInt(33) - 16) / 4f)
      val text = Array.fill(random.nextInt(10))(random.nextInt(size))
      val temperature = 0.25 + random.nextInt(8) / 4.0
      val topK = random.nextInt(size + 3)
      val topP = if (random.nextBoolean()) 1.0 else 0.01 + 0.98 * random.nextDouble()
      val penalty = if (random.nextBoolean()) 1.0 else 0.5 + random.nextDouble()
      val config = new SamplingConfig(temperature, topK, topP, penalty, 1)
      val k = if (topK > size) 0 else topK
      assertClose(
        probabilities(logits, config, text),
        reference(logits.map(_.toDouble).toSeq, text.toSeq, temperature, k, topP, penalty),
        s"round $round: $config"
      )
    }
  }

  test(
    "top-k keeps all that are equal to the k-th; top-p is of the probabilities that top-k left"
  ) {
    val logits = Array(math.log(4).toFloat, math.log(2).toFloat, math.log(2).toFloat, 0f, 0f)
    assertClose(
      probabilities(logits, new SamplingConfig(1, 2, 1, 1, 1)).map(p => (p * 8).round / 8.0),
      Seq(0.5, 0.25, 0.25, 0, 0)
    )
    // Of 0.4 and 0.2 alone 2/3 and 1/3 are left by top-k = 2 without equals: 0.6 keeps the first.
    val two = Array(math.log(4).toFloat, math.log(2).toFloat, 0f, 0f)
    assert(probabilities(two, new SamplingConfig(1, 2, 0.6, 1, 1)) == Seq(1, 0, 0, 0))
    assert(probabilities(two, new SamplingConfig(1, 0, 0.6, 1, 1)).count(_ > 0) == 2)
  }

  test("temperature comes before top-p: a high one lets more tokens in") {
    val logits = Array(3f, 1f, 0f)
    assert(probabilities(logits, new SamplingConfig(1, 0, 0.8, 1, 1)).count(_ > 0) == 1)
    assert(probabilities(logits, new SamplingConfig(3, 0, 0.8, 1, 1)).count(_ > 0) == 2)
  }

  test("the repetition penalty divides positive logits and multiplies negative ones, once each") {
    val logits = Array(2f, -1f, 1f, 0.5f)
    val penalised = probabilities(logits, new SamplingConfig(1, 0, 1, 2, 1), Array(0, 1, 0, 1))
    assertClose(penalised, softmax(Seq(1, -2, 1, 0.5)))
    // It comes before the greedy choice too.
    assert(probabilities(logits, new SamplingConfig(0, 0, 1, 3, 1), Array(0)) == Seq(0, 0, 1, 0))
  }

  test("temperature 0 takes the likeliest token, the first of equals, whatever the rest says") {
    assert(probabilities(Array(1f, 3f, 3f), SamplingConfig.greedy) == Seq(0, 1, 0))
    assert(probabilities(Array(1f, 3f, 3f), new SamplingConfig(0, 1, 0.1, 1, 5)) == Seq(0, 1, 0))
  }

  test("one row of several is read") {
    val rows = Array(0f, 9f, 9f, 0f)
    assert(
      new Sampler(SamplingConfig.greedy, ids(0, 1)).probabilities(rows, 1, 2, Array(), 0)(0) == 1
    )
  }

  test("500 random settings: ids that are not chosen from are as if the model had them not") {
    val random = new SplittableRandom(2)
    for (round <- 1 to 500) {
      val size = 2 + random.nextInt(30)
      val kept = (0 until size).filter(_ => random.nextInt(3) > 0) match {
        case Seq() => Seq(size - 1)
        case some  => some
      }
      // What is left out has the largest logits.
      val logits = Array.tabulate(size)(id =>
        (random.nextInt(33) - 16) / 4f + (if (kept.contains(id)) 0 else 9)
      )
      val text = Array.fill(random.nextInt(6))(random.nextInt(size))
      val config = new SamplingConfig(
        random.nextInt(3) / 2.0,
        random.nextInt(size + 3),
        if (random.nextBoolean()) 1.0 else 0.01 + 0.98 * random.nextDouble(),
        0.5 + random.nextDouble(),
        1
      )
      val all = new Sampler(config, ids(kept: _*)).probabilities(logits, 0, size, text, text.length)
      val alone = probabilities(
        kept.map(logits(_)).toArray,
        config,
        text.filter(kept.contains(_)).map(kept.indexOf(_))
      )
      assertClose(kept.map(all(_)), alone, s"round $round: $config")
      assert(all.count(_ > 0) == alone.count(_ > 0))
    }
    val error = intercept[IllegalArgumentException](new Sampler(SamplingConfig.greedy, ids()))
    assert(error.getMessage == "ids to choose from must not be empty")
  }

  /** Sum of squared deviations over expectations, of the ids that can occur, and their number. */
  private def chiSquare(counts: Seq[Long], expected: Seq[Double]): (Double, Int) = {
    val draws = counts.sum
    assert(counts.zip(expected).forall { case (c, p) => p > 0 || c == 0 })
    val terms = counts.zip(expected).collect {
      case (c, p) if p > 0 => math.pow(c - p * draws, 2) / (p * draws)
    }
    (terms.sum, terms.size - 1)
  }

  /** Chance of a false alarm below 1e-4 for the few degrees of freedom here (Wilson-Hilferty). */
  private def assertDrawnFrom(counts: Seq[Long], expected: Seq[Double]): Unit = {
    val (statistic, freedom) = chiSquare(counts, expected)
    val t = 2.0 / (9 * freedom)
    assert((math.cbrt(statistic / freedom) - (1 - t)) / math.sqrt(t) < 3.72, counts.toString)
  }

  test("200,000 draws have the frequencies of their weights, ids of weight 0 never come") {
    val weights = Array(0.0, 1.0, 5.0, 0.0, 0.5, 3.5, 0.0)
    val random = new SplittableRandom(3)
    val counts = new Array[Long](weights.length)
    for (_ <- 1 to 200000) counts(Sampler.draw(weights, random)) += 1
    assertDrawnFrom(counts.toSeq, weights.map(_ / weights.sum).toSeq)
  }

  test("200,000 corrected drafts have the wanted frequencies and 1 - total variation are kept") {
    val random = new SplittableRandom(4)
    for (
      (drafted, wanted) <- Seq(
        Seq(0.5, 0.2, 0.2, 0.1, 0.0) -> Seq(0.1, 0.2, 0.3, 0.0, 0.4),
        Seq(0.25, 0.25, 0.25, 0.25) -> Seq(0.25, 0.25, 0.25, 0.25),
        Seq(1.0, 0.0, 0.0) -> Seq(0.0, 0.5, 0.5),
        Seq(0.2, 0.8) -> Seq(0.9, 0.1)
      )
    ) {
      val counts = new Array[Long](drafted.size)
      var kept = 0
      for (_ <- 1 to 200000) {
        val draft = Sampler.draw(drafted.toArray, random)
        val token = Sampler.correct(draft, drafted.toArray, wanted.toArray, random)
        counts(token) += 1
        kept += (if (token == draft) 1 else 0)
      }
      assertDrawnFrom(counts.toSeq, wanted)
      val overlap = drafted.zip(wanted).map { case (a, b) => math.min(a, b) }.sum
      // Four standard deviations of a share of 200,000: at most 0.0045.
      assert(math.abs(kept / 200000.0 - overlap) < 0.0045)
    }
  }

  test("a setting that makes no sense is refused with its rule and value") {
    def message(make: => SamplingConfig) = intercept[IllegalArgumentException](make).getMessage
    assert(
      message(new SamplingConfig(-1, 0, 1, 1, 1)) ==
        "temperature must be at least 0 and finite, got -1.0"
    )
    assert(message(new SamplingConfig(1, -2, 1, 1, 1)) == "top-k must be at least 0, got -2")
    assert(message(new SamplingConfig(1, 0, 0, 1, 1)) == "top-p must be in (0, 1], got 0.0")
    assert(message(new SamplingConfig(1, 0, 1.5, 1, 1)) == "top-p must be in (0, 1], got 1.5")
    assert(
      message(new SamplingConfig(1, 0, 1, 0, 1)) ==
        "repetition-penalty must be positive and finite, got 0.0"
    )
    assert(
      message(new SamplingConfig(1, 0, 1, Double.NaN, 1)) ==
        "repetition-penalty must be positive and finite, got NaN"
    )
  }
}
