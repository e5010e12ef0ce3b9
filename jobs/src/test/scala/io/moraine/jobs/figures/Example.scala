package io.moraine.jobs.figures

import io.moraine.jobs.Scratch
import io.moraine.jobs.train.{Limits, RunFolder, TrainJob, TrainJobSparkSuite}
import java.nio.file.{Files, Path}
import org.apache.spark.sql.SparkSession

import scala.jdk.CollectionConverters._

/** A dataset and two runs with something of everything that is drawn; made once for all suites, to
  * be read alone.
  */
object Example {

  /** What a hostile document tries to do to a page that shows it. */
  val Hostile: String =
    "</script><script>document.title='taken'</script><img src=http://example.org/x onerror=alert(1)> & \u202e \u2028"

  private var made: Option[Path] = None

  def data(spark: SparkSession): Path = folder(spark).resolve("data")

  /** Gradients in int8, on two ranks. */
  def run(spark: SparkSession): Path = folder(spark).resolve("run-int8")

  /** The same in float32, with multi-token prediction and fewer steps. */
  def otherRun(spark: SparkSession): Path = folder(spark).resolve("run-fp32")

  private def folder(spark: SparkSession): Path = synchronized {
    made.getOrElse {
      val folder = make(spark)
      made = Some(folder)
      folder
    }
  }

  private def make(spark: SparkSession): Path = {
    val folder = Scratch.folder()
    val hostile = Scratch.corpus(150).head._2 + " " + Hostile.replace("\u2028", " ")
    val documents = Scratch.corpus(150) ++ Seq(
      "hostile" -> hostile,
      "hostile-near" -> (hostile + " and one more end"),
      "too-short" -> "three words only"
    )
    Scratch.writeJsonLines(
      folder.resolve("corpus.jsonl"),
      documents,
      id =>
        if (id.startsWith("hostile")) "%html <b>hostile</b> \u202e"
        else s"source-${id.takeRight(1)}"
    )
    val evaluation = documents(3)._2.split(' ').slice(5, 25).mkString(" ")
    val sets = Files.createDirectories(folder.resolve("sets"))
    Files.writeString(sets.resolve("made.jsonl"), s"""{"question":"$evaluation"}\n""")
    TrainJobSparkSuite.prepared(
      spark,
      folder,
      None,
      "language.enabled" -> Boolean.box(true),
      "pii.enabled" -> Boolean.box(true),
      "decontamination.sets" -> java.util.List.of(sets.toString)
    )
    train(spark, folder, "run-int8", 12)
    train(
      spark,
      folder,
      "run-fp32",
      8,
      "train.wire.gradients" -> "fp32",
      "model.prediction.depth" -> 1
    )
    folder
  }

  private def train(
      spark: SparkSession,
      folder: Path,
      run: String,
      steps: Int,
      options: (String, Any)*
  ): Unit = {
    val settings = TrainJobSparkSuite.settings(
      steps,
      Seq("train.samples.every" -> 4, "train.samples.tokens" -> 4) ++ options: _*
    )
    new TrainJob(spark, settings, Scratch.silent).run(
      Seq(folder.resolve("data").toString).asJava,
      RunFolder.at(folder.resolve(run).toString),
      2,
      true,
      Limits.NONE
    )
  }
}
