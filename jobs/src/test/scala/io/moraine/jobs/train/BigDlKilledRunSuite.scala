package io.moraine.jobs.train

import io.moraine.jobs.Scratch
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** Training processes with the BigDL engine. */
class BigDlKilledRunSuite extends AnyFunSuite with KilledRuns {

  protected def steps: Int = 120

  override protected def options: Seq[String] =
    Seq("--engine", "bigdl", "--bigdl-jars", BigDlTrainJobSparkSuite.jars.folder.get.toString)

  override protected def settings: Seq[(String, Any)] =
    super.settings :+ ("train.samples.every" -> 0)

  private def ofBigDl(classes: Path): Int = {
    val lines = Files.lines(classes)
    try lines.iterator.asScala.count(_.contains(" com.intel.analytics.bigdl."))
    finally lines.close()
  }

  private def classLog(file: Path): String = s"-Xlog:class+load=info:file=$file"

  test("killed five times, while starting, training and writing checkpoints: the same bits") {
    val classes = Scratch.folder().resolve("classes.log")
    assertSameBitsKilled(5, classLog(classes))
    assert(ofBigDl(classes) > 100, "what the next test looks for is in such a log")
  }

  /** The classes that `moraine train` of two steps loads, in order; and what it writes. */
  private lazy val (loadedByTorch: Path, ofTorch: Path) = {
    val folder = Scratch.folder()
    val classes = folder.resolve("classes.log")
    val log = folder.resolve("log")
    val torch = Processes.startWith(
      Seq(classLog(classes)),
      log,
      Map("spark.master" -> "local[2]", "spark.ui.enabled" -> "false"),
      "io.moraine.jobs.Moraine",
      Seq("train", "--data", data.toString, "--run", folder.resolve("run").toString) ++
        Seq("--config", Processes.settingsFile(2, settings: _*).toString): _*
    )
    assert(Processes.exitCode(torch, 120) == 0, Processes.text(log))
    (classes, log)
  }

  test("training loads nothing of Spark SQL before its first step that only tables want") {
    val loaded = Processes.text(loadedByTorch)
    val firstStep = loaded.indexOf(" io.moraine.model.train.StepSums ")
    assert(firstStep > 0)
    for (unwanted <- Seq("internal.SessionState", "catalyst.parser.CatalystSqlParser$")) {
      val at = loaded.indexOf(s" org.apache.spark.sql.$unwanted ")
      assert(at < 0 || at > firstStep, unwanted)
    }
    assert(!Processes.text(ofTorch).contains("Using an existing SparkContext"))
  }

  test("without --engine bigdl no class of BigDL is loaded, and none of its jars is named") {
    val loaded = Processes.text(loadedByTorch)
    assert(loaded.contains(" io.moraine.model.train.Trainer "))
    assert(ofBigDl(loadedByTorch) == 0 && !loaded.contains("model/bigdl/target/jars"))
  }
}
