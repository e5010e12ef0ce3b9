package io.moraine.model.generate

import io.moraine.model.data.TokenBatch
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import io.moraine.model.transformer.{TinyModels, Transformer}
import java.util.BitSet
import org.scalatest.funsuite.AnyFunSuite

class GeneratorSuite extends AnyFunSuite {
  import TinyModels._

  private def below(count: Int): BitSet = {
    val ids = new BitSet
    ids.set(0, count)
    ids
  }

  private def generate(
      model: Transformer,
      sampling: SamplingConfig,
      prompt: Array[Int],
      count: Int,
      draftDepth: Int = 0,
      ids: BitSet = below(vocabulary)
  ): (Seq[Int], Generation) = {
    val tokens = Seq.newBuilder[Int]
    val generation = new Generator(model, sampling, ids, draftDepth)
      .generate(prompt, count, t => { tokens += t; true })
    (tokens.result(), generation)
  }

  /** The likeliest token each time, everything computed anew, the window as it is documented. */
  private def naive(model: Transformer, prompt: Seq[Int], count: Int): Seq[Int] = {
    var from = math.max(0, prompt.size - length)
    (1 to count)
      .foldLeft(prompt) { (text, _) =>
        if (text.size - from > length) from = text.size - length / 2
        val logits = model.nextLogits(text.drop(from).toArray)
        text :+ logits.indexOf(logits.max)
      }
      .drop(prompt.size)
  }

  for ((name, config) <- kinds)
    test(s"greedy text over five windows is that of the model without a cache: $name") {
      for (seed <- 1L to 2L; size <- Seq(1, 5, length, length + 7)) {
        val m = model(config, seed)
        val prompt = tokens(size, seed)
        val (text, generation) = generate(m, SamplingConfig.greedy, prompt, 5 * length)
        assert(text == naive(m, prompt.toSeq, 5 * length))
        assert(generation == new Generation(5 * length, 5 * length, 0, 0))
        m.close()
      }
    }

  private def drafting(depth: Int, seed: Long): Transformer =
    model(config(prediction = new PredictionConfig(depth, 0.5)), seed)

  /** A model that has learned to count. */
  private def counting(depth: Int): Transformer = {
    val m = drafting(depth, 3)
    val rows = Array.tabulate(4 * (length + 1))(i => (i / (length + 1) + i % (length + 1)) % 7)
    descend(m, new TokenBatch(4, length, rows), 150)
    m
  }

  for (depth <- 1 to 3) {
    test(s"greedy text is the same with drafts, whatever they are worth, depth $depth") {
      for (seed <- 1L to 3L; size <- Seq(1, 5, length + 3)) {
        val m = drafting(depth, seed)
        val prompt = tokens(size, seed)
        val (plain, _) = generate(m, SamplingConfig.greedy, prompt, 50)
        val (drafted, generation) = generate(m, SamplingConfig.greedy, prompt, 50, depth)
        assert(drafted == plain)
        assert(generation.tokens == 50 && generation.passes + generation.accepted == 50)
        m.close()
      }
    }

    test(s"a model that has learned its text accepts drafts and takes fewer passes, depth $depth") {
      val m = counting(depth)
      val (plain, _) = generate(m, SamplingConfig.greedy, Array(0, 1, 2), 60)
      val (drafted, generation) = generate(m, SamplingConfig.greedy, Array(0, 1, 2), 60, depth)
      assert(drafted == plain)
      assert(generation.acceptance > 0.5 && generation.passes < 60 - 15)
    }
  }

  test("the repetition penalty sees drafted tokens: greedy text stays the same") {
    val m = counting(2)
    val sampling = new SamplingConfig(0, 0, 1, 10, 1)
    val (plain, _) = generate(m, sampling, Array(0, 1, 2), 40)
    assert(generate(m, sampling, Array(0, 1, 2), 40, 2)._1 == plain)
    assert(plain != generate(m, SamplingConfig.greedy, Array(0, 1, 2), 40)._1)
  }

