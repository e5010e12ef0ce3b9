package io.moraine.pipeline.spark

import io.moraine.pipeline.filter.{BasicRules, CleanConfig}
import io.moraine.pipeline.language.{LanguageConfig, Prose}
import io.moraine.pipeline.pii.{PiiConfig, PiiKind}
import java.util.{List => JList, Map => JMap}
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

class CleaningSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val everything = new CleanConfig(
    true,
    true,
    JList.of("read more\\W*", "copyright .*"),
    new LanguageConfig(true, JList.of("en"), 0.65),
    JList.of(new BasicRules(true, 5, 1000, 0.6, 0.5)),
    new PiiConfig(
      JMap.of(PiiKind.EMAIL, "<EMAIL>", PiiKind.IP, "<IP_ADDRESS>", PiiKind.SECRET, "<SECRET>")
    )
  )

  private val english = Prose.in("en")
  private val documents = Seq(
    "page" -> (s"$english\r\nRead more...\n$english Write to me@example.com or you@example.com." +
      "\nCopyright 2020 Somebody"),
    "code" -> ("/* Copyright 2020 Somebody. All rights reserved. */\n" +
      s"""// $english\nint port = 0; String host = "93.184.216.34", password = "q7Zp4kLm!";"""),
    "french" -> Prose.in("fr"),
    "lines" -> (english + "\n") * 9,
    "short" -> "1 2 3"
  )

  private def clean(config: CleanConfig, partitions: Int): Map[String, Row] = {
    import spark.implicits._
    val rows = documents
      .map { case (id, text) => (id, "web", "http://x/", "{}", text) }
      .toDF("id", "source", "url", "metadata", "text")
    Cleaning
      .clean(rows.repartition(partitions), config)
      .collect()
      .map(row => row.getAs[String]("id") -> row)
      .toMap
  }

  test("everything at once: what is cut, replaced, measured and rejected") {
    val rows = clean(everything, 3)
    val page = rows("page")
    assert(page.getAs[String]("text") == s"$english\n$english Write to <EMAIL> or <EMAIL>.")
    assert(page.getAs[Int]("boilerplate_lines") == 2 && page.getAs[String]("language") == "en")
    assert(page.getAs[Double]("language_confidence") > 0.95)
    assert(page.getAs[Row]("pii") == Row(2, 0, null, 0))
    val code = rows("code")
    assert(code.getAs[String]("text").endsWith("""host = "<IP_ADDRESS>", password = "<SECRET>";"""))
    assert(
      code.getAs[String]("text").startsWith("// The old") && code
        .getAs[Row]("pii") == Row(0, 1, null, 1)
    )
    val rejected = Seq("french", "lines", "short").map(rows)
    assert(rejected.forall(row => row.isNullAt(4) && row.getAs[Row]("pii") == null))
    assert(rejected.map(_.getAs[String]("reason")) == Seq("language", "repeated-lines", "language"))
    assert(rows("french").getAs[String]("detail") == "fr 1.00, kept: en >= 0.65")
    assert(rows("short").getAs[String]("detail") == "und 0.00, kept: en >= 0.65")
    assert(
      rows.values.forall(row => row.getAs[String]("source") == "web" && row.getString(3) == "{}")
    )
  }

  test("the same rows from 1, 2 and 7 partitions") {
    val outcomes = Seq(1, 2, 7).map(clean(everything, _))
    assert(outcomes.distinct.size == 1)
  }

  test("where nothing is asked for, texts stay as they came and nothing is measured") {
    val rows = clean(CleanConfig.unchanged, 2)
    for ((id, text) <- documents) {
      assert(rows(id).getAs[String]("text") == text)
      for (column <- Seq("language", "language_confidence", "boilerplate_lines", "pii", "reason"))
        assert(rows(id).isNullAt(rows(id).fieldIndex(column)), column)
    }
  }
}
