package io.moraine.pipeline.filter

import io.moraine.pipeline.Fixtures
import io.moraine.pipeline.language.LanguageConfig
import io.moraine.pipeline.pii.{PiiConfig, PiiKind}
import io.moraine.pipeline.spark.SharedSparkSession
import java.lang.{Double => JDouble}
import java.util.{Collections, List => JList}
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** The rule sets of other toolkits against what those toolkits computed. */
class PeerRulesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def ones(n: Int): JList[JDouble] = Collections.nCopies(n, 1.0)

  private def repetition(compat: GopherCompat) =
    new GopherRepetition(compat, 1, 1, 1, 1, ones(3), ones(6))

  private def expected(name: String): Seq[Row] =
    spark.read.parquet(Fixtures.file(s"filters/$name/expected.parquet").toString).collect().toSeq

  private def near(row: Row, column: String, value: Double): Unit = assert(
    math.abs(row.getAs[Double](column) - value) <= 1e-6,
    s"$column of ${row.getAs[String]("document_id")}: $value"
  )

  test("the 13 Gopher repetition fractions of ten web pages") {
    val rows = expected("gopher_repetition")
    assert(rows.size == 10)
    for (row <- rows) {
      val found = repetition(GopherCompat.DATATROVE).measure(row.getAs[String]("text"))
      near(row, "dup_para_frac", found.duplicateParagraphs)
      near(row, "dup_para_char_frac", found.duplicateParagraphCharacters)
      near(row, "dup_line_frac", found.duplicateLines)
      near(row, "dup_line_char_frac", found.duplicateLineCharacters)
      for ((n, i) <- Repetition.TOP_N.asScala.zipWithIndex)
        near(row, s"top_${n}_grams", found.topNGramCharacters.get(i))
      for ((n, i) <- Repetition.DUPLICATE_N.asScala.zipWithIndex)
        near(row, s"dup_${n}_grams", found.duplicateNGramCharacters.get(i))
    }
  }

  test("the four FineWeb ratios of ten web pages") {
    val rows = expected("fineweb_quality")
    assert(rows.size == 10)
    for (row <- rows) {
      val found = new FineWebRules(0, 1, 30, 1, 1).measure(row.getAs[String]("text"))
      near(row, "frac_line_punct", found.punctuatedLines)
      near(row, "short_line_frac", found.shortLines)
      near(row, "dup_line_char_frac", found.duplicateLineCharacters)
      near(row, "new_line_ratio", found.newLinesPerWord)
    }
  }

  test("C4's decision, reason and cleaned text of twelve web pages") {
    val rows = expected("c4")
    assert(rows.size == 12)
    val rules = new C4Rules(true, 3, 5, 1000, 3, 200, JList.of())
    val seen = rows.map { row =>
      val reason = row.getAs[String]("drop_reason")
      rules.apply(row.getAs[String]("text")) match {
        case kept: Kept =>
          assert(reason == "" && kept.text == row.getAs[String]("clean_contents"))
        case rejection: Rejection =>
          assert(rejection.reason == reason.replaceFirst("drop_", "c4-").replace('_', '-'))
        case other => fail(other.toString)
      }
      reason
    }
    assert(seen.distinct.size == 6)
  }

  test("datatrove counts duplicates from the second on, DCLM every one of them") {
    val text = "a b c d e f\nx y z\na b c d e f"
    val later = repetition(GopherCompat.DATATROVE).measure(text)
    val all = repetition(GopherCompat.DCLM).measure(text)
    assert(later.duplicateLines == 1.0 / 3 && all.duplicateLines == 2.0 / 3)
    assert(later.duplicateNGramCharacters.get(0) == 5.0 / 29)
    assert(all.duplicateNGramCharacters.get(0) == 12.0 / 15)
    assert(all.topNGramCharacters.get(0) == 4.0 / 15)
  }

  test("every Gopher repetition rule rejects with its own reason, value and threshold") {
    val text = Seq.fill(4)("the same line of seven words again").mkString("\n")
    val rules = new GopherRepetition(GopherCompat.DATATROVE, 1, 1, 0.3, 1, ones(3), ones(6))
    assert(
      rules.apply(text) ==
        new Rejection("gopher-duplicate-lines", "duplicate lines = 0.750 > 0.3")
    )
    val grams = new GopherRepetition(
      GopherCompat.DATATROVE,
      1,
      1,
      1,
      1,
      ones(3),
      JList.of(0.15, 1.0, 1.0, 1.0, 1.0, 1.0)
    )
    assert(grams.apply(text).asInstanceOf[Rejection].reason == "gopher-duplicate-5-gram-characters")
  }

  private val quality =
    new GopherQuality(GopherCompat.DATATROVE, 5, 20, 3, 10, 0.1, 0.9, 0.3, 0.8, 2)

  private def qualityReason(text: String): String = quality.apply(text) match {
    case rejection: Rejection => rejection.reason
    case _                    => ""
  }

  test("each Gopher quality rule") {
    val fine = "The house of the old man stands with windows open"
    assert(qualityReason(fine) == "")
    assert(qualityReason("The house of it") == "gopher-too-short")
    assert(qualityReason(fine * 3) == "gopher-too-long")
    assert(qualityReason("a b c d e f of the") == "gopher-short-words")
    assert(qualityReason("supercalifragilistic " * 6) == "gopher-long-words")
    assert(qualityReason(fine + " # # #") == "gopher-hashes")
    assert(qualityReason(fine + "... and... so...") == "gopher-ellipses")
    assert(
      qualityReason(
        "- The house of the old man\n- stands with windows open"
      ) == "gopher-bullet-lines"
    )
    assert(qualityReason("12345 67890 the house of 12345 67890 24680") == "gopher-alphabetic-words")
    assert(qualityReason("Many houses have large windows and doors") == "")
    assert(qualityReason("Many houses show large windows near doors") == "gopher-stop-words")
  }

  test("DCLM counts a stop word each time, datatrove once") {
    val text = "the house near the river near the forest"
    val dclm = new GopherQuality(GopherCompat.DCLM, 5, 20, 3, 10, 0.1, 0.9, 0.3, 0.8, 2)
    assert(qualityReason(text) == "gopher-stop-words")
    assert(dclm.apply(text).isInstanceOf[Kept])
  }

  test("C4's published code asks for five words and three sentences") {
    val rules = new C4Rules(false, 5, 3, 1000, 0, 200, JList.of("damn"))
    val line = "This line has quite enough words."
    def reason(text: String) = rules.apply(text) match {
      case rejection: Rejection => rejection.reason
      case kept: Kept           => kept.text
      case other                => other.toString
    }
    assert(reason(Seq(line, line).mkString("\n")) == "c4-too-few-sentences")
    val page =
      Seq(line, "No end", line, "Too few words.", "Enable javascript to see this page.", line)
    assert(reason(page.mkString("\n")) == Seq(line, line, line).mkString("\n"))
    assert(reason((page :+ "He said damn to the whole world.").mkString("\n")) == "c4-bad-word")
    assert(
      reason(page.mkString("\n").replace("quite", "quite[12]"))
        .startsWith("This line has quite enough")
    )
  }

  test("each rule for source code") {
    val rules = new CodeRules(200, 50, 0.25, 0.5, true)
    def reason(text: String) = rules.apply(text) match {
      case rejection: Rejection => rejection.reason
      case _                    => ""
    }
    assert(reason("int main() {\n  return 0;\n}\n") == "")
    assert(reason("// Code generated by protoc. DO NOT EDIT.\nint a;") == "code-generated")
    assert(reason("x" * 201) == "code-long-line")
    assert(reason(Seq.fill(3)("x y " * 20).mkString("\n")) == "code-long-lines")
    assert(reason("{}();[]+-\n" * 5) == "code-alphanumeric")
    assert(reason("key =\n" + ("QUJD" * 10 + "\n") * 8) == "code-encoded-data")
    assert(reason("a = {\n" + ("0x1f, 0x2e, 0x3d,\n" * 9)) == "code-encoded-data")
  }

  test("rule sets survive serialization, as Spark ships them") {
    val rules = new CleanConfig(
      true,
      true,
      JList.of("read more"),
      new LanguageConfig(true, JList.of("en"), 0.65),
      JList.of(quality, repetition(GopherCompat.DCLM)),
      new PiiConfig(java.util.Map.of(PiiKind.EMAIL, "<EMAIL>"))
    )
    val bytes = new java.io.ByteArrayOutputStream
    new java.io.ObjectOutputStream(bytes).writeObject(rules)
    val in = new java.io.ObjectInputStream(new java.io.ByteArrayInputStream(bytes.toByteArray))
    assert(in.readObject() == rules)
  }
}
