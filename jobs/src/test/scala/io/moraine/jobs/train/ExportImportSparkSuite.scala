package io.moraine.jobs.train

import io.moraine.jobs.config.{ConfigException, SettingsFile, TrainSettings}
import io.moraine.jobs.lease.{HeldLeases, LeaseLostException, TryLaterException}
import io.moraine.model.train.TrainConfig
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.model.checkpoint.TensorType
import io.moraine.model.generate.SamplingConfig
import io.moraine.model.huggingface.{ModelExport, ModelFormatException}
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import java.io.FileNotFoundException
import java.nio.file.{Files, Path}
import java.util.Optional
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.jdk.OptionConverters._

class ExportImportSparkSuite extends AnyFunSuite with SharedSparkSession {

  private lazy val data: Path = TrainJobSparkSuite.dataset(spark)

  private val dense = Seq[(String, Any)](
    "model.dense-layers" -> 2,
    "model.attention.kind" -> "grouped-query",
    "model.attention.key-value-heads" -> 1,
    "model.attention.head-dim" -> 16,
    "model.rotary.layout" -> "halves",
    "model.rotary.scaling" -> "none",
    "model.experts.routed" -> 0,
    "model.experts.active" -> 0,
    "model.experts.shared" -> 0,
    "model.experts.feed-forward-dim" -> 0
  )

  private def hadoop = spark.sparkContext.hadoopConfiguration

  private def trained(options: (String, Any)*): Path = {
    val run = Scratch.folder().resolve("run")
    new TrainJob(spark, TrainJobSparkSuite.settings(6, options: _*), Scratch.silent)
      .run(java.util.List.of(data.toString), RunFolder.at(run.toString), 2, true, Limits.NONE)
    run
  }

  private lazy val latentRun = trained()

  private def exported(
      run: Path,
      output: Path = Scratch.folder().resolve("model"),
      weights: TensorType = TensorType.F32,
      measured: Option[ExportJob.Measured] = None
  ): Path = {
    write(hadoop, run, output.toString, weights, measured)
    output
  }

  private def write(
      hadoop: Configuration,
      run: Path,
      output: String,
      weights: TensorType = TensorType.F32,
      measured: Option[ExportJob.Measured] = None,
      meanwhile: => Unit = ()
  ): Unit =
    HeldLeases.during(
      hadoop,
      Scratch.silent,
      { leases =>
        val folder = ExportJob.begin(leases, output)
        meanwhile
        ExportJob.export(
          hadoop,
          RunFolder.at(run.toString),
          folder,
          weights,
          ModelExport.SHARD_BYTES,
          measured.toJava,
          Scratch.silent
        )
      }
    )

