package io.moraine.pipeline.text

import io.moraine.pipeline.SeededProperties
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

class TextSuite extends AnyFunSuite with SeededProperties {

  private def words(text: String): Seq[String] = {
    val found = Seq.newBuilder[String]
    Words.forEach(text, word => found += word)
    found.result()
  }

  private def jaccard(a: String, b: String, n: Int): Double =
    Shingles.jaccard(Shingles.of(a, n), Shingles.of(b, n))

  test("words are lower-cased runs of letters, numbers and _ of any script") {
    assert(
      words("Hello, World_1! Ünïcode ½ 日本語 a-b") ==
        Seq("hello", "world_1", "ünïcode", "½", "日本語", "a", "b")
    )
    assert(words("") == Nil && words(" .,! ") == Nil)
  }

  test("normalisation composes, unifies line ends, drops control characters and trailing space") {
    assert(TextNormalizer.normalize("e\u0301\u0000 a \t\r\nb\rc\u000bd\ufeff\n\n") == "é a\nb\nc d")
  }

  test("normalisation is idempotent and keeps the words of well-formed text") {
    val texts = Gen.stringOf(Gen.oneOf("abcé ß\t\r\n.,日本\u0007 _09".toSeq))
    forEvery(texts, 200) { text =>
      val once = TextNormalizer.normalize(text)
      assert(TextNormalizer.normalize(once) == once)
      assert(words(once) == words(text.replace("\u0007", "")))
    }
  }

  test("shingles are sorted, distinct, and one for a text shorter than n") {
    val shingles = Shingles.of("a b c d e f a b c d e", 5)
    assert(shingles.toSeq == shingles.toSeq.sorted.distinct && shingles.length == 6)
    assert(Shingles.of("just three words", 5).length == 1)
    assert(Shingles.of("", 5).isEmpty)
  }

  test("Jaccard similarity equals that of the sets of word runs by brute force") {
    val texts = Gen.listOf(Gen.oneOf("a", "b", "c")).map(_.mkString(" "))
    forEvery(Gen.zip(texts, texts), 200) { case (a, b) =>
      def runs(text: String) = {
        val all = words(text)
        if (all.isEmpty) Set.empty[Seq[String]] else all.sliding(2).toSet
      }
      val union = runs(a) union runs(b)
      val exact = if (union.isEmpty) 0.0 else (runs(a) intersect runs(b)).size.toDouble / union.size
      assert(math.abs(jaccard(a, b, 2) - exact) < 1e-12)
    }
  }

  private def sentences(text: String): Seq[String] = {
    import scala.jdk.CollectionConverters._
    Sentences.of(text).asScala.toSeq
  }

  test("sentences end at marks, not at abbreviations, initials, ellipses and decimals") {
    assert(sentences("One. Two? Three! four") == Seq("One.", "Two?", "Three!", "four"))
    assert(sentences("Dr. Smith paid $3.50 to J. R. Jones. He left.").size == 2)
    assert(sentences("It was in the U.S. The next day came.").size == 2)
    assert(sentences("Wait... what is it?").size == 1)
    assert(
      sentences("(He said \"Go.\") Then he left.") == Seq("(He said \"Go.\")", "Then he left.")
    )
    assert(sentences(" \n ").isEmpty && sentences("What?! No.") == Seq("What?!", "No."))
  }

  test("sentences lose no character but white space, in linear time on long runs") {
    forEvery(Gen.stringOf(Gen.oneOf("ab. ?!\"')\n-A1".toSeq)), 100) { (text: String) =>
      assert(sentences(text).mkString.filterNot(_.isWhitespace) == text.filterNot(_.isWhitespace))
    }
    assert(sentences("a." * 500000).size == 1)
    assert(sentences("?" * 1000000).size == 2)
  }

  test("Treebank words split punctuation and clitics") {
    import scala.jdk.CollectionConverters._
    assert(
      TreebankWords
        .of("They'll save and invest more. \"Don't\", he said; can't cannot gonna 3,000 (U.S.)")
        .asScala
        .mkString(" ") ==
        "They 'll save and invest more . `` Do n't '' , he said ; ca n't can not gon na 3,000 ( U.S . )"
    )
  }
}
