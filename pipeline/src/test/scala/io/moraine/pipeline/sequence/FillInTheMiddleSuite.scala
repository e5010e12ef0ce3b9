package io.moraine.pipeline.sequence

import io.moraine.pipeline.SeededProperties
import io.moraine.pipeline.tokenizer._
import java.util.{List => JList}
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class FillInTheMiddleSuite extends AnyFunSuite with SeededProperties {

  private def trained(specialTokens: JList[String]): Tokenizer = {
    val counts = new PieceCounts
    for ((piece, count) <- Seq(" the" -> 50L, " middle" -> 40L, "the" -> 30L, " end" -> 20L)) {
      val bytes = piece.getBytes(java.nio.charset.StandardCharsets.UTF_8)
      counts.add(bytes, 0, bytes.length, count)
    }
    val config = new TokenizerConfig(270 + specialTokens.size, 2, Long.MaxValue, specialTokens)
    val model = BpeTrainer.train(counts, config, _ => ())
    new Tokenizer(model, new PreTokenizer(JList.of(PreTokenizer.CL100K)))
  }
  private val endOfText = JList.of(Tokenizer.END_OF_TEXT)
  private val tokenizer = trained(FimMarkers.addedTo(endOfText))
  private val markers = FimMarkers.of(tokenizer).get
  private val always = new FillInTheMiddle(1, 7)

  private val texts: Gen[String] = Gen
    .listOf(
      Gen.oneOf(
        Gen.oneOf("the", " the", " middle", " end", "\n", "<|fim_hole|>", "<|endoftext|>"),
        Gen.oneOf("\ud83e\udd99", "\u00e4", "\u0915\u093f", "\u4e2d", "x")
      )
    )
    .map(_.mkString)

  /** Prefix, middle and suffix as texts. */
  private def parts(tokens: Array[Int]): Seq[String] = {
    val Seq(begin, hole, end) =
      Seq(markers.begin, markers.hole, markers.end).map(tokens.indexOf(_))
    assert(begin == 0 && hole > begin && end > hole)
    assert(tokens.count(Set(markers.begin, markers.hole, markers.end)) == 3)
    Seq((begin + 1, hole), (end + 1, tokens.length), (hole + 1, end)).map { case (from, to) =>
      tokenizer.decode(tokens.slice(from, to))
    }
  }

  test("put in order again the parts are the text: nothing lost, nothing doubled") {
    forEvery(Gen.zip(texts, Gen.choose(0, 1000), Gen.choose(0, 3)), 500) { case (text, id, copy) =>
      val found = parts(always.encode(s"$id", copy, text, tokenizer, markers))
      assert(found.mkString == text)
    }
  }

  test("each part is encoded by itself, as in a prompt") {
    forEvery(texts, 100) { text =>
      val tokens = always.encode("id", 0, text, tokenizer, markers)
      val Seq(prefix, middle, suffix) = parts(tokens).map(tokenizer.encode(_).toSeq)
      assert(
        tokens.toSeq == (markers.begin +: prefix) ++ (markers.hole +: suffix) ++
          (markers.end +: middle)
      )
    }
  }

  test(
    "cuts are uniform over characters: the three parts have equal mean length, 4 % off at most"
  ) {
    val text = "x" * 299
    val lengths =
      (1 to 4000).map(i => parts(always.encode(s"$i", 0, text, tokenizer, markers)).map(_.length))
    // A part's length has standard deviation 71, its mean of 4,000 one of 1.1: 4 are 3.5 of them.
    for (mean <- lengths.transpose.map(_.sum / 4000.0)) assert(math.abs(mean - 299 / 3.0) < 4)
    assert(lengths.distinct.size > 3500)
  }

  test("about the asked share of documents is changed, copies by themselves; false alarm 1e-6") {
    val config = new FillInTheMiddle(0.1, 1)
    val copies = Seq(0, 1).map(copy => (1 to 10000).map(i => config.appliesTo(s"d$i", copy)))
    for (chosen <- copies)
      assert(math.abs(chosen.count(identity) - 1000) < 5 * math.sqrt(10000 * 0.1 * 0.9))
    val both = copies(0).zip(copies(1)).count { case (a, b) => a && b }
    assert(math.abs(both - 100) < 5 * math.sqrt(10000 * 0.01 * 0.99))
    val heldOut = new HeldOut(0.1, 1)
    val kept = (1 to 10000).map(i => s"d$i").filterNot(heldOut.contains)
    val share = kept.count(config.appliesTo(_, 0)) / kept.size.toDouble
    assert(math.abs(share - 0.1) < 5 * math.sqrt(0.09 / kept.size))
    assert(!new FillInTheMiddle(0, 1).isUsed && !new FillInTheMiddle(0, 1).appliesTo("a", 0))
  }

  test("markers stand behind the other special tokens and survive the file; merges stay the same") {
    val without = trained(endOfText)
    assert(FimMarkers.of(without).isEmpty && markers == new FimMarkers(1, 2, 3))
    val back = TokenizerJson.read(TokenizerJson.write(tokenizer))
    assert(FimMarkers.of(back).get == markers)
    assert(back.endOfText == without.endOfText)
    assert(back.vocabularySize == without.vocabularySize + 3)
    for (text <- Seq("the middle", "<|fim_hole|>"))
      assert(back.encode(text).toSeq == without.encode(text).map(_ + 3).toSeq)
  }

  test("markers are added once: none to a vocabulary that has those of a known name") {
    def added(names: String*) = FimMarkers.addedTo(JList.of(names: _*)).asScala.toSeq
    val ours = Seq("<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>")
    assert(added("a") == "a" +: ours)
    assert(added(ours.last, "a") == Seq(ours.last, "a", ours(0), ours(1)))
    for (known <- Seq(ours, Seq("<fim_prefix>", "<fim_suffix>", "<fim_middle>")))
      assert(added(known :+ "a": _*) == known :+ "a")
  }

  test("a rate outside of [0, 1] is refused") {
    val error = intercept[IllegalArgumentException](new FillInTheMiddle(1.5, 1))
    assert(error.getMessage == "rate must be in [0, 1], got 1.5")
  }
}
