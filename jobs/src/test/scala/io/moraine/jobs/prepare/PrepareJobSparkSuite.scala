package io.moraine.jobs.prepare

import io.moraine.jobs.config.{ConfigException, PrepareSettings, SettingsFile}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.document.CorpusException
import java.io.ByteArrayOutputStream
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.zip.GZIPOutputStream
import java.util.{List => JList, Optional}
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class PrepareJobSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def settingsWith(options: (String, Any)*): PrepareSettings = PrepareSettings.of(
    SettingsFile.read(
      "prepare.conf",
      Optional.empty(),
      (Seq("tokenizer.vocabulary-size" -> 400, "sequences.length" -> 32, "held-out.fraction" -> 0.1)
        ++ options).map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
    )
  )

  private def prepare(
      input: Path,
      output: Path,
      settings: PrepareSettings = settingsWith(),
      tasks: Int = 3
  ): Manifest = new PrepareJob(spark, settings, Scratch.silent)
    .run(new DatasetPaths(JList.of(input.toString), output.toString), Optional.empty(), tasks)

  private def table(output: Path, name: String): Seq[Row] = {
    val rows = spark.read.parquet(output.resolve(name).toString)
    rows.collect().toSeq.sortBy(_.toString)
  }

  private lazy val corpus: Path = {
    val folder = Scratch.folder()
    Scratch.corpus(200).grouped(50).zipWithIndex.foreach { case (documents, i) =>
      Scratch.writeJsonLines(folder.resolve(s"part-$i.jsonl"), documents)
    }
    folder
  }

  test("the whole layout is there, every count adds up, every removed document names a kept one") {
    val output = Scratch.folder().resolve("data")
    val manifest = prepare(corpus, output)
    val counts = manifest.counts
    assert(counts.read == 240 && counts.quarantined == 0)
    assert(counts.read == counts.documents + counts.removed + counts.quarantined)
    val documents = table(output, "documents")
    val removed = table(output, "removed")
    assert(documents.size == counts.documents && removed.size == counts.removed)
    assert(removed.count(_.getString(1) == "exact") == 20)
    assert(removed.count(_.getString(1) == "near") == 20)
    val kept = documents.map(_.getString(0)).toSet
    assert(removed.forall(row => kept(row.getString(4)) && row.getDouble(5) >= 0.7))
    assert(removed.map(_.getString(0)).toSet.intersect(kept).isEmpty)
    val tokens = documents.map(_.getAs[Int]("n_tokens") + 1L).sum
    assert(tokens == counts.trainTokens + counts.heldOutTokens)
    assert(counts.trainTokens == counts.sequences * 33 + counts.trainTailTokens)
    assert(table(output, "sequences").size == counts.sequences)
    assert(table(output, "heldout").size == counts.heldOutSequences && counts.heldOutSequences > 0)
    assert(table(output, "index/features").size == counts.documents)
    assert(Files.exists(output.resolve("tokenizer/tokenizer.json")))
    assert(!Files.exists(output.resolve("_work")))
    val heldOut = documents.filter(_.getAs[Boolean]("held_out")).map(_.getString(0)).toSet
    assert(table(output, "sequences").flatMap(_.getSeq[String](3)).toSet.intersect(heldOut).isEmpty)
    assert(table(output, "heldout").flatMap(_.getSeq[String](3)).toSet.subsetOf(heldOut))
  }

  test("the same rows, byte for byte in each column, for 1, 3 and 8 partitions") {
    val outputs = Seq(1, 3, 8).map { tasks =>
      val output = Scratch.folder().resolve("data")
      spark.conf.set("spark.sql.shuffle.partitions", tasks.toString)
      try prepare(corpus, output, tasks = tasks)
      finally spark.conf.set("spark.sql.shuffle.partitions", "4")
      output
    }
    for (
      name <- Seq(
        "documents",
        "removed",
        "quarantine",
        "sequences",
        "heldout",
        "index/features",
        "report/sources",
        "report/pairs"
      )
    ) {
      val rows = outputs.map(table(_, name))
      assert(rows(0) == rows(1) && rows(1) == rows(2), name)
    }
    for (file <- Seq("manifest.json", "tokenizer/tokenizer.json"))
      assert(outputs.map(o => Files.readString(o.resolve(file))).toSet.size == 1)
  }

  test("bad input goes to quarantine with file and offset, the good documents beside it are kept") {
    val folder = Scratch.folder()
    val good = Scratch.corpus(60).take(60)
    def line(i: Int) = s"""{"id":"${good(i)._1}","text":"${good(i)._2}"}"""
    def gzip(text: String): Array[Byte] = {
      val out = new ByteArrayOutputStream
      val gzip = new GZIPOutputStream(out)
      gzip.write(text.getBytes(UTF_8))
      gzip.close()
      out.toByteArray
    }
    val cut = gzip((0 until 40).map(line).mkString("\n") + "\n" + "\"x\"" * 100000)
    Files.write(folder.resolve("cut.jsonl.gz"), cut.take(cut.length - 20))
    Files.write(
      folder.resolve("latin.jsonl"),
      line(40).getBytes(UTF_8) ++ Array[Byte]('\n', '"', -28, '"', '\n') ++ line(41).getBytes(UTF_8)
    )
    Files.writeString(folder.resolve("text.jsonl"), line(42) + "\nno json here\n" + line(43))
    Files.createFile(folder.resolve("empty.jsonl"))
    Files.writeString(
      folder.resolve("long.jsonl"),
      line(44) + "\n{\"text\":\"" + "x " * 25_000_000 + "\"}\n" + line(45)
    )
    Files.write(folder.resolve("broken.parquet"), Array[Byte](1, 2, 3))
    val output = Scratch.folder().resolve("data")
    val manifest = prepare(folder, output)
    val quarantine =
      table(output, "quarantine").map(r => (r.getString(0), r.getLong(1), r.getString(2)))
    assert(
      quarantine.map(_._1).toSet == Set(
        "cut.jsonl.gz",
        "latin.jsonl",
        "text.jsonl",
        "empty.jsonl",
        "long.jsonl",
        "broken.parquet"
      )
    )
    assert(quarantine.exists(q => q._1 == "text.jsonl" && q._2 == line(42).length + 1))
    assert(
      quarantine.exists(q => q._1 == "long.jsonl" && q._3.startsWith("50000011 bytes, more than"))
    )
    val kept = table(output, "documents").map(_.getString(0)).toSet
    for (i <- 40 until 46) assert(kept(good(i)._1), good(i)._1)
    assert((0 until 40).count(i => kept(good(i)._1)) >= 39)
    assert(manifest.counts.read == kept.size + manifest.counts.removed + quarantine.size)
  }

  test("ids that stand twice lose no document") {
    val folder = Scratch.folder()
    val texts = Scratch.corpus(30).map(_._2)
    Scratch.writeJsonLines(folder.resolve("a.jsonl"), texts.take(10).map("same" -> _))
    val output = Scratch.folder().resolve("data")
    val manifest = prepare(folder, output, settingsWith("held-out.fraction" -> 0.0))
    assert(manifest.counts.documents == 10)
    val ids = table(output, "documents").map(_.getString(0))
    assert(ids.distinct.size == 10 && ids.contains("same") && ids.count(_.startsWith("same~")) == 9)
  }

  test("Parquet input gives the same documents as JSON lines, jsonl output reads back") {
    val parquet = Scratch.folder().resolve("corpus.parquet")
    spark.read
      .schema("id STRING, text STRING, source STRING")
      .json(corpus.toString)
      .coalesce(2)
      .write
      .parquet(parquet.toString)
    val outputs = Seq(
      (corpus, settingsWith()),
      (parquet, settingsWith("output.format" -> "jsonl"))
    ).map { case (input, settings) =>
      val output = Scratch.folder().resolve("data")
      prepare(input, output, settings)
      new PreparedDataset(new org.apache.hadoop.fs.Path(output.toString))
    }
    def rows(f: PreparedDataset => org.apache.spark.sql.Dataset[Row]) =
      outputs.map(f(_).collect().toSeq.sortBy(_.getString(0)))
    for (tables <- Seq(rows(_.documentsTable(spark)), rows(_.removedTable(spark))))
      assert(tables(0) == tables(1))
  }

  test("a missing input, an empty folder and a foreign output folder are refused in one line") {
    val output = Scratch.folder().resolve("data")
    assert(
      intercept[CorpusException](prepare(Path.of("/no/such"), output)).getMessage ==
        "--input /no/such is not there."
    )
    val empty = Scratch.folder()
    assert(
      intercept[CorpusException](prepare(empty, output)).getMessage ==
        s"--input $empty holds no file (names that begin with . or _ are left out)."
    )
    val foreign = Scratch.folder()
    Files.writeString(foreign.resolve("thesis.tex"), "precious")
    assert(
      intercept[ConfigException](prepare(corpus, foreign)).getMessage
        .contains("exists and is not a prepared dataset")
    )
    assert(Files.exists(foreign.resolve("thesis.tex")))
  }

  test("a job that fails leaves the previous dataset as it was, one that succeeds replaces it") {
    val output = Scratch.folder().resolve("data")
    prepare(corpus, output)
    val before = Files.readString(output.resolve("manifest.json"))
    val useless = Scratch.folder()
    Files.writeString(useless.resolve("a.txt"), "too short")
    assert(
      intercept[CorpusException](prepare(useless, output)).getMessage
        .startsWith("nothing is left of the input")
    )
    assert(Files.readString(output.resolve("manifest.json")) == before)
    prepare(corpus, output, settingsWith("sequences.length" -> 16))
    assert(Files.readString(output.resolve("manifest.json")) != before)
  }

  test("a manifest reads back as it was written") {
    val output = Scratch.folder().resolve("data")
    val manifest = prepare(corpus, output)
    val back = PreparedDataset.at(output.toString).manifest(spark.sparkContext.hadoopConfiguration)
    assert(back.counts == manifest.counts && back.funnel == manifest.funnel)
    assert(back.tokenizerDigest == manifest.tokenizerDigest)
  }
}
