package io.moraine.jobs.train

import io.moraine.jobs.progress.Progress
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.model.train.TrainResult
import java.nio.file.{Files, Path}
import java.util.{List => JList}

import scala.jdk.CollectionConverters._

/** Runs on a file system that a test watches, as [[HdfsLike]] does. */
trait WatchedRun extends SharedSparkSession {

  protected lazy val data: Path = TrainJobSparkSuite.dataset(spark)

  protected def newRun(): Path = Scratch.folder().resolve("run")

  /** Trains with two ranks; `before` is called before each call of the run's file system. */
  protected def train(
      run: Path,
      steps: Int,
      limits: Limits = Limits.NONE,
      before: HdfsLike.Call => Unit = _ => (),
      progress: Progress = Scratch.silent
  )(options: (String, Any)*): TrainResult = {
    HdfsLike.register(spark.sparkContext.hadoopConfiguration)
    val job = new TrainJob(spark, TrainJobSparkSuite.settings(steps, options: _*), progress)
    HdfsLike.watched(before) {
      job.run(JList.of(data.toString), HdfsLike.run(run), 2, true, limits)
    }
  }

  protected def status(run: Path): Status =
    Status.parse(Files.readString(run.resolve("status.json")))

  /** Steps of the checkpoints, whole ones or not. */
  protected def checkpoints(run: Path): Seq[Int] =
    names(run.resolve("checkpoints")).map(_.stripPrefix("step-").toInt)

  protected def isWhole(run: Path, step: Int): Boolean =
    Files.exists(run.resolve(f"checkpoints/step-$step%08d/manifest.json"))

  protected def names(folder: Path): Seq[String] = {
    val listed = Files.list(folder)
    try listed.iterator.asScala.map(_.getFileName.toString).toSeq.sorted
    finally listed.close()
  }

  /** The last step that metrics have. */
  protected def lastStep(run: Path): Long =
    spark.read.parquet(run.resolve("metrics").toString).agg("step" -> "max").head().getLong(0)

  /** A sample is written in each step, behind the look whether the run is to end with it. */
  protected val sampled: Seq[(String, Any)] =
    Seq(
      "train.samples.every" -> 1,
      "train.samples.tokens" -> 1,
      "train.samples.prompts" ->
        JList.of("word1")
    )

  /** The step after which it is written, if that is what is done. */
  protected def sampledStep(call: HdfsLike.Call): Option[Int] =
    Option.when(call.name == "rename" && call.to.getParent.endsWith("samples"))(
      call.file.stripPrefix("step-").stripSuffix(".parquet").toInt
    )
}
