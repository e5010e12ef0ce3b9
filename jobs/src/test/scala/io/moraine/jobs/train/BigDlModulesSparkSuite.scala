package io.moraine.jobs.train

import io.moraine.bigdl.BigDlSuite
import io.moraine.jobs.cli.FailureSuite
import io.moraine.jobs.config.{ConfigException, TrainSettings}
import io.moraine.jobs.figures.RunTables
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.model.generate.SamplingConfig
import io.moraine.model.train.TrainResult
import java.io.FileNotFoundException
import java.nio.file.{Files, Path}
import java.util.function.BiFunction
import java.util.jar.{JarEntry, JarOutputStream}
import java.util.{List => JList}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** Modules that users of BigDL bring, and its own Transformer, as runs. */
class BigDlModulesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private lazy val data: Path = TrainJobSparkSuite.dataset(spark)

  private def hadoop = spark.sparkContext.hadoopConfiguration

  private lazy val jars = new BigDlJars(
    BigDlTrainJobSparkSuite.jars.folder,
    JList.of(BigDlModulesSparkSuite.jar(BigDlSuite.classPath.head))
  )

  private def settings(steps: Int, options: (String, Any)*): TrainSettings =
    TrainJobSparkSuite.settings(
      steps,
      Seq[(String, Any)](
        "train.engine.name" -> "bigdl",
        "train.samples.every" -> 0,
        "train.learning-rate.phases" -> JList.of()
      ) ++ options: _*
    )

  private def train(run: Path, settings: TrainSettings): TrainResult =
    new TrainJob(spark, settings, Scratch.silent, jars)
      .run(JList.of(data.toString), RunFolder.at(run.toString), 2, true, Limits.NONE)

  private def losses(run: Path): Array[Double] = spark.read
    .parquet(run.resolve("metrics").toString)
    .orderBy("step")
    .collect()
    .map(_.getAs[Double]("loss"))

  private def ofClass(name: String) =
    Seq("train.engine.bigdl.model" -> "class", "train.engine.bigdl.class" -> name)

  private val transformer = Seq(
    "train.engine.bigdl.model" -> "transformer",
    "model.dense-layers" -> 2,
    "model.experts.routed" -> 0,
    "model.experts.shared" -> 0,
    "model.experts.active" -> 0,
    "model.experts.feed-forward-dim" -> 0,
    "model.experts.selection-bias" -> false,
    "model.experts.sequence-balance-alpha" -> 0,
    "model.attention.kind" -> "grouped-query",
    "model.attention.heads" -> 2,
    "model.attention.key-value-heads" -> 2,
    "model.attention.head-dim" -> 16
  )

  private def exported(run: Path): Path = {
    val file = Scratch.folder().resolve("trained.bigdl")
    BigDlExportJob.export(hadoop, RunFolder.at(run.toString), file.toString, jars, Scratch.silent)
    assert(Files.list(file.getParent).count() == 1, "and nothing beside it")
    file
  }

  /** Scores that BigDL itself computes of a file. */
  private def outputs(file: Path, tokens: Seq[Int]): Array[Float] = BigDlSuite.bigDl
    .load(
      BigDlSuite.examples + "BigDlItself$Outputs",
      classOf[BiFunction[String, Array[Float], Array[Float]]]
    )
    .apply(file.toString, tokens.map(_.toFloat).toArray)

  for (
    (name, options) <- Seq(
      "a class of a user's" -> ofClass("org.example.NextWord"),
      "BigDL's Transformer" -> transformer
    )
  )
    test(s"$name: the loss falls, a resumed run has the same bits, BigDL loads what is exported") {
      val whole = Scratch.folder().resolve("run")
      val result = train(whole, settings(16, options: _*))
      val all = losses(whole)
      assert(math.abs(all.head - math.log(400)) < 0.5 && all.last < all.head - 0.1, all.toSeq)
      assert(result.heldOutLoss < math.log(400))

      val run = Scratch.folder().resolve("run")
      train(run, settings(8, options: _*))
      val again = train(run, settings(16, options: _*))
      assert(again.resumedFrom == 8 && again.weightsDigest == result.weightsDigest)

      val vocabulary = outputs(exported(run), 1 to 8).length / 8
      assert(outputs(exported(run), 1 to 8) sameElements outputs(exported(whole), 1 to 8))
      assert(vocabulary >= 390 && vocabulary <= 400)

      val summary = RunTables.of(spark, java.util.List.of(run.toString)).summary.first()
      assert(summary.isNullAt(summary.fieldIndex("parameters")))
      assert(summary.getAs[Double]("loss") == all.last)
      val folder = RunFolder.at(run.toString)
      for (
        refused <- Seq(
          intercept[ConfigException](
            new EvaluateJob(spark, Scratch.silent).run(folder, data.toString)
          ),
          intercept[ConfigException](
            GenerateJob
              .generate(hadoop, folder, "word1", 1, SamplingConfig.greedy, false, Scratch.silent)
          )
        )
      )
        assert(
          refused.getMessage.startsWith(
            s"$run trains a model of BigDL's ({train.engine.bigdl."
          ) && refused.getMessage.endsWith(
            ", which libtorch does not have. Its losses are in its metrics, and moraine export " +
              "--format bigdl writes the model for BigDL."
          ),
          refused.getMessage
        )
    }

  test("a file of BigDL's: its weights come in, the run keeps a copy, what is trained goes out") {
    val folder = Scratch.folder()
    val before = folder.resolve("before")
    train(before, settings(8, ofClass("org.example.NextWord"): _*))
    val file = exported(before)
    val options = Seq("train.engine.bigdl.model" -> "file", "train.engine.bigdl.file" -> file)
      .map { case (key, value) => key -> value.toString }

    val whole = folder.resolve("whole")
    val result = train(whole, settings(12, options: _*))
    assert(losses(whole).head < losses(before).head - 0.05, "it begins with the file's weights")
    val run = folder.resolve("run")
    train(run, settings(6, options: _*))
    Files.delete(file)
    val again = train(run, settings(12, options: _*))
    assert(again.resumedFrom == 6 && again.weightsDigest == result.weightsDigest)
    assert(outputs(exported(run), 1 to 8) sameElements outputs(exported(whole), 1 to 8))

    val other = intercept[ConfigException](
      train(run, settings(13, options :+ ("train.engine.bigdl.rows" -> "own"): _*))
    )
    assert(
      other.getMessage == s"the run $run has another model: train.engine.bigdl.rows is next there and own here. " +
        "Set it back, use another --run, or --resume never."
    )
    val torch = intercept[ConfigException](
      train(run, settings(13, "train.engine.name" -> "torch"))
    )
    assert(
      torch.getMessage.contains("train.engine.bigdl.model is file there and configured here. ")
    )
    val missing = intercept[FileNotFoundException](
      train(folder.resolve("new"), settings(1, options: _*))
    )
    assert(missing.getMessage == s"train.engine.bigdl.file: there is no file $file.")
    assert(!Files.exists(folder.resolve("new")), "refused before anything of the run is touched")
  }

  test("a class that makes another module of as many weights does not go on, nor go out") {
    val run = Scratch.folder().resolve("run")
    val options = ofClass(BigDlSuite.examples + "WordPairs$Turning")
    train(run, settings(2, options: _*))
    System.setProperty("moraine.test.turned", "true")
    try
      for (other <- Seq(() => train(run, settings(4, options: _*)), () => exported(run))) {
        val line = FailureSuite.line(intercept[Exception](other()))
        assert(
          line.matches(
            s"the run $run has checkpoints of another module: slice 1 of its weights is parameters.1\\[1\\]@\\d+ " +
              "there and parameters.1\\[16, 16\\]@\\d+ here. Set the module back, use another --run, or --resume never."
          ),
          line
        )
      }
    finally System.clearProperty("moraine.test.turned")
    assert(train(run, settings(4, options: _*)).resumedFrom == 2)
  }

  test("what cannot be trained on tokens ends in one line, once") {
    def message(options: (String, Any)*): String = {
      val run = Scratch.folder().resolve("run")
      val refused = intercept[Exception](train(run, settings(1, options: _*)))
      FailureSuite.line(refused)
    }
    val pictures = message(ofClass(BigDlSuite.examples + "Refused$OfPictures"): _*)
    assert(
      pictures.startsWith("train.engine.bigdl: Linear") &&
        pictures.contains(" and its criterion compute no loss of tokens: ") &&
        pictures.endsWith("and gives a row of scores for each."),
      pictures
    )
    assert(
      message(ofClass("org.example.NoSuch"): _*).startsWith(
        "train.engine.bigdl: org.example.NoSuch is no ModuleFactory that can be made: "
      )
    )
    val unlinked = message(ofClass(BigDlSuite.examples + "Refused$Missing"): _*)
    assert(
      unlinked.startsWith(
        "train.engine.bigdl: io.moraine.bigdl.examples.Refused$Missing cannot be used beside BigDL 0.13: "
      ),
      unlinked
    )
    val text = Files.writeString(Scratch.folder().resolve("notes.txt"), "Weights will follow.")
    val none = message(
      "train.engine.bigdl.model" -> "file",
      "train.engine.bigdl.file" -> text.toString
    )
    assert(none.contains("/module.bigdl is no module that BigDL saved, or not a whole one: "), none)
  }

  test("settings that do not fit each other are said before it begins") {
    def refused(options: (String, Any)*): String =
      intercept[ConfigException](settings(1, options: _*)).getMessage
    assert(
      refused("train.engine.bigdl.model" -> "class").startsWith(
        "train.engine.bigdl: model = class needs class ("
      )
    )
    assert(
      refused("train.engine.bigdl.file" -> "a.bigdl").startsWith(
        "train.engine.bigdl: file = a.bigdl has no effect with model = configured, it needs model = file ("
      )
    )
    assert(
      refused(ofClass("a.B") :+ ("train.engine.name" -> "torch"): _*).startsWith(
        "train.engine: bigdl.model = class needs name = bigdl ("
      )
    )
    assert(
      refused("train.engine.bigdl.model" -> "transformer").contains(
        "the BigDL engine needs model.dense-layers = layers: its layers have nothing else. "
      )
    )
    val jar = jars.own.get(0)
    def withJars(own: Path*): String = {
      val wrong = new BigDlJars(jars.folder, own.asJava)
      intercept[ConfigException](wrong.classPath("it")).getMessage
    }
    assert(withJars(jar, jar).startsWith("--module-jars: two jars have the name modules.jar, "))
    assert(withJars(Path.of("no.jar")) == "--module-jars: there is no file no.jar.")
  }

  test("a run of the settings' model is no module of BigDL's") {
    val run = Scratch.folder().resolve("run")
    train(run, settings(1))
    val refused = intercept[ConfigException](
      BigDlExportJob.export(hadoop, RunFolder.at(run.toString), "model.bigdl", jars, Scratch.silent)
    )
    assert(
      refused.getMessage == s"$run trains the model of its settings, whose layers BigDL does not have. " +
        "Export it without --format bigdl."
    )
  }
}

object BigDlModulesSparkSuite {

  /** All files of a folder of classes as `modules.jar`. */
  def jar(classes: Path): Path = {
    val jar = Scratch.folder().resolve("modules.jar")
    val out = new JarOutputStream(Files.newOutputStream(jar))
    val files = Files.walk(classes)
    try
      for (file <- files.iterator.asScala if Files.isRegularFile(file)) {
        out.putNextEntry(new JarEntry(classes.relativize(file).toString))
        Files.copy(file, out)
        out.closeEntry()
      }
    finally {
      files.close()
      out.close()
    }
    jar
  }
}
