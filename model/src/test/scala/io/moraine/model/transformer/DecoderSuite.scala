package io.moraine.model.transformer

import io.moraine.model.attention.{GroupedQueryConfig, LatentConfig, AttentionMask}
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

class DecoderSuite extends AnyFunSuite {
  import TinyModels._

  /** The logits' largest difference; the decoder adds in another order, float32 of some ten terms.
    */
  private def assertClose(a: Array[Float], b: Array[Float], clue: String): Unit = {
    assert(a.length == b.length, clue)
    val difference = a.zip(b).map { case (x, y) => math.abs(x - y) }.max
    assert(difference < 1e-4f, clue)
  }

  for ((name, config) <- kinds; seed <- 1L to 5L)
    test(s"pieces of every size give the logits of the whole text: $name, seed $seed") {
      val m = model(config, seed)
      val text = tokens(length, seed)
      val whole = m.logits(text, 1)
      for (first <- 1 to length; piece <- 1 to 4) {
        val decoder = m.decoder(0)
        while (decoder.length < length) {
          val from = decoder.length
          val to = math.min(length, if (from == 0) first else from + piece)
          val logits = decoder.read(text.slice(from, to), to - from)
          val expected = whole.slice(from * vocabulary, to * vocabulary)
          assertClose(logits, expected, s"prompt of $first, then $piece at once, token $from")
        }
        decoder.close()
      }
      m.close()
    }

  test("logits are given for the last places asked for") {
    val m = model(config())
    val text = tokens(length, 1)
    val decoder = m.decoder(0)
    assertClose(decoder.read(text, 1), m.nextLogits(text), "the last one")
    assert(m.decoder(0).read(text, 3).length == 3 * vocabulary)
    intercept[IndexOutOfBoundsException](m.decoder(0).read(text, length + 1))
  }

  test("what was forgotten leaves no trace") {
    val m = model(config())
    val (text, other) = (tokens(length, 1), tokens(length, 2))
    for (keep <- 0 until length) {
      val decoder = m.decoder(0)
      decoder.read(text.take(keep) ++ other.drop(keep), 1)
      decoder.truncate(keep)
      assert(decoder.length == keep)
      assertClose(
        decoder.read(text.drop(keep), 1),
        m.logits(text, 1).takeRight(vocabulary),
        s"$keep"
      )
    }
    intercept[IndexOutOfBoundsException](m.decoder(0).truncate(1))
  }

  test("a text longer than the model's maximum is refused and leaves the decoder as it was") {
    val m = model(config())
    val decoder = m.decoder(0)
    decoder.read(tokens(length - 1, 1), 1)
    intercept[IndexOutOfBoundsException](decoder.read(Array(1, 2), 1))
    assert(decoder.length == length - 1)
    intercept[IndexOutOfBoundsException](m.decoder(1))
  }

  for ((name, kind) <- kinds; depth <- 1 to 3)
    test(s"drafts are those of the modules over the whole text, depth $depth: $name") {
      val m = model(
        new ModelConfig(
          kind.vocabularySize,
          kind.dim,
          kind.layers,
          kind.denseLayers,
          kind.denseFeedForwardDim,
          kind.maxSequenceLength,
          kind.normEpsilon,
          kind.initStd,
          kind.attention,
          kind.rotary,
          kind.experts,
          kind.router,
          kind.hasTiedEmbeddings,
          new PredictionConfig(depth, 0.3),
          kind.span,
          kind.precision
        )
      )
      for (seed <- 1L to 10L) {
        val random = new SplittableRandom(seed)
        val decoder = m.decoder(depth)
        var text = tokens(2, seed)
        decoder.read(text.init, 1)
        // Rounds of drafts, of which some are kept; at times not all modules draft.
        while (text.length + depth <= length) {
          val drafts = 1 + random.nextInt(depth)
          var drafted = text
          for (k <- 1 to drafts) {
            val expected = m.furtherLogits(drafted, AttentionMask.whole(1), k).takeRight(vocabulary)
            assertClose(decoder.draft(k, drafted), expected, s"seed $seed, module $k of $drafts")
            drafted = drafted :+ random.nextInt(vocabulary)
          }
          decoder.read(drafted.drop(decoder.length), 1)
          val kept = text.length + random.nextInt(drafts + 1)
          decoder.truncate(kept)
          text = drafted.take(kept) :+ random.nextInt(vocabulary)
        }
        decoder.close()
      }
      m.close()
    }

  test("a draft needs the text read and its module's number of tokens more") {
    val m = model(config(prediction = new PredictionConfig(2, 0.3)))
    val decoder = m.decoder(2)
    decoder.read(Array(1, 2, 3), 1)
    val error = intercept[IllegalArgumentException](decoder.draft(2, Array(1, 2, 3, 4)))
    assert(
      error.getMessage == "module 2 needs the text read and 2 more tokens, got 3 and 4 in all"
    )
  }

  test("DeepSeek-V3's cache: 35,136 numbers a token, 57 times less than full attention") {
    val attention = new LatentConfig(128, 1536, 512, 128, 64, 128)
    assert(61 * attention.cachedPerToken == 35136)
    assert((attention.fullyCachedPerToken / attention.cachedPerToken.toDouble).round == 57)
    val llama = new GroupedQueryConfig(64, 8, 128)
    assert(llama.cachedPerToken == 2 * 8 * 128 && llama.fullyCachedPerToken == 2 * 64 * 128)
    assert(config().cacheBytesPerToken == 4 * 2 * (8 + 4))
    assert(config().fullCacheBytesPerToken == 4 * 2 * 2 * (6 + 5))
  }
}
