package io.moraine.jobs.figures

import io.moraine.jobs.Scratch
import io.moraine.jobs.train.{Limits, RunFolder, TrainJob, TrainJobSparkSuite}
import java.nio.file.{Files, Path, StandardOpenOption}
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

  /** A run of the same settings, of made-up metrics in which everything is too much to be shown:
    * steps, held-out losses, layers and experts, bad steps, samples.
    */
  def longRun(spark: SparkSession, name: String, steps: Int, tokens: Int): Path = {
    val folder = Scratch.folder().resolve(name)
    Files.createDirectories(folder)
    for (file <- Seq("settings.json", "data.json"))
      Files.copy(run(spark).resolve(file), folder.resolve(file))
    spark
      .range(1, steps + 1)
      .selectExpr(
        "id as step",
        "5 + 1 / id as loss",
        "if(id % 10 = 0, 6 + 1 / id, null) as held_out_loss",
        "1 / id as gradient_norm",
        "double(0.001) as learning_rate",
        s"${tokens}L as tokens",
        s"id * $tokens as tokens_seen",
        "double(0.5) as seconds",
        "100L as wire_bytes",
        "400L as float32_wire_bytes",
        "if(id % 5 = 0, concat('step ', id, ': loss NaN is not finite'), null) as bad",
        "id % 5 = 0 as left_out",
        "64 as experts",
        "transform(sequence(1, 20 * 64), i -> bigint(i % 7)) as expert_load"
      )
      .write
      .parquet(folder.resolve("metrics").toString)
    spark
      .range(1, 201)
      .selectExpr(
        "id as step",
        "concat('\"prompt ', repeat('\u63d0\u793a', 400)) as prompt",
        "concat('\"\\r', repeat('\u6587\u5b57 ', 900)) as text"
      )
      .write
      .parquet(folder.resolve("samples").toString)
    folder
  }

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
      // The largest cluster: its members by similarity are not its members by id.
      "hostile-part" -> (hostile + " and one more"),
      "too-short" -> "three words only"
    )
    Scratch.writeJsonLines(
      folder.resolve("corpus.jsonl"),
      documents,
      id =>
        if (id.startsWith("hostile")) "%html <b>hostile</b> \u202e"
        else s"source-${id.takeRight(1)}"
    )
    Files.writeString(folder.resolve("corpus.jsonl"), "\n", StandardOpenOption.APPEND)
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
