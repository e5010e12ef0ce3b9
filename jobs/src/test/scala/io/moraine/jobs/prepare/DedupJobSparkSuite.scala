package io.moraine.jobs.prepare

import io.moraine.jobs.config.{DedupSettings, SettingsFile}
import io.moraine.pipeline.document.CorpusException
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.io.FileNotFoundException
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class DedupJobSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def dedup(input: Path, options: (String, Any)*): (Path, DedupManifest) = {
    val values = options.map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
    val settings = DedupSettings.of(SettingsFile.read("dedup.conf", Optional.empty(), values))
    val output = Scratch.folder().resolve("unique")
    val manifest =
      new DedupJob(spark, settings, Scratch.silent)
        .run(new DatasetPaths(JList.of(input.toString), output.toString), 3)
    (output, manifest)
  }

  private def rows(output: Path, table: String) =
    spark.read.parquet(output.resolve(table).toString).collect().toSeq

  private def chain(): Path = {
    val folder = Scratch.folder()
    val words = (1 to 100).map(i => s"w$i")
    val texts = Seq(
      "a" -> (words ++ Seq("x1 x2 x3")).mkString("  "),
      "b" -> (words.drop(15) ++ Seq("x1 x2 x3", "y y y")).mkString(" "),
      "c" -> (words.drop(30) ++ Seq("x1 x2 x3", "y y y")).mkString(" "),
      "d" -> "w1"
    )
    Scratch.writeJsonLines(folder.resolve("chain.jsonl"), texts)
    folder
  }

  test("duplicates leave with the document they duplicate, texts stay as they came") {
    val (output, manifest) = dedup(chain())
    val documents =
      rows(output, "documents").map(r => r.getString(0) -> r.getAs[String]("text")).toMap
    assert(documents.keySet == Set("a", "c", "d") && documents("a").startsWith("w1  w2"))
    val removed = rows(output, "removed")
    assert(removed.map(_.getString(0)) == Seq("b") && removed.head.getDouble(5) >= 0.7)
    assert(manifest.documents == 3)
    assert(manifest.funnel.asScala.map(_.stage) == Seq("read", "quality", "exact", "near"))
    assert(Files.readString(output.resolve("manifest.json")).contains("\"documents\" : 3"))
  }

  test("closure keeps one document of a chain, a higher threshold keeps all") {
    assert(dedup(chain(), "near.survivors" -> "closure")._2.documents == 2)
    assert(dedup(chain(), "near.threshold" -> 0.95)._2.documents == 4)
  }

  test("its result is read back by prepare and refused by train, in one line") {
    val (output, _) = dedup(chain())
    val error = intercept[FileNotFoundException](
      PreparedDataset.at(output.toString).manifest(spark.sparkContext.hadoopConfiguration)
    )
    assert(error.getMessage.contains("holds deduplicated documents, not a prepared dataset"))
    assert(dedup(output.resolve("documents"))._2.documents == 3)
  }

  /** Parquet files of ten rows, the second with a byte of its pages changed. */
  private def damaged(compression: String): Path = {
    import spark.implicits._
    val folder = Scratch.folder()
    for (file <- 1 to 2) {
      val written = Scratch.folder().resolve("p")
      val texts = (1 to 10).map(row => s"$row is the text of row $row in file $file " * 20)
      texts
        .toDF("text")
        .coalesce(1)
        .write
        .option("compression", compression)
        .parquet(written.toString)
      val part = Files.list(written).iterator().asScala.find(_.toString.endsWith(".parquet")).get
      val bytes = Files.readAllBytes(part)
      if (file == 2) bytes(200) = (bytes(200) ^ 0x55).toByte
      Files.write(folder.resolve(s"$file.parquet"), bytes)
    }
    folder
  }

  for (compression <- Seq("snappy", "none")) {
    test(s"rows of a Parquet file with damaged pages are quarantined, one by one: $compression") {
      val (output, manifest) = dedup(damaged(compression), "near.enabled" -> false)
      assert(manifest.documents == 10)
      assert(rows(output, "documents").forall(_.getAs[String]("text").contains("in file 1")))
      val quarantine = rows(output, "quarantine")
      assert(quarantine.map(r => r.getString(0) -> r.getLong(1)) == (0 to 9).map("2.parquet" -> _))
      assert(
        quarantine.forall(_.getString(2).startsWith("its Parquet file is damaged behind row 0: "))
      )
    }
  }

  test("too many damaged rows fail the job in one line that names the file") {
    val error = intercept[CorpusException](
      dedup(damaged("snappy"), "near.enabled" -> false, "quarantine.tolerated" -> 0)
    )
    assert(error.getMessage.startsWith("10 of 20 parts cannot be read, more than quarantine."))
    assert(error.getMessage.contains("the first: 2.parquet at 0: its Parquet file is damaged"))
  }

  test("documents of one URL leave the longest, and every removed one names a kept one") {
    val folder = Scratch.folder()
    val words = (1 to 60).map(i => s"w$i").mkString(" ")
    val lines = Seq(
      ("a", "http://x.com/1", "short page"),
      ("b", "https://www.x.com/1/", s"$words tail"),
      ("c", "", s"$words tail end"),
      ("d", "http://x.com/2?utm_source=m", "other page"),
      ("e", "", "other page")
    ).map { case (id, url, text) => s"""{"id":"$id","url":"$url","text":"$text","lang":"en"}""" }
    Files.write(folder.resolve("pages.jsonl"), lines.asJava)
    val (output, manifest) = dedup(folder, "url.enabled" -> true)
    val kept = rows(output, "documents").map(r => r.getString(0) -> r).toMap
    assert(kept.keySet == Set("c", "d"))
    assert(kept("d").getAs[String]("url") == "http://x.com/2?utm_source=m")
    assert(kept("d").getAs[String]("metadata") == """{"lang":"en"}""")
    val removed = rows(output, "removed").map(r => r.getString(0) -> r).toMap
    assert(removed("a").getString(1) == "url" && removed("a").getString(4) == "c")
    assert(removed("a").isNullAt(5) && removed("a").getString(3).contains("b"))
    assert(removed("b").getString(1) == "near" && removed("b").getString(4) == "c")
    assert(removed("e").getString(1) == "exact" && removed("e").getString(4) == "d")
    assert(manifest.funnel.asScala.map(_.stage) == Seq("read", "quality", "url", "exact", "near"))
  }

  test("too much that cannot be read fails the job before anything is published") {
    val folder = Scratch.folder()
    Files.write(folder.resolve("a.jsonl"), (1 to 40).map(i => s"""{"text":"document $i"}""").asJava)
    Files.write(folder.resolve("b.jsonl"), Seq.fill(3)("no json").asJava)
    val error = intercept[CorpusException](dedup(folder, "quarantine.tolerated" -> 2))
    assert(
      error.getMessage.startsWith(
        "3 of 43 parts cannot be read, more than quarantine.max-share = 0.01; the first: b.jsonl at 0: not JSON"
      ),
      error.getMessage
    )
    assert(dedup(folder, "quarantine.tolerated" -> 3)._2.documents == 40)
    assert(
      dedup(folder, "quarantine.tolerated" -> 0, "quarantine.max-share" -> 0.1)._2.documents == 40
    )
  }

  test("repeated spans are cut, what was cut is listed, an emptied document names its first copy") {
    val folder = Scratch.folder()
    val span = (1 to 12).map(i => s"s$i").mkString(" ")
    val texts = Seq(
      "a" -> s"${(1 to 30).map(i => s"a$i").mkString(" ")} $span",
      "b" -> s"${(1 to 30).map(i => s"b$i").mkString(" ")} $span end",
      "c" -> span,
      "d" -> s"$span!"
    )
    Scratch.writeJsonLines(folder.resolve("spans.jsonl"), texts)
    val (output, manifest) =
      dedup(folder, "substring.enabled" -> true, "substring.min-words" -> 10)
    val kept = rows(output, "documents").map(r => r.getString(0) -> r.getAs[String]("text")).toMap
    assert(kept.keySet == Set("a", "b"))
    assert(kept("a").endsWith(span) && kept("b").endsWith("b30 end"))
    val removed = rows(output, "removed").map(r => r.getString(0) -> r).toMap
    assert(removed.keySet == Set("c", "d"))
    assert(removed.values.map(_.getString(1)).toSet == Set("substring", "near"))
    assert(removed.values.forall(_.getString(4) == "a"))
    val cuts = rows(output, "cuts")
    assert(cuts.forall(c => c.getAs[Int]("words") == 12 && c.getAs[String]("first_id") == "a"))
    assert(cuts.size == 2 && manifest.documents == 2)
  }
}
