package io.moraine.jobs.prepare

import io.moraine.jobs.config.{ConfigException, DedupSettings, SettingsFile}
import io.moraine.jobs.progress.Progress
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.document.CorpusException
import java.io.{OutputStream, PrintStream}
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** Repeated lines, repeated spans and evaluation sets in a job. */
class TextStagesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def dedup(
      input: Path,
      output: Path,
      progress: Progress,
      options: (String, Any)*
  ): DedupManifest = {
    val values = options.map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
    val settings = DedupSettings.of(SettingsFile.read("dedup.conf", Optional.empty(), values))
    new DedupJob(spark, settings, progress)
      .run(new DatasetPaths(JList.of(input.toString), output.toString), 3)
  }

  private def dedup(input: Path, options: (String, Any)*): (Path, DedupManifest) = {
    val output = Scratch.folder().resolve("unique")
    (output, dedup(input, output, Scratch.silent, options: _*))
  }

  private def table(output: Path, name: String): Seq[Row] =
    spark.read.parquet(output.resolve(name).toString).collect().toSeq

  private def removed(output: Path): Map[String, Row] =
    table(output, "removed").map(row => row.getAs[String]("id") -> row).toMap

  private def texts(output: Path): Map[String, String] =
    table(output, "documents").map(r => r.getAs[String]("id") -> r.getAs[String]("text")).toMap

  private def words(name: String, count: Int): String =
    (1 to count).map(i => s"$name$i").mkString(" ")

  private val menu = words("menu", 6)
  private val span = words("span", 12)
  private val question = words("question", 15)

  /** (id, text) with escaped line ends. */
  private def corpus(): Path = {
    val folder = Scratch.folder()
    Scratch.writeJsonLines(
      folder.resolve("corpus.jsonl"),
      Seq(
        "a" -> s"${words("a", 60)}\\n$menu\\n${words("aa", 20)} $span",
        "b" -> s"${words("b", 30)}\\n$menu\\n$span ${words("bb", 5)}",
        "c" -> s"$menu\\n${menu.toUpperCase}",
        "d" -> s"${words("d", 40)} $question ${words("dd", 40)}",
        "e" -> s"${words("e", 40)} $span",
        "d2" -> s"${words("d", 40)} $question ${words("dd", 39)}"
      )
    )
    folder
  }

  private def sets(): Path = {
    val folder = Scratch.folder()
    Files.writeString(
      folder.resolve("quiz.jsonl"),
      s"""{"question": "$question?", "answer": "42"}\n{"question": "${words("other", 20)}"}\n"""
    )
    folder.resolve("quiz.jsonl")
  }

  private val stages = Seq(
    "lines.enabled" -> true,
    "lines.max-copies" -> 2,
    "substring.enabled" -> true,
    "substring.min-words" -> 10
  )

  test("lines, then spans, then evaluation sets; everything removed and cut has its row") {
    val options = stages :+ ("decontamination.sets" -> JList.of(sets().toString))
    val (output, manifest) = dedup(corpus(), options: _*)
    assert(
      manifest.funnel.asScala.map(s => (s.stage, s.in, s.removed)) == Seq(
        ("read", 6, 0),
        ("quality", 6, 0),
        ("exact", 6, 0),
        ("near", 6, 1),
        ("lines", 5, 1),
        ("substring", 4, 0),
        ("decontamination", 4, 1)
      )
    )
    val left = texts(output)
    assert(left.keySet == Set("a", "b", "e") && manifest.documents == 3)
    assert(left("a").contains(menu) && left("a").endsWith(span))
    assert(left("b") == s"${words("b", 30)}\n${words("bb", 5)}" && left("e") == words("e", 40))
    val gone = removed(output)
    assert(gone.keySet == Set("c", "d", "d2"))
    def row(id: String) = gone(id).toSeq.slice(1, 6)
    assert(row("c") == Seq("lines", "nothing-left", "12 words stand in other documents", "a", null))
    val detail = "quiz line 1: 3 n-grams, 1.000 of the item"
    assert(row("d") == Seq("decontamination", "contaminated", detail, null, null))
    assert(row("d2") == Seq("near", "similar-text", "as d, which was removed later", null, null))
    assert(table(output, "report/clusters").isEmpty, "of its cluster nothing is kept")
    val cuts = table(output, "cuts").map { r =>
      (
        r.getAs[String]("id"),
        r.getAs[String]("stage"),
        r.getAs[Int]("words"),
        r.getAs[String]("first_id")
      )
    }
    assert(
      cuts.sorted == Seq(
        ("b", "lines", 6, "a"),
        ("b", "substring", 12, "a"),
        ("c", "lines", 6, "a"),
        ("c", "lines", 6, "a"),
        ("e", "substring", 12, "a")
      )
    )
    assert(
      table(output, "report/decontamination") == Seq(Row("quiz", 2L, 0L, 1L, 11L, 0L, 1L, 15L))
    )
    val summary = Files.readString(output.resolve("report/summary.txt"))
    assert(summary.contains("1 of            2 items found in 1 documents"))
  }

  test("a contaminated document is cut where that is asked for") {
    val options = Seq(
      "decontamination.sets" -> JList.of(sets().toString),
      "decontamination.action" -> "cut",
      "decontamination.cut.surrounding-characters" -> 0,
      "decontamination.cut.min-piece-characters" -> 100
    )
    val (output, manifest) = dedup(corpus(), options: _*)
    assert(texts(output)("d") == s"${words("d", 40)}\n\n${words("dd", 40)}")
    assert(manifest.documents == 5 && removed(output).keySet == Set("d2"))
    val Seq(cut) = table(output, "cuts"): @unchecked
    assert(cut.getAs[String]("stage") == "decontamination" && cut.getAs[Int]("words") == 15)
    assert(cut.getAs[String]("item") == "quiz line 1: 3 n-grams, 1.000 of the item")
    assert(cut.isNullAt(cut.fieldIndex("first_id")))
  }

  test("without sets and with nothing enabled there are no cuts and an empty report") {
    val (output, _) = dedup(corpus())
    assert(!Files.exists(output.resolve("cuts")))
    assert(table(output, "report/decontamination").isEmpty)
  }

  test("a set that is missing or no JSON fails the job before anything is written") {
    val bad = Scratch.folder().resolve("bad.jsonl")
    Files.writeString(bad, "{\"q\": \"fine\"}\nnot json\n")
    for (
      (path, message) <- Seq(
        "/no/such" -> "/no/such is not there.",
        s"$bad" -> "bad.jsonl, line 2: not JSON"
      )
    ) {
      val output = Scratch.folder().resolve("unique")
      val error = intercept[CorpusException](
        dedup(corpus(), output, Scratch.silent, "decontamination.sets" -> JList.of(path))
      )
      assert(error.getMessage.contains(message) && !error.getMessage.contains("\n"))
      assert(Files.list(output.getParent).count == 0)
    }
  }

  test("an interrupted job goes on with the same sets and begins anew with changed ones") {
    val input = corpus()
    val set = sets()
    val options = stages :+ ("decontamination.sets" -> JList.of(set.toString))
    val output = Scratch.folder().resolve("unique")
    val interrupting = new PrintStream(OutputStream.nullOutputStream()) {
      override def println(line: String): Unit =
        if (line == "decontamination ...") throw new IllegalStateException("interrupted")
    }
    def interrupted() = {
      val progress = new Progress(interrupting, false, () => 0L)
      intercept[IllegalStateException](dedup(input, output, progress, options: _*))
      Files.getLastModifiedTime(Scratch.left(output).resolve("_work/lines-cut/_SUCCESS"))
    }
    val first = interrupted()
    assert(interrupted() == first)
    Files.writeString(set, s"""{"question": "${words("other", 20)}"}""")
    assert(interrupted() != first)
    dedup(input, output, Scratch.silent, options: _*)
    assert(texts(output).keySet == Set("a", "b", "d", "e"))
  }

  test("settings out of range are refused with section, rule and value") {
    def message(options: (String, Any)*) =
      intercept[ConfigException](dedup(corpus(), options: _*)).getMessage
    assert(
      message("lines.keep-copies" -> 9)
        .startsWith("lines: keep-copies must be in [1, max-copies], got 9 and max-copies = 6")
    )
    assert(
      message("lines.unit" -> "word").startsWith(
        "lines.unit must be one of line, paragraph, got word"
      )
    )
    assert(
      message("decontamination.n" -> 7)
        .startsWith("decontamination: min-item-words must be in [1, n], got 8 and n = 7")
    )
    assert(
      message("decontamination.action" -> "mark")
        .startsWith("decontamination.action must be one of drop, cut, got mark")
    )
    assert(
      message("decontamination.cut.max-pieces" -> 0)
        .startsWith("decontamination.cut: max-pieces must be at least 1, got 0")
    )
  }
}
