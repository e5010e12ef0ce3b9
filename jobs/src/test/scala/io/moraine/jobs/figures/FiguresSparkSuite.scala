package io.moraine.jobs.figures

import io.moraine.jobs.config.{ConfigException, DedupSettings, SettingsFile}
import io.moraine.jobs.prepare.{DatasetPaths, DedupJob, PreparedDataset}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.io.FileNotFoundException
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.{List => JList, Map => JMap, Optional}
import org.apache.spark.sql.{DataFrame, Row}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class FiguresSparkSuite extends AnyFunSuite with SharedSparkSession {

  private lazy val data: Path = Example.data(spark)
  private lazy val corpus = CorpusTables.of(spark, data.toString)
  private lazy val run: Path = Example.run(spark)
  private lazy val runs =
    tables(run, Example.otherRun(spark))

  private def tables(runs: Path*) = RunTables.of(spark, runs.map(_.toString).asJava)

  private def manifest =
    PreparedDataset.at(data.toString).manifest(spark.sparkContext.hadoopConfiguration)

  private def rows(table: DataFrame): Seq[Row] = table.collect().toSeq

  private def found(text: String, shown: Int): Seq[Row] =
    rows(corpus.removedDocuments(text, shown).rows)

  private def sum(table: DataFrame, column: String): Long =
    rows(table).map(_.getAs[Long](column)).sum

  test("tables of documents add up to the manifest's counts") {
    val counts = manifest.counts
    val funnel = rows(corpus.funnel)
    assert(funnel.head.getAs[Long]("in") == counts.read)
    assert(funnel.last.getAs[Long]("out") == counts.documents)
    assert(sum(corpus.removals, "documents") == counts.removed)
    for (shown <- Seq(3, 100)) {
      val sources = corpus.sources(shown)
      assert(sum(sources, "documents") == counts.documents + counts.removed)
      val names = rows(sources).map(_.getString(0)).distinct
      assert(names.size == (if (shown == 3) 4 else names.size))
      assert(names.contains("(others)") == (shown == 3))
      assert(shown != 3 || names.last == "(others)")
    }
    assert(sum(corpus.languages(5), "documents") > 0)
    assert(sum(corpus.lengths, "kept") == counts.documents)
    val sets = rows(corpus.decontamination)
    assert(sets.map(_.toSeq.take(3)) == Seq(Seq("sets/made", 1L, 0L)))
    assert(rows(corpus.personalData).map(_.getString(0)) == Seq("email", "ip", "phone", "secret"))
  }

  test("the largest cluster: the kept document first, then all removed in its place") {
    val sizes = rows(corpus.clusters).map(row => row.getLong(0) -> row.getLong(1))
    val cluster = rows(corpus.largestCluster(100))
    assert(java.lang.Long.highestOneBit(cluster.size) == sizes.last._1)
    val stored = spark.read.parquet(data.resolve("report/clusters").toString)
    assert(sizes.map(_._2).sum == stored.selectExpr("sum(clusters)").first().getLong(0))
    assert(sizes.map(_._1).forall(size => java.lang.Long.bitCount(size) == 1))
    assert(cluster.map(_.getString(0)) == "kept" +: Seq.fill(cluster.size - 1)("removed"))
    assert(
      cluster.map(_.getString(1)) == Seq("hostile-near", "hostile-part", "hostile", "doc-0000")
    )
    val similarities = cluster.map(_.getDouble(2))
    assert(similarities == similarities.sorted.reverse && similarities.distinct.size == 4)
    val removed = found(cluster(1).getString(1), 10)
    assert(removed.exists(row => row.getString(5) == cluster.head.getString(1)))
    assert(cluster.head.getString(4).nonEmpty && cluster.size > 1)
  }

  test("removed documents are found by what they are, why they are gone and what is kept") {
    val all = found("", 1000)
    assert(all.size == manifest.counts.removed)
    assert(all.map(_.getString(0)) == all.map(_.getString(0)).sorted)
    val short = found("TOO-SHORT", 10)
    assert(short.map(_.getString(1)) == Seq("quality") && short.head.isNullAt(5))
    val near = found("source-", 10)
    assert(near.size == 10 && near.forall(_.getAs[String]("kept_text").nonEmpty))
    assert(found("no such text", 10).isEmpty)
    assert(found("", 5) == all.take(5))
    assert(found("o", 1000) == all, "every id has it")
    assert(found("o", 5) == all.take(5))
    for (text <- Seq("", "o")) {
      val cut = s"5 of ${all.size} found, the first in the order of ids:"
      assert(corpus.removedDocuments(text, 5).summary == cut)
      assert(corpus.removedDocuments(text, 1000).summary == s"${all.size} found:")
    }
    assert(corpus.removedDocuments("no such text", 10).summary == "0 found:")
  }

  test("pairs: from the most similar to the least, the words in which they differ marked") {
    val pairs = corpus.pairs.spread(4)
    assert(pairs.size == 4)
    val html = corpus.pairs.html(100)
    assert(html.contains("<mark> and a short new end</mark>"))
    assert(
      html.contains("&lt;/script&gt;") && !html.contains("<script") && !html.contains("\u202e")
    )
  }

  test("tokens: bytes by source, occurrences, the longest") {
    val tokens = corpus.tokens
    val sources = rows(tokens.bytesPerToken(100))
    val documents = spark.read.parquet(data.resolve("documents").toString)
    assert(
      sources.map(_.getAs[Long]("bytes")).sum ==
        documents.selectExpr("sum(octet_length(text))").first().getLong(0)
    )
    assert(sources.map(_.getAs[Long]("documents")).sum == manifest.counts.documents)
    for (row <- sources)
      assert(row.getAs[Double]("bytes_per_token") == row.getLong(2).toDouble / row.getLong(3))
    val few = rows(tokens.bytesPerToken(2))
    assert(few.size == 3 && few.last.getString(0) == "(others)")
    assert(few.map(_.getLong(3)).sum == sources.map(_.getLong(3)).sum)
    assert(few.take(2) == sources.take(2))
    assert(sources.map(-_.getLong(2)) == sources.map(-_.getLong(2)).sorted)
    assert(sum(tokens.tokensPerDocument, "documents") == manifest.counts.documents)
    assert(sum(tokens.tokenUse, "tokens") == manifest.vocabularySize)
    val occurrences = rows(tokens.frequentTokens(10000)).map(_.getAs[Long]("occurrences"))
    assert(occurrences.sum == manifest.counts.trainTokens)
    assert(occurrences == occurrences.sorted.reverse)
    val longest = rows(tokens.longestTokens(5))
    assert(longest.map(_.getInt(2)) == longest.map(_.getInt(2)).sorted.reverse)
    assert(rows(tokens.frequentTokens(400)).exists(_.getString(1).startsWith("\u2423word")))
  }

  test("no cell of a table says what kind of output it is") {
    val sources = Seq(corpus.sources(100), corpus.tokens.bytesPerToken(100))
    for (table <- sources) {
      val names = rows(table).map(_.getString(0))
      assert(names.exists(_.startsWith(" %html <b>")) && !names.exists(_.startsWith("%")))
    }
    val table = spark.sql(
      "select explode(array('%html', '\"a\" b', 'a\\rb\\r\\nc', '5 % \"', null)) as text"
    )
    assert(
      rows(table.select(CorpusTables.cell(table("text")))).map(_.getString(0)) ==
        Seq(" %html", " \"a\" b", "a b\r\nc", "5 % \"", null)
    )
    val kept = found("hostile-near", 10).map(_.getString(6))
    assert(kept.nonEmpty && kept.forall(_.startsWith(" %html <b>")))
  }

  test("of documents without tokens the views of tokens have the same columns and no rows") {
    def views = Seq("bytes_per_token", "tokens_per_document", "token_use", "frequent_tokens")
      .appended("longest_tokens")
      .map(spark.table)
    def columns = views.map(_.schema.map(field => field.name -> field.dataType))
    corpus.createViews(5)
    val ofTokens = columns
    assert(views.forall(_.count() > 0))
    val documents = Scratch.folder()
    Scratch.writeJsonLines(documents.resolve("corpus.jsonl"), Scratch.corpus(20))
    val unique = documents.resolve("unique").toString
    val settings =
      DedupSettings.of(SettingsFile.read("dedup.conf", Optional.empty(), JMap.of()))
    new DedupJob(spark, settings, Scratch.silent)
      .run(new DatasetPaths(JList.of(documents.resolve("corpus.jsonl").toString), unique), 3)
    CorpusTables.of(spark, unique).createViews(5)
    assert(columns == ofTokens && views.forall(_.isEmpty))
    assert(spark.table("funnel").count() > 0)
  }

  test("runs: curves against tokens and operations, load, bytes, texts") {
    assert(runs.labels == java.util.List.of("run-int8", "run-fp32"))
    val stored = rows(spark.read.parquet(run.resolve("metrics").toString).orderBy("step"))
    val curve = rows(runs.curves.where("run = 'run-int8'"))
    assert(curve.size == 12)
    for ((point, step) <- curve.zip(stored)) {
      for (name <- Seq("step", "tokens_seen", "loss", "gradient_norm", "learning_rate"))
        assert(point.getAs[Any](name) == step.getAs[Any](name), name)
      assert(point.isNullAt(point.fieldIndex("further_loss")))
      assert(point.getAs[Double]("wire_bytes") == step.getAs[Long]("wire_bytes"))
    }
    val flops = curve.map(row => row.getAs[Double]("flops") / row.getAs[Long]("tokens_seen"))
    assert(flops.forall(one => one > 0 && math.abs(one / flops.head - 1) < 1e-12))
    assert(rows(runs.curves.where("run = 'run-fp32'")).forall(!_.isNullAt(5)))
    assert(rows(runs.heldOut.where("run = 'run-int8'")).map(_.getLong(1)) == Seq(5, 10, 12))
    val load = rows(runs.expertLoad.where("run = 'run-int8' and step = 12"))
    assert(load.map(_.getAs[Int]("expert")) == (0 until 8))
    assert(math.abs(load.map(_.getAs[Double]("load")).sum - 8) < 1e-9)
    assert(
      math.abs(
        load.map(_.getAs[Double]("load")).max - 1 - rows(
          runs.balance.where("run = 'run-int8' and step = 12")
        ).head.getAs[Double]("max_violation")
      ) < 1e-9
    )
    val wire = rows(runs.wire)
    assert(
      wire.map(row => (row.getString(1), row.getString(2))) == Seq(
        "int8" -> "bf16",
        "fp32" -> "bf16"
      )
    )
    assert(wire.head.getAs[Double]("times_less") > wire.last.getAs[Double]("times_less"))
    val samples = rows(runs.samples.where("run = 'run-int8'"))
    assert(samples.map(_.getLong(1)) == Seq(4, 8, 12, 4, 8, 12))
    assert(samples.forall(row => row.getString(3).startsWith(row.getString(2).trim.take(6))))
    val summary = rows(runs.summary).head
    assert(
      summary.getAs[Long]("steps") == 12 && summary.getAs[Double]("loss") == stored.last
        .getAs[Double]("loss")
    )
    assert(rows(runs.badSteps).isEmpty)
    val settings = rows(runs.differingSettings).map(row => row.getString(0) -> row.getString(1))
    assert(
      settings == Seq(
        "model.prediction.depth" -> "0",
        "train.steps" -> "12",
        "train.wire.gradients" -> "int8"
      )
    )
  }

  /** A run on the same data that has made no step. */
  private def withoutMetrics(): Path = {
    val folder = Files.createDirectories(Scratch.folder().resolve("run"))
    for (file <- Seq("settings.json", "data.json"))
      Files.copy(run.resolve(file), folder.resolve(file))
    folder
  }

  test("files of metrics that lack columns of later ones are read with them") {
    val folder = withoutMetrics()
    val metrics = spark.read.parquet(run.resolve("metrics").toString)
    def write(from: Int, to: Int, without: String*): Unit = metrics
      .where(s"step between $from and $to")
      .drop(without: _*)
      .coalesce(1)
      .write
      .mode("append")
      .parquet(folder.resolve("metrics").toString)
    write(1, 6, "further_loss", "left_out", "bad", "held_out_loss", "expert_load", "experts")
    write(7, 12)
    val old = tables(folder)
    assert(
      rows(old.curves)
        .map(_.getAs[Double]("loss")) == rows(runs.curves).take(12).map(_.getAs[Double]("loss"))
    )
    assert(rows(old.heldOut).map(_.getLong(1)) == Seq(10, 12))
    assert(rows(old.balance).map(_.getLong(1)) == (7 to 12))
    assert(rows(old.samples).isEmpty)
  }

  test("long runs are summed up over spans of steps") {
    val folder = withoutMetrics()
    spark
      .range(1, 1001)
      .selectExpr(
        "id as step",
        "if(id = 2, double('NaN'), double(id)) as loss",
        "10L as tokens",
        "id * 10 as tokens_seen",
        "double(0.5) as seconds",
        "if(id = 2, 'step 2: loss NaN is not finite', null) as bad",
        "id = 2 as left_out"
      )
      .write
      .parquet(folder.resolve("metrics").toString)
    val long = tables(folder)
    val points = rows(long.curves)
    assert(points.size == 334 && points.map(_.getLong(1)).take(2) == Seq(3, 6))
    assert(points.head.getAs[Double]("loss") == 2 && points(1).getAs[Double]("loss") == 5)
    assert(points.last.getLong(1) == 1000 && points.last.getAs[Double]("loss") == 1000)
    assert(points.forall(_.getAs[Double]("tokens_per_second") == 20))
    assert(rows(long.badSteps).map(row => row.getLong(1) -> row.getBoolean(3)) == Seq(2 -> true))
    assert(rows(long.summary).head.getAs[Double]("loss") == 995.5)
    assert(rows(long.wire).isEmpty && rows(long.balance).isEmpty)
    val recorded = Files.readString(folder.resolve("data.json"))
    Files.writeString(
      folder.resolve("data.json"),
      recorded.replaceFirst("\"sequence_length\" : 32", "\"sequence_length\" : 8")
    )
    val shorter = rows(tables(folder).curves)
    assert(
      shorter.head.getAs[Double]("flops") < points.head.getAs[Double]("flops"),
      "attention over fewer tokens takes fewer operations"
    )
    val many = tables(Seq.fill(5)(folder): _*)
    assert(rows(many.curves).size == 5 * 334)
    val drawn = rows(many.curvesByTokens).size
    assert(drawn > 900 && drawn <= 1000, "what Zeppelin shows of a table")
  }

  test("lines of runs with other batches stand over one grid") {
    val long = Example.longRun(spark, "2026-11-30", 1000, 128)
    val other = Example.longRun(spark, "2026-12-01", 700, 96)
    val both = tables(long, other)
    assert(both.labels == JList.of("folder 2026-11-30", "folder 2026-12-01"))
    for (table <- Seq(both.curvesByTokens, both.curvesByFlops, both.heldOutByTokens)) {
      val lines = rows(table).groupMap(_.getString(0))(_.getAs[Number](1).doubleValue)
      val xs = lines.values.flatten.toSeq.distinct.sorted
      assert(lines.size == 2 && lines.values.map(_.size).sum <= 1000)
      for (own <- lines.values) assert(own == xs.filter(x => x >= own.head && x <= own.last))
    }
    val tokens = rows(both.curvesByTokens).groupMap(_.getString(0))(_.getLong(1))
    assert(tokens("folder 2026-11-30").last == 128000)
    assert(tokens("folder 2026-12-01").last == 67200)
    assert(rows(both.heldOutByTokens).forall(row => row.getDouble(2) > 6 && row.getDouble(2) < 6.2))
  }

  test("of what is too much some is shown, the ends of it among them") {
    val long = tables(Example.longRun(spark, "long", 9000, 64))
    val heldOut = rows(long.heldOut).map(_.getLong(1))
    assert(heldOut.size == 400 && heldOut.head == 10 && heldOut.last == 9000)
    val bad = rows(long.badSteps).map(_.getLong(1))
    assert(bad.size == 100 && bad.last == 9000 && bad.head == 8505)
    val samples = rows(long.samples)
    assert(samples.map(_.getLong(1)).head == 1 && samples.map(_.getLong(1)).last == 200)
    def bytes(column: Int) = samples.map(_.getString(column).getBytes(UTF_8).length)
    assert(samples.size == 60)
    assert(bytes(3).forall(one => one > 990 && one <= 1001), "no half characters, a space before")
    assert(bytes(2).forall(one => one > 290 && one <= 301))
    assert(samples.forall(_.getString(2).startsWith(" \"prompt ")))
    assert(
      samples.forall(row => row.getString(3)(1) == '"' && !row.getString(3).contains("\ufffd"))
    )
    assert(rows(long.expertLoad).size == 20 * 64, "the report shows all")
    long.createViews()
    val load = rows(spark.table("expert_load"))
    assert(load.map(_.getInt(2)).distinct == (0 until 15).map(i => (i * 19) / 14))
    assert(load.map(_.getInt(3)).distinct == (0 until 64) && load.size == 15 * 64)
    val html = long.balanceHtml
    assert(html.length < 102400 && html.contains("layer 0<") && html.contains("layer 19<"))
    assert(html.contains("step 9,000: ") && html.contains("darkest"))
  }

  test("a run that a bad step ended before its first checkpoint is drawn, without operations") {
    val folder = withoutMetrics()
    Files.delete(folder.resolve("data.json"))
    spark
      .range(1, 4)
      .selectExpr("id as step", "double(id) as loss", "8L as tokens", "id * 8 as tokens_seen")
      .write
      .parquet(folder.resolve("metrics").toString)
    val ended = tables(folder)
    assert(rows(ended.curves).map(row => row.getLong(2) -> row.getDouble(4)).last == 24 -> 3.0)
    assert(rows(ended.curves).forall(_.isNullAt(3)) && rows(ended.curvesByFlops).isEmpty)
    assert(rows(ended.curvesByTokens).size == 3)
    val summary = rows(ended.summary).head
    assert(summary.isNullAt(summary.fieldIndex("flops")) && summary.getAs[Long]("steps") == 3)
  }

  test("pictures of balance have one scale for all runs, from 0 to at least 1") {
    def row(step: Long, layer: Int, value: Any) = Row(step, layer, value)
    val even = Seq(row(1, 0, 0.25), row(2, 0, null)).asJava
    val html = HeatTable.html("even", even, 1)
    assert(
      html.contains("darkest 1.00") && html.contains("30, 20, 0.250") && html.contains("<td></td>")
    )
    assert(runs.mostViolation >= 1)
    val most = f"darkest ${runs.mostViolation}%.2f"
    assert(runs.balanceHtml.split(most, -1).length == 3, "two runs")
  }

  test("what a killed process left of a file of metrics is not read") {
    val folder = withoutMetrics()
    Files.createDirectories(folder.resolve("metrics"))
    Files.writeString(folder.resolve("metrics/.steps-00000001-00000012.parquet.new"), "PAR1")
    assert(rows(tables(folder).curves).isEmpty)
  }

  test("bytes on the wire are those of the last steps: earlier starts may have had other codecs") {
    val folder = withoutMetrics()
    spark
      .range(1, 13)
      .selectExpr(
        "id as step",
        "double(1) as loss",
        "if(id < 9, 200L, 50L) as wire_bytes",
        "200L as float32_wire_bytes"
      )
      .write
      .parquet(folder.resolve("metrics").toString)
    val wire = rows(tables(folder).wire)
    assert(wire == Seq(Row("run", "int8", "bf16", 50.0, 200.0, 4.0)))
  }

  test("comparing: two datasets, two runs, never one of each") {
    val other = io.moraine.jobs.train.TrainJobSparkSuite.dataset(spark).toString
    val datasets = Comparison.of(spark, data.toString, other)
    val settings = rows(datasets.differingSettings).map(_.getString(0))
    assert(settings == Seq("decontamination.sets", "language.enabled", "pii.enabled"))
    val outcomes = rows(datasets.outcomes).map(row => row.getString(0) -> row).toMap
    assert(outcomes("read").getString(3) == "-4")
    val bytes = outcomes("bytes_per_token")
    val texts = spark.read.parquet(data.resolve("documents").toString)
    val expected = texts.selectExpr("sum(octet_length(text)) / sum(n_tokens)").first().getDouble(0)
    assert(bytes.getString(1).toDouble == expected && bytes.getString(2).toDouble > 1)
    assert(math.abs(bytes.getString(3).toDouble) < 1)
    assert(rows(datasets.stages).map(_.getString(0)).distinct.size == 2)
    assert(rows(datasets.lengths).nonEmpty)
    val removals =
      rows(datasets.removals).groupMap(_.getString(0))(row => row.getString(1) -> row.getLong(2))
    val places = rows(datasets.compared).map(_.getString(1))
    assert(removals.values.forall(_.map(_._1) == places))
    for ((place, path) <- places.zip(Seq(data.toString, other))) {
      val own = rows(CorpusTables.of(spark, path).removals)
      val at = removals.map { case (rule, counts) => rule -> counts.toMap.apply(place) }
      assert(at.values.sum == own.map(_.getLong(2)).sum)
      for (row <- own if row.getString(1) != null && row.getString(1) != row.getString(0))
        assert(at(s"${row.getString(0)}: ${row.getString(1)}") == row.getLong(2))
    }
    assert(removals.exists(_._1.startsWith("quality: ")) && removals.contains("near: similar-text"))
    val both = Comparison.of(spark, run.toString, Example.otherRun(spark).toString)
    assert(rows(both.differingSettings).map(_.getString(0)).contains("train.steps"))
    assert(rows(both.outcomes).find(_.getString(0) == "steps").get.getString(3) == "-4")
    assert(rows(both.stages).isEmpty && rows(both.removals).isEmpty)
    val mixed = intercept[ConfigException](Comparison.of(spark, data.toString, run.toString))
    assert(mixed.getMessage.endsWith("Compare two datasets or two runs."))
    intercept[FileNotFoundException](Comparison.of(spark, "no", "where"))
  }

  test("numbers that came of it are written out: no exponents, no rounding") {
    val runs = Seq(12345678L, 1L).map { tokens =>
      val folder = withoutMetrics()
      spark
        .range(1, 2)
        .selectExpr(
          "id as step",
          s"double(if($tokens = 1, null, 0.00025)) as loss",
          s"${tokens}L as tokens",
          s"${tokens}L as tokens_seen"
        )
        .write
        .parquet(folder.resolve("metrics").toString)
      folder.toString
    }
    val found = Comparison.of(spark, runs(0), runs(1)).outcomes
    val outcomes = rows(found).map(row => row.getString(0) -> row.toSeq.tail).toMap
    assert(outcomes("tokens") == Seq("12345678", "1", "-12345677"))
    assert(outcomes("loss") == Seq("0.00025", null, null))
    assert(outcomes("held_out_loss") == Seq(null, null, null))
    val flops = outcomes("flops").map(_.toString)
    assert(flops.forall(_.matches("-?\\d+")) && flops.head.length > 9, flops)
  }

  private def said(reading: => Any): String = {
    val thrown = intercept[ConfigException](reading)
    assert(thrown.getStackTrace.isEmpty && !thrown.getMessage.contains("\n"))
    thrown.getMessage
  }

  test("an empty prompt is said in one line that names its form") {
    assert(
      said(NoteForms.generated(runs, "", 4)) ==
        "form \"prompt\": it is empty. Put the beginning of a text there."
    )
  }

  test("that a run has no checkpoint to write a text with is said in one line") {
    val folder = withoutMetrics()
    Files.copy(run.resolve("tokenizer.json"), folder.resolve("tokenizer.json"))
    val line = said(NoteForms.generated(tables(folder), "word1", 4))
    assert(line == s"the first run: $folder has no whole checkpoint yet.")
  }

  test("what is wrong with a note's form is said in one line that names it") {
    val missing = said(NoteForms.dataset(spark, "no-such/data"))
    assert(missing.startsWith("form \"dataset\": file:/"), missing)
    assert(missing.contains("/no-such/data is not a prepared dataset: it has no manifest.json."))
    assert(
      said(NoteForms.runs(spark, " ")) ==
        "form \"runs\": it is empty. Put a whole path there and run all paragraphs."
    )
    assert(said(NoteForms.runs(spark, s"$run, no-such/run")).contains("/no-such/run is not a "))
    val two = said(NoteForms.comparison(spark, data.toString, run.toString))
    assert(two.startsWith("forms \"first\" and \"second\": one of file:/"))
    assert(NoteForms.runs(spark, s" $run ,${Example.otherRun(spark)}").labels == runs.labels)
  }

  test("what is no dataset, no run, or lies in another version's folder is named") {
    intercept[FileNotFoundException](CorpusTables.of(spark, run.toString))
    intercept[FileNotFoundException](tables(data))
    val old = Scratch.folder()
    Files.copy(data.resolve("manifest.json"), old.resolve("manifest.json"))
    val thrown = intercept[io.moraine.pipeline.document.CorpusException](
      CorpusTables.of(spark, old.toString).funnel
    )
    assert(thrown.getMessage.startsWith(s"$old/report/funnel is missing: "))
  }
}
