package io.moraine.jobs.prepare

import io.moraine.jobs.config.{ConfigException, PrepareSettings, SettingsFile}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.sequence.{FillInTheMiddle, FimMarkers}
import io.moraine.pipeline.tokenizer.TokenizerJson
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import org.apache.parquet.column.statistics.LongStatistics
import org.apache.parquet.hadoop.ParquetFileReader
import org.apache.parquet.hadoop.util.HadoopInputFile
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Using

/** From surviving documents to sequences: packing, moved middles, mixtures. */
class SequencesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def settingsWith(options: (String, Any)*): PrepareSettings = PrepareSettings.of(
    SettingsFile.read(
      "prepare.conf",
      Optional.empty(),
      (Seq(
        "tokenizer.vocabulary-size" -> 400,
        "sequences.length" -> 32,
        "held-out.fraction" -> 0.1,
        "exact.enabled" -> false,
        "near.enabled" -> false
      ) ++ options).map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
    )
  )

  private def prepare(
      settings: PrepareSettings,
      tokenizer: Option[Path] = None,
      tasks: Int = 3
  ): (Path, Manifest) = {
    val output = Scratch.folder().resolve("data")
    val job = new PrepareJob(spark, settings, Scratch.silent)
    val file = tokenizer.map(_.toString).fold(Optional.empty[String])(Optional.of(_))
    output -> job.run(new DatasetPaths(JList.of(corpus.toString), output.toString), file, tasks)
  }

  private lazy val corpus: Path = {
    val folder = Scratch.folder()
    val lines = Scratch.corpus(200).zipWithIndex.map { case ((id, text), i) =>
      val source = Seq("web.example", "code", "notes", "notes")(i % 4)
      s"""{"id":"$id","text":"$text","source":"$source"}"""
    }
    Files.write(folder.resolve("corpus.jsonl"), lines.asJava)
    folder
  }

  private lazy val concat = prepare(settingsWith())
  private lazy val bestFit = prepare(settingsWith("sequences.packing" -> "best-fit"))
  private lazy val movedMiddles = prepare(settingsWith("sequences.fill-in-the-middle.rate" -> 0.3))

  private case class Sequence(
      filled: Int,
      tokens: Seq[Int],
      starts: Seq[Int],
      documents: Seq[String],
      copies: Seq[Int],
      offsets: Seq[Int]
  )

  private def sequences(output: Path, folder: String = "sequences"): Seq[Sequence] = spark.read
    .parquet(output.resolve(folder).toString)
    .select("filled", "tokens", "starts", "documents", "copies", "offsets", "sequence_id")
    .orderBy("sequence_id")
    .collect()
    .map(r =>
      Sequence(
        r.getInt(0),
        r.getSeq[Int](1).toSeq,
        r.getSeq[Int](2).toSeq,
        r.getSeq[String](3).toSeq,
        r.getSeq[Int](4).toSeq,
        r.getSeq[Int](5).toSeq
      )
    )
    .toSeq

  private def documents(sequences: Seq[Sequence]): Map[(String, Int), Seq[Int]] = sequences
    .flatMap { s =>
      val ends = s.starts.drop(1) :+ s.filled
      s.starts.indices.map(i =>
        ((s.documents(i), s.copies(i)), (s.offsets(i), s.tokens.slice(s.starts(i), ends(i))))
      )
    }
    .groupMap(_._1)(_._2)
    .map { case (key, pieces) => key -> pieces.sortBy(_._1).flatMap(_._2) }

  private def texts(output: Path): Map[String, (String, String, Boolean)] = spark.read
    .parquet(output.resolve("documents").toString)
    .select("id", "text", "source", "held_out")
    .collect()
    .map(r => r.getString(0) -> ((r.getString(1), r.getString(2), r.getBoolean(3))))
    .toMap

  private def tokenizer(output: Path) =
    TokenizerJson.read(Files.readString(output.resolve("tokenizer/tokenizer.json")))

  for ((packing, dataset) <- Seq("concat" -> (() => concat), "best-fit" -> (() => bestFit)))
    test(s"$packing: every text is read back from the sequences, the manifest adds up") {
      val (output, manifest) = dataset()
      val counts = manifest.counts
      val encoder = tokenizer(output)
      for ((folder, heldOut) <- Seq("sequences" -> false, "heldout" -> true)) {
        val rows = sequences(output, folder)
        assert(rows.forall(s => s.tokens.size == 33 && s.tokens.drop(s.filled).forall(_ == 0)))
        val found = documents(rows)
        val expected = texts(output).collect { case (id, (text, _, `heldOut`)) =>
          (id, 0) -> (encoder.encode(text).toSeq :+ 0)
        }
        assert(found == expected)
        val padding = rows.map(33 - _.filled).sum
        if (heldOut) assert(padding == counts.heldOutPaddingTokens)
        else {
          assert(padding == counts.trainPaddingTokens)
          assert(rows.map(_.starts.size).sum - found.size == counts.trainCuts)
        }
      }
      assert(counts.trainTokens == counts.sequences * 33 - counts.trainPaddingTokens)
      assert(counts.heldOutTokens == counts.heldOutSequences * 33 - counts.heldOutPaddingTokens)
    }

  test("best-fit packing cuts fewer documents than concatenation, for some padding") {
    val Seq(cut, fitted) = Seq(concat, bestFit).map(_._2.counts)
    assert(cut.trainTokens == fitted.trainTokens && cut.trainPaddingTokens < 33)
    assert(fitted.trainCuts < cut.trainCuts && fitted.trainPaddingTokens > 0)
  }

  test("moved middles: the asked documents, markers in the tokenizer, held-out ones as they were") {
    val fim = new FillInTheMiddle(0.3, 1)
    val (output, manifest) = movedMiddles
    val encoder = tokenizer(output)
    val markers = FimMarkers.of(encoder).get
    assert(manifest.vocabularySize == 400 && markers == new FimMarkers(1, 2, 3))
    val all = texts(output)
    val found = documents(sequences(output))
    for (((id, copy), tokens) <- found) {
      val (text, _, heldOut) = all(id)
      assert(!heldOut && copy == 0)
      val expected =
        if (fim.appliesTo(id, 0)) fim.encode(id, 0, text, encoder, markers)
        else encoder.encode(text)
      assert(tokens == expected.toSeq :+ 0)
    }
    assert(found.size == all.values.count(!_._3))
    for (((id, _), tokens) <- documents(sequences(output, "heldout")))
      assert(tokens == encoder.encode(all(id)._1).toSeq :+ 0)
    val moved = found.keys.count { case (id, copy) => fim.appliesTo(id, copy) }
    assert(manifest.mixture.asScala.map(_.fimDocuments).sum == moved && moved > 30)
  }

  test("a given tokenizer without markers is refused in one line before anything is read") {
    val file = concat._1.resolve("tokenizer/tokenizer.json")
    val settings = settingsWith("sequences.fill-in-the-middle.rate" -> 0.3)
    val error = intercept[ConfigException](prepare(settings, Some(file)))
    assert(
      error.getMessage == "sequences.fill-in-the-middle.rate is 0.3, but --tokenizer " +
        s"$file has no special tokens for it: <|fim_begin|> <|fim_hole|> <|fim_end|>, or " +
        "<\uff5cfim\u2581begin\uff5c> <\uff5cfim\u2581hole\uff5c> <\uff5cfim\u2581end\uff5c>, or " +
        "<|fim_prefix|> <|fim_suffix|> <|fim_middle|>, or " +
        "<fim_prefix> <fim_suffix> <fim_middle>. Set the rate to 0 or take another tokenizer."
    )
    val (again, _) =
      prepare(settings, Some(movedMiddles._1.resolve("tokenizer/tokenizer.json")))
    assert(sequences(again) == sequences(movedMiddles._1))
  }

  test("epochs: copies by source in the sequences and in the manifest; held-out documents once") {
    val (output, manifest) = prepare(
      settingsWith("mixture.epochs.code" -> 2.5, "mixture.epochs.\"web.example\"" -> 0)
    )
    val all = texts(output)
    val mixture = settingsWith("mixture.epochs.code" -> 2.5).mixture
    val copies = documents(sequences(output)).keys.groupMap(_._1)(_._2)
    for ((id, (_, source, heldOut)) <- all if !heldOut) {
      val expected = source match {
        case "code"        => mixture.copies(2.5, id)
        case "web.example" => 0
        case "notes"       => 1
      }
      assert(copies.getOrElse(id, Nil).toSeq.sorted == (0 until expected))
    }
    assert(
      documents(sequences(output, "heldout")).keySet ==
        all.collect { case (id, (_, _, true)) => (id, 0) }.toSet
    )
    val sources = manifest.mixture.asScala
    assert(sources.map(_.source).toSet == Set("code", "notes", "web.example"))
    assert(sources.map(_.tokens).sliding(2).forall(pair => pair.head >= pair.last))
    val tokens = documents(sequences(output)).map { case ((id, _), t) => (all(id)._2, t.size) }
    for (source <- sources) {
      assert(source.documents == all.values.count(t => t._2 == source.source && !t._3))
      val packed = documents(sequences(output)).collect {
        case ((id, copy), t) if all(id)._2 == source.source => (id, copy) -> t.size
      }
      assert(packed.size == source.trainDocuments && packed.values.sum == source.trainTokens)
    }
    assert(tokens.nonEmpty && sources.map(_.trainTokens).sum == manifest.counts.trainTokens)
    assert(
      sources.map(s => s.source -> s.epochs).toMap ==
        Map("code" -> 2.5, "web.example" -> 0.0, "notes" -> 1.0)
    )
  }

  test("documents that the mixture leaves out of training are told, by source, and are found") {
    for (
      options <- Seq(
        Seq("mixture.epochs.\"web.example\"" -> 0, "mixture.epochs.code" -> 0.5),
        Seq("web.example" -> 0, "code" -> 1, "notes" -> 5).map { case (source, weight) =>
          s"""mixture.weights."$source"""" -> weight
        }
      )
    ) {
      val (output, manifest) = prepare(settingsWith(options: _*))
      val all = texts(output).filter(!_._2._3)
      val used = documents(sequences(output)).keys.map(_._1).toSet
      val Seq(web, code) =
        Seq("web.example", "code").map(source => all.filter(_._2._2 == source)): @unchecked
      assert(web.nonEmpty && !web.keys.exists(used))
      val codeLeftOut = code.keys.count(!used(_))
      assert(codeLeftOut > 0 && codeLeftOut < code.size)
      val encoder = tokenizer(output)
      val tokens = web.values.map(text => encoder.encode(text._1).length + 1).sum
      val prefix = "left out of training by mixture: "
      val lines = Set(
        s"${prefix}all ${web.size} documents of source web.example, ${"%,d".format(tokens)} tokens",
        s"$prefix$codeLeftOut of ${code.size} documents of source code"
      )
      assert(FunnelTable.lines(manifest).asScala.filter(_.startsWith(prefix)).toSet == lines)
      val summary = Files.readString(output.resolve("report/summary.txt"))
      assert(summary.linesIterator.filter(_.startsWith(prefix)).toSet == lines)
    }
    for ((output, manifest) <- Seq(concat, movedMiddles)) {
      assert(!FunnelTable.lines(manifest).toString.contains("left out"))
      assert(!Files.readString(output.resolve("report/summary.txt")).contains("left out"))
    }
  }

  test(
    "weights: each source has about its share, the number of tokens stays; the same for 1, 2, 7"
  ) {
    val options = Seq("web.example" -> 1, "code" -> 3, "notes" -> 1).map { case (source, weight) =>
      s"""mixture.weights."$source"""" -> weight
    } :+ ("sequences.packing" -> "best-fit") :+ ("sequences.fill-in-the-middle.rate" -> 0.2)
    val results = Seq(1, 2, 7).map { tasks =>
      spark.conf.set("spark.sql.shuffle.partitions", tasks.toString)
      try prepare(settingsWith(options: _*), tasks = tasks)
      finally spark.conf.set("spark.sql.shuffle.partitions", "4")
    }
    val sources = results.head._2.mixture.asScala
    val before = sources.map(_.tokens).sum.toDouble
    val after = sources.map(_.trainTokens).sum.toDouble
    assert(math.abs(after / before - 1) < 0.05)
    for (source <- sources) {
      val share = if (source.source == "code") 0.6 else 0.2
      assert(math.abs(source.trainTokens / after - share) < 0.05, source.source)
      assert(math.abs(source.epochs - share * before / source.tokens) < 1e-9)
    }
    assert(results.map { case (output, _) => sequences(output) }.distinct.size == 1)
    assert(
      results.map { case (o, _) => Files.readString(o.resolve("manifest.json")) }.toSet.size == 1
    )
  }

  test("settings of the mixture that do not fit the sources are refused in one line") {
    def message(options: (String, Any)*) =
      intercept[ConfigException](prepare(settingsWith(options: _*))).getMessage
    assert(
      message("mixture.epochs.wiki" -> 2) ==
        "mixture.epochs names the source wiki, which no document to train on has. " +
        "Sources: code, notes, web.example."
    )
    assert(
      message("mixture.weights.code" -> 2) ==
        "mixture.weights must name every source, 0 leaves one out. " +
        "Without a weight: notes, web.example."
    )
  }

  test("values that make no sense are refused with their key") {
    def message(options: (String, Any)*) =
      intercept[ConfigException](settingsWith(options: _*)).getMessage
    assert(
      message("sequences.packing" -> "first-fit") ==
        "sequences.packing must be one of concat, best-fit, got first-fit (the command line)."
    )
    assert(
      message("sequences.fill-in-the-middle.rate" -> 2)
        .startsWith("sequences.fill-in-the-middle: rate must be in [0, 1], got 2.0")
    )
    assert(
      message("mixture.epochs.web.example" -> 2)
        .startsWith("mixture.epochs.web must be a number, got {example=2}")
    )
    assert(
      message("mixture.epochs.a" -> 1, "mixture.weights.a" -> 1)
        .startsWith("mixture: either epochs or weights can be given, got both")
    )
    assert(
      message("tokenizer.vocabulary-size" -> 258, "sequences.fill-in-the-middle.rate" -> 1)
        .startsWith(
          "tokenizer: vocabulary-size must be at least 260 (256 bytes and <|endoftext|>, " +
            "<|fim_begin|>, <|fim_hole|>, <|fim_end|>), got 258"
        )
    )
  }

  test("row groups of sequences are ranges of ids of at most about 8 MiB") {
    import spark.implicits._
    val folder = Scratch.folder().resolve("sequences").toString
    val rows = spark.range(3000).select($"id".as("sequence_id"))
    val tokens = org.apache.spark.sql.functions
      .expr("transform(sequence(0, 4096), i -> cast(hash(sequence_id, i) as int))")
    val dataset = PreparedDataset.at(Scratch.folder().toString)
    new DatasetTables(spark, dataset, settingsWith().documents.outputFormat)
      .writeSequences(
        rows.withColumn("tokens", tokens),
        folder,
        3000,
        settingsWith("sequences.length" -> 4096).sequences
      )
    val hadoop = spark.sparkContext.hadoopConfiguration
    val path = new org.apache.hadoop.fs.Path(folder)
    val groups = path
      .getFileSystem(hadoop)
      .listStatus(path)
      .toSeq
      .map(_.getPath)
      .filter {
        _.getName.endsWith(".parquet")
      }
      .flatMap { file =>
        Using.resource(ParquetFileReader.open(HadoopInputFile.fromPath(file, hadoop)))(
          _.getRowGroups.asScala.toSeq
        )
      }
    assert(groups.map(_.getRowCount).sum == 3000 && groups.size >= 5)
    assert(groups.forall(_.getTotalByteSize < (10L << 20)))
    val ranges = groups.map { group =>
      val ids = group.getColumns.asScala.find(_.getPath.toDotString == "sequence_id").get
      val statistics = ids.getStatistics.asInstanceOf[LongStatistics]
      (statistics.getMin, statistics.getMax, group.getRowCount)
    }.sorted
    assert(ranges.forall { case (min, max, count) => max - min + 1 == count })
  }
}
