package io.moraine.jobs.train

import com.fasterxml.jackson.databind.json.JsonMapper
import io.moraine.jobs.lease.HeldLeases
import io.moraine.jobs.prepare.PreparedDataset
import io.moraine.jobs.progress.Progress
import io.moraine.jobs.report.{EvaluationJson, EvaluationTable}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.model.checkpoint.TensorType
import io.moraine.model.data.TokenBatch
import io.moraine.model.generate.SamplingConfig
import io.moraine.model.huggingface.ModelExport
import java.io.{ByteArrayOutputStream, FileNotFoundException, PrintStream}
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional, OptionalLong}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class EvaluateSparkSuite extends AnyFunSuite with SharedSparkSession {

  /** Documents of two sources, by their number. */
  private lazy val data: Path = {
    val folder = Scratch.folder()
    Scratch.writeJsonLines(
      folder.resolve("corpus.jsonl"),
      Scratch.corpus(150),
      id => if (id.contains("0-") || id.endsWith("0")) "tens" else "others"
    )
    TrainJobSparkSuite.prepared(
      spark,
      folder,
      None,
      "held-out.fraction" -> Double.box(0.3),
      "sequences.packing" -> "best-fit"
    )
  }

  private lazy val run: RunFolder = {
    val folder = RunFolder.at(Scratch.folder().resolve("run").toString)
    new TrainJob(
      spark,
      TrainJobSparkSuite.settings(15, "model.layers" -> 3, "train.keep-checkpoints" -> 2),
      Scratch.silent
    ).run(JList.of(data.toString), folder, 2, true, Limits.NONE)
    folder
  }

  private def evaluate(step: OptionalLong) =
    new EvaluateJob(spark, Scratch.silent).run(run, step, data.toString)

  test("every kept checkpoint can be evaluated, by default the newest; others are named") {
    val Seq(tenth, last, newest) =
      Seq(OptionalLong.of(10), OptionalLong.of(15), OptionalLong.empty()).map(evaluate)
    assert(tenth.step == 10 && last.step == 15 && newest.step == 15 && newest.all == last.all)
    assert(last.all.loss < tenth.all.loss)
    val missing = intercept[FileNotFoundException](evaluate(OptionalLong.of(5)))
    assert(
      missing.getMessage == s"${run.root} has no checkpoint of step 5. Those that it has are of " +
        "steps 10, 15; without --step the newest is taken."
    )
  }

  test("a newest checkpoint that is damaged: the one before is taken, and that is said") {
    val path = Scratch.folder().resolve("run")
    val folder = RunFolder.at(path.toString)
    new TrainJob(spark, TrainJobSparkSuite.settings(10), Scratch.silent)
      .run(JList.of(data.toString), folder, 2, true, Limits.NONE)
    val shard = path.resolve("checkpoints/step-00000010/rank-00001-of-00002.safetensors")
    val bytes = Files.readAllBytes(shard)
    bytes(bytes.length - 1) = (bytes.last ^ 1).toByte
    Files.write(shard, bytes)
    val hadoop = spark.sparkContext.hadoopConfiguration
    def said(work: Progress => Any): Unit = {
      val out = new ByteArrayOutputStream
      work(new Progress(new PrintStream(out), false, () => 0L))
      val lines = out.toString.linesIterator.filter(_.startsWith("checkpoint ")).toSeq
      assert(lines.size == 1, out)
      assert(lines.head.startsWith("checkpoint step-00000010 is passed over: "), lines)
    }
    said(progress => assert(new EvaluateJob(spark, progress).run(folder, data.toString).step == 5))
    said(GenerateJob.generate(hadoop, folder, "word1", 1, SamplingConfig.greedy, false, _))
    said { progress =>
      val output = path.resolveSibling("model").toString
      val exported = HeldLeases.during(
        hadoop,
        progress,
        { leases =>
          ExportJob.export(
            hadoop,
            folder,
            ExportJob.begin(leases, output),
            TensorType.F32,
            ModelExport.SHARD_BYTES,
            Optional.empty(),
            progress
          )
        }
      )
      assert(exported.step == 5)
    }
  }

  test("losses and expert load by source are those of each token, counted one by one") {
    val evaluation = evaluate(OptionalLong.empty())
    val sources = spark.read
      .parquet(data.resolve("documents").toString)
      .collect()
      .map(row => row.getAs[String]("id") -> row.getAs[String]("source"))
      .toMap
    val trained =
      TrainedModel.load(spark.sparkContext.hadoopConfiguration, run, 2, Scratch.silent)
    val seen =
      try
        for {
          row <- spark.read.parquet(PreparedDataset.at(data.toString).heldOut).collect().toSeq
          filled = row.getAs[Int]("filled")
          tokens = row
            .getSeq[Int](row.fieldIndex("tokens"))
            .take(filled)
            .padTo(33, TokenBatch.PADDING)
          routed = trained.model.routedLosses(
            new TokenBatch(1, 32, tokens.toArray, new Array[Int](33))
          )
          place <- 0 until filled - 1
        } yield {
          val starts = row.getSeq[Int](row.fieldIndex("starts"))
          val documents = row.getSeq[String](row.fieldIndex("documents"))
          def source(at: Int) = sources(documents(starts.lastIndexWhere(_ <= at)))
          val experts = routed.experts.asScala.toSeq.map(_.slice(2 * place, 2 * place + 2).toSeq)
          (source(place), source(place + 1), routed.losses()(place).toDouble, experts)
        }
      finally trained.close()
    assert(evaluation.bySource.keySet.asScala == Set("tens", "others"))
    for (source <- Seq("tens", "others")) {
      val losses = seen.filter(_._2 == source).map(_._3)
      assert(evaluation.bySource.get(source).tokens == losses.size)
      assert(math.abs(evaluation.bySource.get(source).loss - losses.sum / losses.size) < 1e-9)
      val load = evaluation.loadBySource.get(source)
      assert(load.layers == 2 && load.experts == 8)
      val ofSource = seen.filter(_._1 == source)
      for (layer <- 0 to 1) {
        val chosen = ofSource.flatMap(_._4(layer))
        val counts = (0 until 8).map(e => chosen.count(_ == e))
        assert(load.tokens.slice(8 * layer, 8 * layer + 8).toSeq == counts.map(_.toLong))
        assert(math.abs((0 until 8).map(load.share(layer, _)).sum - 1) < 1e-12)
        assert(math.abs(load.share(layer, 3) - counts(3) / (2.0 * ofSource.size)) < 1e-12)
        assert(math.abs(load.maxViolation(layer) - (counts.max * 4.0 / ofSource.size - 1)) < 1e-12)
      }
    }
  }

  test("the table and the JSON have every source, its loss, and the load of each MoE layer") {
    val evaluation = evaluate(OptionalLong.empty())
    val losses = EvaluationTable.lines(evaluation).asScala
    val table = EvaluationTable.expertLoad(evaluation).asScala
    for (source <- Seq("tens", "others")) {
      val loss = evaluation.bySource.get(source)
      assert(
        losses.exists(line =>
          line.startsWith(source + " ") && line.contains(f"${loss.loss}%.3f") &&
            line.contains(f"${loss.bitsPerByte}%.3f")
        ),
        losses
      )
      val rows = table.filter(_.startsWith(source + " "))
      assert(rows.size == 2, table)
      val load = evaluation.loadBySource.get(source)
      val most = (0 until 8).maxBy(load.share(1, _))
      assert(
        rows.last.contains(f"${load.maxViolation(1)}%.2f") &&
          rows.last.contains(f"$most: ${100 * load.share(1, most)}%.1f %%"),
        rows
      )
    }
    val json = new JsonMapper().readTree(EvaluationJson.rendered(evaluation))
    assert(json.path("step").asInt == 15)
    assert(json.path("all").path("loss").asDouble == evaluation.all.loss)
    val tens = json.path("sources").path("tens")
    assert(tens.path("bits_per_byte").asDouble == evaluation.bySource.get("tens").bitsPerByte)
    assert(tens.path("perplexity").asDouble == math.exp(evaluation.bySource.get("tens").loss))
    val load = evaluation.loadBySource.get("tens")
    assert(tens.path("max_violation").path(1).asDouble == load.maxViolation(1))
    assert(tens.path("expert_share").path(1).path(7).asDouble == load.share(1, 7))
    assert(tens.path("expert_share").size == 2 && tens.path("expert_share").path(0).size == 8)
  }
}
