package io.moraine.pipeline.text

import io.moraine.pipeline.SeededProperties
import java.util.Locale
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class WordSpansSuite extends AnyFunSuite with SeededProperties {

  private def words(text: String): Seq[String] = {
    val found = Seq.newBuilder[String]
    Words.forEach(text, word => found += word)
    found.result()
  }

  private def places(text: String): Seq[String] = {
    val spans = WordSpans.of(text)
    (0 until spans.count).map { i =>
      val range = new WordRange(i, i + 1)
      text.substring(spans.start(range), spans.end(range))
    }
  }

  private def without(text: String, cuts: (Int, Int)*): String =
    WordSpans.of(text).without(cuts.map { case (a, b) => new WordRange(a, b) }.asJava)

  test("words are found where they stand, with their combining marks, whatever lower case does") {
    assert(places("Hello, World_1! 日本語 a-b") == Seq("Hello", "World_1", "日本語", "a", "b"))
    assert(places("e\u0301 हिन्दी") == Seq("e\u0301", "हि", "न्", "दी"))
    assert(places("İstanbul İİ x") == Seq("İ", "stanbul", "İ", "İ", "x"))
    assert(words("İstanbul İİ x") == Seq("i", "stanbul", "i", "i", "x"))
  }

  test("U+0130 is the only character that becomes longer in lower case") {
    val longer = (0 to Character.MAX_CODE_POINT).filter { c =>
      Character.toString(c).toLowerCase(Locale.ROOT).length != Character.charCount(c)
    }
    assert(longer == Seq(0x130))
  }

  test("a cut joins no words and leaves one run of white space, the one with more line ends") {
    assert(without("one two three four", 1 -> 3) == "one four")
    assert(without("one two three four", 0 -> 2) == "three four")
    assert(without("one two three four", 2 -> 4) == "one two")
    assert(without("one, two. Three!", 1 -> 2) == "one, . Three!")
    assert(without("a\n\nb c\nd", 1 -> 3) == "a\n\nd")
    assert(without("if (a) {\n    b();\n    c();\n}", 2 -> 3) == "if (a) {\n    ();\n    c();\n}")
    assert(without("a \n b\n    c", 1 -> 2) == "a\n    c")
    assert(without("İstanbulx y", 0 -> 1) == "stanbulx y")
    assert(without("x İstanbul y", 2 -> 3) == "x İ y")
    assert(without("हिन्दी", 1 -> 2) == "हि दी")
  }

  test("emoji, Chinese and marks around a cut stay whole; a text without words left is empty") {
    assert(without("👨‍👩‍👧 one 🦙 two 🇩🇪", 0 -> 1) == "👨‍👩‍👧 🦙 two 🇩🇪")
    assert(without("甲乙，丙丁。戊己", 1 -> 2) == "甲乙，。戊己")
    assert(without("1\uFE0F\u20E3 two", 0 -> 1) == "two")
    assert(without("one, two 🦙", 0 -> 2) == "")
    assert(without("one two") == "one two")
  }

  test("what is left has exactly the words that were not cut") {
    val characters = Gen.oneOf("abZ09_日本Éİ \u0301\n\t.,-(🦙".codePoints.toArray.toSeq)
    val strings = Gen.listOf(characters).map(_.map(c => Character.toString(c)).mkString)
    val flags = Gen.listOfN(60, Gen.oneOf(true, false))
    forEvery(Gen.zip(strings, flags), 500) { case (text, cut) =>
      val all = words(text)
      val cuts = all.indices.filter(i => cut(i % 60)).map(i => new WordRange(i, i + 1))
      val left = WordSpans.of(text).without(WordRange.union(cuts.asJava))
      assert(words(left) == all.indices.filterNot(i => cut(i % 60)).map(all))
    }
  }

  test("windows have equal hashes if and only if their words are equal") {
    val sequences = Gen.listOf(Gen.oneOf(1L, 2L)).map(_.toArray)
    forEvery(Gen.zip(sequences, Gen.choose(1, 9)), 300) { case (sequence, n) =>
      val hashes = WordWindows.hashes(sequence, n)
      val windows = if (sequence.length < n) Nil else sequence.toSeq.sliding(n).toSeq
      assert(hashes.length == windows.size)
      for (i <- hashes.indices; j <- hashes.indices)
        assert((hashes(i) == hashes(j)) == (windows(i) == windows(j)))
    }
  }
}
