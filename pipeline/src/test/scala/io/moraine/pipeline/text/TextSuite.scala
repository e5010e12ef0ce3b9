package io.moraine.pipeline.text

import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite
import org.scalatestplus.scalacheck.ScalaCheckPropertyChecks

class TextSuite extends AnyFunSuite with ScalaCheckPropertyChecks {

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
    forAll(texts, minSuccessful(200)) { text =>
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
    forAll(texts, texts, minSuccessful(200)) { (a, b) =>
      def runs(text: String) = {
        val all = words(text)
        if (all.isEmpty) Set.empty[Seq[String]] else all.sliding(2).toSet
      }
      val union = runs(a) union runs(b)
      val exact = if (union.isEmpty) 0.0 else (runs(a) intersect runs(b)).size.toDouble / union.size
      assert(math.abs(jaccard(a, b, 2) - exact) < 1e-12)
    }
  }
}
