package io.moraine.jobs.train

import io.moraine.jobs.config.{ConfigException, TrainSettings}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.model.train.TrainResult
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import org.scalatest.funsuite.AnyFunSuite

class BigDlTrainJobSparkSuite extends AnyFunSuite with SharedSparkSession {

  private lazy val data: Path = TrainJobSparkSuite.dataset(spark)

  private def settings(steps: Int, engine: String, options: (String, Any)*): TrainSettings =
    TrainJobSparkSuite.settings(
      steps,
      Seq[(String, Any)](
        "train.engine.name" -> engine,
        "train.samples.every" -> 0,
        "train.learning-rate.phases" -> JList.of()
      ) ++ options: _*
    )

  private def train(
      run: Path,
      settings: TrainSettings,
      jars: BigDlJars = BigDlTrainJobSparkSuite.jars
  ): TrainResult =
    new TrainJob(spark, settings, Scratch.silent, jars)
      .run(JList.of(data.toString), RunFolder.at(run.toString), 2, true, Limits.NONE)

  private def losses(run: Path): Array[Double] =
    spark.read
      .parquet(run.resolve("metrics").toString)
      .orderBy("step")
      .collect()
      .map(_.getAs[Double]("loss"))

  private val whole = Scratch.folder().resolve("run")

  private lazy val wholeResult = train(whole, settings(10, "bigdl"))

  test("two ranks, int8: the losses of BigDL's layers are those of libtorch within 1e-3") {
    val other = Scratch.folder().resolve("run")
    train(other, settings(10, "torch"))
    assert(wholeResult.step == 10)
    val (torch, bigDl) = (losses(other), losses(whole))
    assert(torch.length == 10 && bigDl.length == 10 && bigDl.last < bigDl.head - 0.1)
    assert(math.abs(torch(0) - bigDl(0)) < 1e-5)
    for ((a, b) <- torch.zip(bigDl)) assert(math.abs(a - b) < 1e-3)
  }

  test("started again it ends with the bits of a run that was never stopped; torch reads it") {
    val run = Scratch.folder().resolve("run")
    train(run, settings(5, "bigdl"))
    val resumed = train(run, settings(10, "bigdl"))
    assert(resumed.resumedFrom == 5 && resumed.weightsDigest == wholeResult.weightsDigest)
    val evaluation =
      new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(run.toString), data.toString)
    assert(evaluation.all.loss < math.log(400))
    assert(train(run, settings(11, "torch")).resumedFrom == 10)
  }

  test("what the BigDL engine cannot do is said before it begins") {
    def message(settings: => TrainSettings): String =
      intercept[ConfigException](settings).getMessage
    assert(
      message(settings(1, "bigdl", "model.precision" -> "bf16"))
        .contains(
          "the BigDL engine needs model.precision = float32: its layers have nothing else. "
        )
    )
    assert(
      message(settings(1, "bigdl", "train.recompute" -> "layers"))
        .contains("needs train.recompute = none and train.experts.placement = replicated. ")
    )
    assert(
      message(settings(1, "bigdl", "train.engine.mkl-threads" -> 0))
        .contains("mkl-threads must be at least 1, got 0")
    )
    val run = Scratch.folder().resolve("run")
    val missing = intercept[ConfigException](train(run, settings(1, "bigdl"), BigDlJars.NONE))
    assert(
      missing.getMessage == "train.engine.name = bigdl needs BigDL's jars, and no folder is given. " +
        "Build Moraine, which puts them into model/bigdl/target/jars, or say --bigdl-jars where they are."
    )
    val empty = Scratch.folder()
    val wrong = intercept[ConfigException](
      train(run, settings(1, "bigdl"), new BigDlJars(Optional.of(empty), JList.of()))
    )
    assert(wrong.getMessage.startsWith(s"there is no bigdl-*.jar in $empty. "))
    assert(!Files.exists(run), "refused before anything of the run is touched")
  }
}

object BigDlTrainJobSparkSuite {

  /** Those of the build. */
  val jars = new BigDlJars(
    Optional.of(Path.of(System.getProperty("moraine.root"), "model/bigdl/target/jars")),
    JList.of()
  )
}