  for (depth <- 1 to 2)
    test(s"drawn text has the model's own distribution with drafts, depth $depth, 1,000 texts") {
      val m = drafting(depth, 5)
      val prompt = Array(4, 9)
      val sampling = new SamplingConfig(0.7, 6, 0.95, 1.2, 1)
      val sampler = new Sampler(sampling, below(vocabulary))
      def next(text: Array[Int]): Array[Double] =
        sampler.probabilities(m.nextLogits(text), 0, vocabulary, text, text.length)
      // The third token by the model alone: a sum over what the first two can be.
      val expected = new Array[Double](vocabulary)
      for ((p, a) <- next(prompt).zipWithIndex if p > 0) {
        for ((q, b) <- next(prompt :+ a).zipWithIndex if q > 0) {
          val third = next(prompt :+ a :+ b)
          for (c <- 0 until vocabulary) expected(c) += p * q * third(c)
        }
      }
      val counts = new Array[Long](vocabulary)
      var accepted = 0
      for (seed <- 1L to 1000L) {
        val own = new SamplingConfig(0.7, 6, 0.95, 1.2, seed)
        val (text, generation) = generate(m, own, prompt, 3 + depth, depth)
        counts(text(2)) += 1
        accepted += generation.accepted
      }
      assert(accepted > 125)
      val statistic = counts.zip(expected).collect {
        case (c, p) if p > 0 => math.pow(c - 1000 * p, 2) / (1000 * p)
      }
      assert(counts.zip(expected).forall { case (c, p) => p > 0 || c == 0 })
      // Chance of a false alarm below 1e-4: 3.72 standard deviations (Wilson-Hilferty).
      val t = 2.0 / (9 * (statistic.length - 1))
      val deviation = (math.cbrt(statistic.sum / (statistic.length - 1)) - (1 - t)) / math.sqrt(t)
      assert(deviation < 3.72, counts.toSeq.toString)
    }

  test("the same seed gives the same text, also with drafts; another seed another one") {
    val m = drafting(1, 5)
    for (depth <- 0 to 1) {
      def text(seed: Long) = generate(m, SamplingConfig.plain(seed), Array(1), 20, depth)._1
      assert(text(1) == text(1) && text(1) != text(2))
    }
  }

  for (depth <- 0 to 2)
    test(s"the text ends where it is told to, depth $depth") {
      val m = counting(2)
      val (all, _) = generate(m, SamplingConfig.greedy, Array(0), 20, depth)
      for (stop <- 1 to 20) {
        var heard = Seq.empty[Int]
        val generation = new Generator(m, SamplingConfig.greedy, below(vocabulary), depth)
          .generate(Array(0), 20, t => { heard :+= t; heard.size < stop })
        assert(heard == all.take(stop) && generation.tokens == stop)
      }
    }

  for (depth <- 0 to 2)
    test(s"ids that are not to be generated never are, drafted neither, depth $depth") {
      // Sixteen ids in a vocabulary of 23, one of them a hole: as a padded model has them.
      val ids = below(16)
      ids.clear(5)
      val samplings =
        Seq(SamplingConfig.greedy, new SamplingConfig(0, 0, 1, 1.5, 1)) ++
          (1L to 20L).flatMap(seed =>
            Seq(SamplingConfig.plain(seed), new SamplingConfig(3, 20, 0.99, 1.3, seed))
          )
      val m = drafting(math.max(1, depth), 5)
      var without = 0
      for (sampling <- samplings) {
        val (text, generation) = generate(m, sampling, Array(4, 9), 40, depth, ids)
        assert(text.forall(ids.get(_)))
        assert(depth == 0 || generation.drafted > 0)
        if (!generate(m, sampling, Array(4, 9), 40, depth)._1.forall(ids.get(_))) without += 1
      }
      assert(without > 30)
    }

  test("greedy text of some ids is that of a naive choice among them, with drafts or without") {
    val ids = below(16)
    for (seed <- 1L to 6L) {
      val m = drafting(2, seed)
      val expected = (1 to length - 2).foldLeft(Seq(4, 9)) { (text, _) =>
        text :+ m.nextLogits(text.toArray).take(16).zipWithIndex.maxBy(_._1)._2
      }
      for (depth <- 0 to 2) {
        val (text, _) = generate(m, SamplingConfig.greedy, Array(4, 9), length - 2, depth, ids)
        assert(text == expected.drop(2))
      }
    }
  }

  test("an empty prompt, and more modules than the model has, are refused") {
    val m = drafting(1, 5)
    assert(
      intercept[IllegalArgumentException](
        generate(m, SamplingConfig.greedy, Array(), 1)
      ).getMessage == "a prompt needs at least one token"
    )
    intercept[IndexOutOfBoundsException](generate(m, SamplingConfig.greedy, Array(1), 1, 2))
  }
}
