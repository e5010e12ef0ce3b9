package io.moraine.pipeline.lines

import io.moraine.pipeline.SeededProperties
import io.moraine.pipeline.component.RankedDocument
import io.moraine.pipeline.lines.LinesConfig.Unit.{LINE, PARAGRAPH}
import io.moraine.pipeline.text.Words
import java.util.BitSet
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Random

class TextUnitsSuite extends AnyFunSuite with SeededProperties {

  private def words(text: String): Seq[String] = {
    val found = Seq.newBuilder[String]
    Words.forEach(text, word => found += word)
    found.result()
  }

  private def places(text: String, unit: LinesConfig.Unit): Seq[String] = {
    val units = TextUnits.of(text, unit)
    (0 until units.count).map(i => text.substring(units.place(i).from, units.place(i).to))
  }

  private def without(text: String, unit: LinesConfig.Unit, cuts: Int*): String = {
    val set = new BitSet
    cuts.foreach(i => set.set(i))
    TextUnits.of(text, unit).without(set)
  }

  private val text = "  One, two.\r\n\n---\nthree \"four\"\n  five\n \t \n\"Six!\"\n\n\n…\n"

  test("lines and paragraphs with words, from their first char to their last, in order") {
    assert(places(text, LINE) == Seq("One, two.", "three \"four\"", "five", "\"Six!\""))
    assert(
      places(text, PARAGRAPH) == Seq("One, two.", "---\nthree \"four\"\n  five", "\"Six!\"")
    )
    val units = TextUnits.of(text, PARAGRAPH)
    assert((0 until 3).map(units.words(_).words) == Seq(2, 3, 1))
    assert(TextUnits.of("", LINE).count == 0 && TextUnits.of(" \n--\n", PARAGRAPH).count == 0)
    assert(places("e\u0301te\u0301\n\u0301x", LINE) == Seq("e\u0301te\u0301", "\u0301x"))
  }

  test("a unit is the same whatever its case, punctuation and white space, and not otherwise") {
    def hash(line: String) = TextUnits.of(line, LINE).hash(0)
    assert(hash("\"Hello,  World!\"") == hash("hello world") && hash("a b") != hash("b a"))
    assert(hash("ab") != hash("a b") && hash("a a") != hash("a") && hash("a b c") != hash("ab c"))
    val lines = (1 to 500).map(i => s"a${i % 100} b${i % 10} ${"c " * (i % 5)}")
    assert(lines.map(hash).distinct.size == lines.map(words).distinct.size)
  }

  test("a cut takes the whole line, and one run of white space is left, as much as there was") {
    assert(without("a\nx, y!\nb", LINE, 1) == "a\nb")
    assert(without("a\n\nx\n\nb", LINE, 1) == "a\n\nb")
    assert(without("a\n\nx\ny\nb", LINE, 1, 2) == "a\n\nb")
    assert(without("if {\n  x;\n    y;\n}", LINE, 1) == "if {\n    y;\n}")
    assert(without("if {\n\n  x;\n    y;\n}", LINE, 1) == "if {\n\n    y;\n}")
    assert(without("x\n  y\nz\n", LINE, 0) == "y\nz\n")
    assert(without("x\ny\n", LINE, 1) == "x")
    assert(without("x\n---\ny", LINE, 0) == "---\ny")
    assert(without("x\n---\ny\n", LINE, 0, 1) == "")
    assert(without("a\n\nb\nc\n\nd", PARAGRAPH, 1) == "a\n\nd")
    assert(without(text, LINE) == text)
  }

  test("what is left has the words and the units that were not cut") {
    val pieces = Gen.oneOf("a", "b c", "D", ", ", "\n", "\n\n", " \n", "🦙", "\r\n", "  ", "日本")
    val flags = Gen.listOfN(60, Gen.oneOf(true, false))
    for (unit <- Seq(LINE, PARAGRAPH))
      forEvery(Gen.zip(Gen.listOf(pieces).map(_.mkString), flags), 400) { case (text, cut) =>
        val units = TextUnits.of(text, unit)
        val cuts = (0 until units.count).filter(i => cut(i % 60))
        val left = without(text, unit, cuts: _*)
        val kept = places(text, unit).zipWithIndex.filterNot { case (_, i) => cut(i % 60) }
        val covered = (0 until units.count).map(units.words(_).words).sum
        assert(covered == words(text).size)
        assert(words(left) == kept.flatMap(unit => words(unit._1)))
        if (unit == LINE) assert(places(left, unit) == kept.map(_._1))
      }
  }

  test("the first places by priority of the document, then by position, whatever came first") {
    val places =
      for (length <- Seq(9, 3); id <- Seq("a", "b"); word <- Seq(0, 7))
        yield new UnitPlace(new RankedDocument(0, length, id), word)
    for (most <- 1 to 9; seed <- 0 to 3) {
      val first = new FirstPlaces(most)
      new Random(seed).shuffle(places).foreach(place => first.add(place))
      assert(first.places.asScala.toSeq == places.take(most))
    }
  }

  test("settings out of range are refused with rule and value") {
    def message(make: => LinesConfig) = intercept[IllegalArgumentException](make).getMessage
    assert(message(new LinesConfig(LINE, 0, 1, 1)) == "min-words must be at least 1, got 0")
    assert(message(new LinesConfig(LINE, 1, 0, 1)) == "max-copies must be at least 1, got 0")
    val keep = "keep-copies must be in [1, max-copies], got %d and max-copies = 2"
    assert(message(new LinesConfig(LINE, 1, 2, 0)) == keep.format(0))
    assert(message(new LinesConfig(LINE, 1, 2, 3)) == keep.format(3))
  }
}