  test("a model's held-out loss is recorded, and compared with that on the same sequences alone") {
    val run = trained()
    val evaluation =
      new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(run.toString), data.toString)
    val measured = ExportJob.Measured.of(hadoop, data.toString, evaluation)
    assert(measured.step == 6 && measured.loss == evaluation.all.loss)
    val model = exported(run, measured = Some(measured))
    assert(ExportJob.measured(hadoop, model.toString).toScala.contains(measured))
    assert(ExportJob.measured(hadoop, exported(run).toString).toScala.isEmpty)
    def as(heldOut: String, loss: Double) = new ExportJob.Measured(heldOut, 9, loss)
    assert(measured.isAsGoodAs(measured))
    assert(!measured.isAsGoodAs(as(measured.heldOut, measured.loss - 1e-9)))
    assert(!measured.isAsGoodAs(as("other sequences", measured.loss + 1)))
  }

  /** Loss of the model that is there. */
  private def lossOf(model: Path): Option[Double] =
    ExportJob.measured(hadoop, model.toString).toScala.map(_.loss)

  test("of two that export to one place the second is told to try later; nothing stays beside it") {
    val model = Scratch.folder().resolve("model")
    var refusal = ""
    write(
      hadoop,
      latentRun,
      model.toString,
      meanwhile = {
        refusal = intercept[TryLaterException](write(hadoop, latentRun, model.toString)).getMessage
      }
    )
    assert(refusal.startsWith(s"$model is being written by process "), refusal)
    assert(names(model.getParent) == Set("model"))
  }

  test("what ends an export before it writes leaves nothing beside it") {
    val parent = Scratch.folder()
    val output = parent.resolve("model").toString
    intercept[IllegalStateException](
      write(hadoop, latentRun, output, meanwhile = throw new IllegalStateException)
    )
    assert(names(parent).isEmpty)
  }

  test("a run that another process begins while it is imported stays as it is") {
    val model = exported(latentRun)
    val local = HdfsLike.register(new Configuration(hadoop))
    val run = Scratch.folder().resolve("run")
    HdfsLike.watched(call =>
      if (call.file == "settings.json") {
        Files.createDirectories(run)
        Files.writeString(run.resolve("status.json"), "{}")
      }
    ) {
      val refused = intercept[TryLaterException](
        ImportJob.run(
          local,
          model.toString,
          HdfsLike.run(run),
          Optional.empty(),
          Optional.empty(),
          Scratch.silent
        )
      )
      assert(refused.getMessage.contains("has been made by another process meanwhile"))
    }
    assert(names(run) == Set("status.json") && names(run.getParent) == Set("run"))
  }

  test("a kill between putting a model aside and the new one in its place: the old one is there") {
    class Killed extends RuntimeException
    val local = HdfsLike.register(new Configuration(hadoop))
    val model = Scratch.folder().resolve("model")
    def measured(loss: Double) = Some(new ExportJob.Measured("sequences", 6, loss))
    write(local, latentRun, s"hdfslike:$model", measured = measured(3.0))
    HdfsLike.watched(call => if (call.name == "rename" && call.to == model) throw new Killed)(
      intercept[Killed](write(local, latentRun, s"hdfslike:$model", measured = measured(2.0)))
    )
    assert(!Files.exists(model))
    var found = Option.empty[Double]
    write(
      local,
      latentRun,
      s"hdfslike:$model",
      measured = measured(1.0),
      meanwhile = { found = lossOf(model) }
    )
    assert(found.contains(3.0) && lossOf(model).contains(1.0))
    assert(names(model.getParent) == Set("model"))
  }

  test("an export that hung and was taken over puts nothing in the place of the other's model") {
    val local = HdfsLike.register(new Configuration(hadoop))
    val model = Scratch.folder().resolve("model")
    def measured(loss: Double) = Some(new ExportJob.Measured("sequences", 6, loss))
    intercept[LeaseLostException](
      write(
        local,
        latentRun,
        s"hdfslike:$model",
        measured = measured(3.0),
        meanwhile = {
          val claims = model.resolveSibling(".model.lease")
          names(claims)
            .filter(_.startsWith("holder-"))
            .foreach(n => Files.delete(claims.resolve(n)))
          write(local, latentRun, s"hdfslike:$model", measured = measured(2.0))
        }
      )
    )
    assert(lossOf(model).contains(2.0))
  }

  private def imported(model: Path, run: Path = Scratch.folder().resolve("imported")): Path = {
    ImportJob.run(
      hadoop,
      model.toString,
      RunFolder.at(run.toString),
      Optional.empty(),
      Optional.empty(),
      Scratch.silent
    )
    run
  }

  private def logits(run: Path): Seq[Float] = {
    val model = TrainedModel.load(hadoop, RunFolder.at(run.toString), 1, Scratch.silent)
    try model.model.logits(Array.tabulate(64)(i => i * 11 % 400), 2).toSeq
    finally model.close()
  }

  private def text(run: Path, drafting: Boolean = false): String = GenerateJob
    .generate(
      hadoop,
      RunFolder.at(run.toString),
      "word1 word2",
      20,
      SamplingConfig.plain(1),
      drafting,
      Scratch.silent
    )
    .text

  private def names(folder: Path): Set[String] =
    Files.list(folder).iterator.asScala.map(_.getFileName.toString).toSet

  for (
    (name, options) <- Seq("latent attention with experts" -> Nil, "dense" -> dense);
    weights <- Seq(TensorType.F32, TensorType.BF16)
  )
    test(s"a run, exported as $weights and imported, computes the same bits: $name") {
      val run = if (options.isEmpty) latentRun else trained(options: _*)
      val model = exported(run, weights = weights)
      assert(
        names(model) == Set(
          "config.json",
          "generation_config.json",
          "model.safetensors",
          "tokenizer.json",
          "tokenizer_config.json"
        )
      )
      assert(Files.mismatch(model.resolve("tokenizer.json"), run.resolve("tokenizer.json")) == -1)
      val tokenizer = Files.readString(model.resolve("tokenizer_config.json"))
      assert(tokenizer.contains(""""eos_token" : "<|endoftext|>""""))
      assert(tokenizer.contains(""""model_max_length" : 32"""))
      val again = imported(model)
      // Ranks of this run send each other weights in bfloat16: those lose nothing.
      assert(logits(again) == logits(run))
      assert(text(again) == text(run))
    }

  test("modules of multi-token prediction go there and back: the same drafts, trained further") {
    val run = trained("model.prediction.depth" -> 1)
    val again = imported(exported(run))
    assert(logits(again) == logits(run))
    assert(text(again, drafting = true) == text(run, drafting = true))
    val settings = TrainSettings.of(
      SettingsFile.read(
        "models/demo.conf",
        Optional.of(again.resolve("settings.json")),
        Map[String, Object]("train.steps" -> Int.box(2), "train.micro-batch" -> Int.box(2)).asJava
      )
    )
    // What trains them further is no stored model's: the default.
    assert(settings.model.prediction == new PredictionConfig(1, 0.3))
    val result = new TrainJob(spark, settings, Scratch.silent)
      .run(java.util.List.of(data.toString), RunFolder.at(again.toString), 2, true, Limits.NONE)
    assert(result.step == 2)
  }

  test("a model with more ids than its tokenizer is trained, evaluated, exported and imported") {
    val run = trained("model.vocabulary-size" -> 512, "model.prediction.depth" -> 1)
    val again = imported(exported(run))
    val losses = Seq(run, again).map(folder =>
      new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(folder.toString), data.toString)
    )
    assert(losses.head.all.loss < math.log(512) && losses.head.all.tokens > 0)
    assert(losses.map(_.all.loss).distinct.size == 1)
    // 40 tokens of a hardly trained model would have some of the 112 others, which are no text.
    for (folder <- Seq(run, again); drafting <- Seq(false, true); seed <- 1L to 5L) {
      val generated = GenerateJob.generate(
        hadoop,
        RunFolder.at(folder.toString),
        "word1 word2",
        40,
        new SamplingConfig(2, 0, 1, 1, seed),
        drafting,
        Scratch.silent
      )
      assert(generated.text.startsWith("word1 word2"))
      assert(!drafting || generated.generation.drafted > 0)
    }
  }

  test("an imported run is trained further, by two ranks, and evaluated") {
    val run = imported(exported(latentRun))
    val evaluation =
      new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(run.toString), data.toString)
    val before =
      new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(latentRun.toString), data.toString)
    assert(evaluation.step == 0 && math.abs(evaluation.all.loss - before.all.loss) < 1e-6)
    val settings = TrainSettings.of(
      SettingsFile.read(
        "models/demo.conf",
        Optional.of(run.resolve("settings.json")),
        Map[String, Object]("train.steps" -> Int.box(6), "train.micro-batch" -> Int.box(2)).asJava
      )
    )
    assert(settings.train.wire.weights == TrainConfig.Weights.FP32)
    assert(settings.model.router.sequenceBalanceAlpha == 1e-4)
    val result = new TrainJob(spark, settings, Scratch.silent)
      .run(java.util.List.of(data.toString), RunFolder.at(run.toString), 2, true, Limits.NONE)
    assert(result.resumedFrom == 0 && result.step == 6)
    assert(result.loss < before.all.loss)
  }

  test("an earlier model is replaced as a whole, anything else is left alone") {
    val output = exported(latentRun)
    Files.writeString(output.resolve("old.txt"), "of the earlier one")
    exported(latentRun, output)
    assert(!Files.exists(output.resolve("old.txt")))
    assert(names(output.getParent) == Set("model"))
    val other = Scratch.folder()
    Files.writeString(other.resolve("thesis.txt"), "mine")
    assert(
      intercept[ConfigException](exported(latentRun, other)).getMessage ==
        s"--output $other exists and is no model, it has no config.json. Name another folder or remove it."
    )
    assert(names(other) == Set("thesis.txt"))
  }

  test("what cannot be exported leaves what was there") {
    val output = exported(latentRun)
    val before = Files.readAllBytes(output.resolve("model.safetensors")).toSeq
    val softmax = trained("model.experts.score" -> "softmax")
    assert(
      intercept[ModelFormatException](exported(softmax, output)).getMessage ==
        "DeepseekV3ForCausalLM has no model.experts.score = softmax, so this model cannot be exported."
    )
    assert(Files.readAllBytes(output.resolve("model.safetensors")).toSeq == before)
    assert(names(output.getParent) == Set("model"))
    val nothing = Scratch.folder()
    assert(
      intercept[FileNotFoundException](exported(nothing)).getMessage
        .contains("is not a training run")
    )
  }

  test("what cannot be imported is named, and no run appears") {
    val model = exported(latentRun)
    def said(input: Path, run: Path)(tokenizer: Optional[String] = Optional.empty()): String = {
      val e = intercept[Exception](
        ImportJob.run(
          hadoop,
          input.toString,
          RunFolder.at(run.toString),
          tokenizer,
          Optional.empty(),
          Scratch.silent
        )
      )
      e.getMessage
    }
    val parent = Scratch.folder()
    val run = parent.resolve("run")
    assert(
      said(model, latentRun)() == s"--run $latentRun exists. Name another folder or remove it."
    )
    assert(
      said(parent.resolve("none"), run)() == s"--input ${parent.resolve("none")} is not there."
    )
    Files.move(model.resolve("tokenizer.json"), parent.resolve("tokenizer.json"))
    assert(said(model, run)() == s"$model has no tokenizer.json: name one with --tokenizer FILE.")
    assert(names(parent) == Set("tokenizer.json"))
    val missing = parent.resolve("missing.json").toString
    assert(
      said(model, run)(Optional.of(missing)) == s"--tokenizer $missing: there is no such file."
    )
    val noTokenizer = model.resolve("config.json").toString
    assert(said(model, run)(Optional.of(noTokenizer)).startsWith(s"$noTokenizer: "))
    val tokenizer = Optional.of(parent.resolve("tokenizer.json").toString)
    val config = Files.readString(model.resolve("config.json"))
    Files.writeString(model.resolve("config.json"), config.replace("\"silu\"", "\"gelu\""))
    assert(
      said(model, run)(tokenizer) == s"$model/config.json: hidden_act must be silu, got \"gelu\"."
    )
    Files.writeString(model.resolve("config.json"), config)
    val weights = model.resolve("model.safetensors")
    val bytes = Files.readAllBytes(weights)
    Files.write(weights, bytes.dropRight(1))
    assert(said(model, run)(tokenizer) == "model.safetensors is cut off.")
    Files.write(weights, bytes)
    assert(names(parent) == Set("tokenizer.json"))
    ImportJob.run(
      hadoop,
      model.toString,
      RunFolder.at(run.toString),
      tokenizer,
      Optional.empty(),
      Scratch.silent
    )
    assert(logits(run) == logits(latentRun))
  }

  test("a tokenizer of more ids than the model has is refused") {
    val model = exported(latentRun)
    val other = TrainJobSparkSuite.dataset(spark, "tokenizer.vocabulary-size" -> Int.box(450))
    val tokenizer = other.resolve("tokenizer/tokenizer.json")
    val run = Scratch.folder().resolve("run")
    val e = intercept[ConfigException](
      ImportJob.run(
        hadoop,
        model.toString,
        RunFolder.at(run.toString),
        Optional.of(tokenizer.toString),
        Optional.empty(),
        Scratch.silent
      )
    )
    assert(e.getMessage == s"$tokenizer has 450 ids, the model only 400: it is of another model.")
    assert(!Files.exists(run))
  }
}
