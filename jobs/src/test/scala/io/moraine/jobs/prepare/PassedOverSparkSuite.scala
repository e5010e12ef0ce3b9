package io.moraine.jobs.prepare

import io.moraine.jobs.config.{DedupSettings, PrepareSettings, SettingsFile}
import io.moraine.jobs.figures.CorpusTables
import io.moraine.jobs.progress.Progress
import io.moraine.jobs.report.HtmlReport
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.zip.GZIPOutputStream
import java.util.{List => JList, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** What of the input is no document is counted by every job that reads a corpus. */
class PassedOverSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val settings = PrepareSettings.of(
    SettingsFile.read(
      "prepare.conf",
      Optional.empty(),
      Map[String, Object](
        "tokenizer.vocabulary-size" -> Int.box(300),
        "sequences.length" -> Int.box(32)
      ).asJava
    )
  )

  private val documents = Scratch.corpus(50)

  private def line(i: Int) = s"""{"id":"${documents(i)._1}","text":"${documents(i)._2}"}"""

  private def gzip(text: String): Array[Byte] = {
    val out = new ByteArrayOutputStream
    val gzip = new GZIPOutputStream(out)
    gzip.write(text.getBytes(UTF_8))
    gzip.close()
    out.toByteArray
  }

  private def record(kind: String, contentType: String, body: String): String =
    s"WARC/1.0\r\nWARC-Type: $kind\r\nWARC-Record-ID: <urn:uuid:${java.util.UUID.randomUUID}>\r\n" +
      "WARC-Date: 2024-02-03T04:05:06Z\r\nWARC-Target-URI: http://a/\r\n" +
      s"Content-Type: $contentType\r\nContent-Length: ${body.length}\r\n\r\n$body\r\n\r\n"

  private def answer(status: String): String =
    record(
      "response",
      "application/http; msgtype=response",
      s"HTTP/1.1 $status\r\nContent-Type: text/html\r\n\r\n<p>${documents(40)._2}"
    )

  /** 41 documents, a line that is none, and 27 things that are passed over. */
  private lazy val corpus: Path = {
    val folder = Scratch.folder()
    val plain = Seq("") ++ (0 until 20).map(line) ++ Seq(" \t", "no json", "\r", line(20))
    Files.writeString(folder.resolve("plain.jsonl"), plain.mkString("", "\n", "\n"))
    Files.write(
      folder.resolve("packed.jsonl.gz"),
      // A blank line in each of 18 gaps, two in the first.
      gzip((21 until 40).map(line).mkString("", "\n\n", "\n").replaceFirst("\n\n", "\n\n\n"))
    )
    val crawl = record("warcinfo", "application/warc-fields", "a: b") +
      record("request", "application/http; msgtype=request", "GET /") + answer("200 OK") +
      record("request", "application/http; msgtype=request", "GET /no") + answer("404 Not Found")
    Files.writeString(folder.resolve("crawl.warc"), crawl)
    Files.createFile(folder.resolve("_SUCCESS"))
    folder
  }

  private val expected = Seq(
    "blank-line" -> (3L + 19),
    "hidden-name" -> 1L,
    "warc-info" -> 1L,
    "warc-not-200" -> 1L,
    "warc-request" -> 2L
  )
  private val told = "passed over: 22 blank-line, 1 hidden-name, 1 warc-info, 1 warc-not-200, " +
    "2 warc-request"
  private val rendered = expected
    .map { case (reason, count) => s"\"$reason\" : $count" }
    .mkString("\"passed_over\" : {\n    ", ",\n    ", "\n  }")

  private def require(passedOver: java.util.SortedMap[String, java.lang.Long], folder: Path) = {
    assert(passedOver.asScala.toSeq.map { case (k, v) => k -> v.longValue } == expected)
    assert(Files.readString(folder.resolve("manifest.json")).contains(rendered))
  }

  /** Notes what is told; stops a job where a stage begins. */
  private class Told(stopAt: String = "") extends PrintStream(new ByteArrayOutputStream) {
    val lines = collection.mutable.Buffer[String]()
    override def println(line: String): Unit = {
      lines += line
      if (line == s"$stopAt ...") throw new Interrupted
    }
    def progress = new Progress(this, false, () => 0L)
  }

  private class Interrupted extends RuntimeException

  private def prepare(
      output: Path,
      tasks: Int,
      told: Told = new Told,
      input: Path = corpus
  ): Manifest = {
    spark.conf.set("spark.sql.shuffle.partitions", tasks.toString)
    try
      new PrepareJob(spark, settings, told.progress)
        .run(new DatasetPaths(JList.of(input.toString), output.toString), Optional.empty(), tasks)
    finally spark.conf.set("spark.sql.shuffle.partitions", "4")
  }

  private def output() = Scratch.folder().resolve("out")

  test("prepare tells and records it, the same for 1, 3 and 8 partitions; a report shows it") {
    for (tasks <- Seq(1, 3, 8)) {
      val folder = output()
      val said = new Told
      val manifest = prepare(folder, tasks, said)
      require(manifest.passedOver, folder)
      assert(manifest.counts.read == 42 && manifest.counts.quarantined == 1)
      assert(said.lines.exists(_.contains(s"42 parts read, 1 quarantined; $told")))
      assert(FunnelTable.lines(manifest).contains(told))
      val summary = Files.readString(folder.resolve("report/summary.txt"))
      val section = expected.map { case (reason, count) => f"  $reason%-40s $count%,12d" }
      assert(summary.contains(section.mkString("passed over in reading, by reason\n", "\n", "\n")))
      val shown = CorpusTables.of(spark, folder.toString).passedOver.collect().toSeq
      assert(
        shown.map(row => row.getString(0) -> row.getLong(1)) == expected.sortBy(e => (-e._2, e._1))
      )
    }
  }

  test("dedup, tokenizer train and tokenizer encode count the same") {
    val unique = output()
    val deduplication =
      DedupSettings.of(SettingsFile.read("dedup.conf", Optional.empty(), java.util.Map.of()))
    val paths = new DatasetPaths(JList.of(corpus.toString), unique.toString)
    val deduplicated = new DedupJob(spark, deduplication, Scratch.silent).run(paths, 2)
    require(deduplicated.passedOver, unique)
    val tokenizer = output()
    val input = JList.of(corpus.toString)
    val trained =
      new TokenizerJob(spark, settings, Scratch.silent).run(input, tokenizer.toString, 2)
    require(trained.passedOver, tokenizer)
    val tokens = output()
    val file = tokenizer.resolve("tokenizer.json").toString
    val encoded =
      new EncodeJob(spark, settings, Scratch.silent).run(input, tokens.toString, file, 2)
    require(encoded.passedOver, tokens)
    assert(encoded.documents == 41 && encoded.quarantined == 1)
  }

  test("a run that goes on behind an interrupted one counts neither less nor twice") {
    val undisturbed = output()
    prepare(undisturbed, 3)
    val folder = output()
    for ((stage, tasks) <- Seq("read" -> 2, "quality" -> 2, "near" -> 5, "pack" -> 1))
      intercept[Interrupted](prepare(folder, tasks, new Told(stage)))
    require(prepare(folder, 3).passedOver, folder)
    for (file <- Seq("manifest.json", "report/summary.txt"))
      assert(Files.readString(folder.resolve(file)) == Files.readString(undisturbed.resolve(file)))
  }

  test("nothing is told where nothing was passed over; datasets that do not say are read") {
    val input = Scratch.folder()
    Files.writeString(input.resolve("a.jsonl"), (0 until 40).map(line).mkString("\n"))
    val folder = output()
    val said = new Told
    val manifest = prepare(folder, 2, said, input)
    assert(manifest.passedOver.isEmpty && !FunnelTable.lines(manifest).toString.contains("passed"))
    assert(said.lines.exists(_.contains("40 parts read, 0 quarantined")))
    assert(!said.lines.exists(_.contains("passed over")))
    val file = folder.resolve("manifest.json")
    val text = Files.readString(file)
    val earlier = text.replaceFirst("  \"passed_over\" : \\{ },\n", "")
    assert(earlier.length < text.length)
    Files.writeString(file, earlier)
    val read = PreparedDataset.at(folder.toString).manifest(spark.sparkContext.hadoopConfiguration)
    assert(read.passedOver.isEmpty && read.counts == manifest.counts)
    assert(CorpusTables.of(spark, folder.toString).passedOver.isEmpty)
    def report = HtmlReport.of(spark, Optional.of(folder.toString), JList.of())
    assert(!report.contains("Passed over in reading"))
    Files.writeString(file, text.replace("\"passed_over\" : { }", rendered))
    assert(report.contains("Passed over in reading") && report.contains("<td>warc-not-200</td>"))
  }
}
