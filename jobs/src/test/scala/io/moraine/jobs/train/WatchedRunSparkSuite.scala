package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.{Files, Path}
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.{List => JList}
import org.apache.spark.SparkEnv
import org.apache.spark.scheduler.{SparkListener, SparkListenerJobStart}
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** What a person sees of a run from outside: TensorBoard, Spark's UI, Spark's metrics system. */
class WatchedRunSparkSuite extends AnyFunSuite with SharedSparkSession {

  /** A job as Spark's UI has it, and the gauges that were registered when it began. */
  private case class Job(group: String, description: String, gauges: Set[String])

  private def gauges: Set[String] = SparkEnv.get.metricsSystem
    .getSourcesByName("moraine")
    .flatMap(_.metricRegistry.getGauges.keySet.asScala)
    .toSet

  private val jobs = new ConcurrentLinkedQueue[Job]
  private val listener = new SparkListener {
    override def onJobStart(start: SparkListenerJobStart): Unit = {
      def property(name: String) = start.properties.getProperty(name, "")
      jobs.add(Job(property("spark.jobGroup.id"), property("spark.job.description"), gauges))
    }
  }

  private lazy val run: Path = {
    val data = TrainJobSparkSuite.dataset(spark)
    val run = Scratch.folder().resolve("run")
    spark.sparkContext.addSparkListener(listener)
    try {
      new TrainJob(spark, TrainJobSparkSuite.settings(10), Scratch.silent)
        .run(JList.of(data.toString), RunFolder.at(run.toString), 2, true, Limits.NONE)
      spark.range(3).count()
      Processes.await("the job behind the training", 30)(jobs.asScala.exists(_.group.isEmpty))
    } finally spark.sparkContext.removeSparkListener(listener)
    run
  }

  private lazy val steps: Seq[Row] =
    spark.read.parquet(run.resolve("metrics").toString).orderBy("step").collect().toSeq

  private lazy val events: Seq[EventFile.Event] = {
    val files = Files.list(run.resolve("tensorboard"))
    val paths =
      try files.iterator.asScala.filter(_.getFileName.toString.startsWith("events.")).toSeq
      finally files.close()
    assert(paths.size == 1)
    EventFile.events(Files.readAllBytes(paths.head))
  }

  /** What TensorBoard shows under a tag, by step. */
  private def scalars(tag: String): Seq[(Long, Float)] =
    events.collect { case EventFile.Event(step, `tag`, EventFile.Scalar(number)) => step -> number }

  /** What the metrics have of it where they have it. */
  private def metric(column: String): Seq[(Long, Float)] = steps.collect {
    case row if !row.isNullAt(row.fieldIndex(column)) =>
      row.getAs[Long]("step") -> row.getAs[Number](column).floatValue
  }

  private val scalarTags = Seq(
    "loss/train" -> "loss",
    "loss/held-out" -> "held_out_loss",
    "optimizer/gradient-norm" -> "gradient_norm",
    "optimizer/learning-rate" -> "learning_rate",
    "wire/bytes" -> "wire_bytes",
    "wire/float32-bytes" -> "float32_wire_bytes",
    "experts/max-violation" -> "max_violation",
    "speed/tokens-per-second" -> "tokens_per_second"
  )

  for ((tag, column) <- scalarTags)
    test(s"TensorBoard has $tag, at the steps and with the values of the metrics") {
      val at = if (column == "held_out_loss") Seq(5L, 10L) else 1L to 10L
      assert(scalars(tag).map(_._1) == at)
      assert(scalars(tag) == metric(column))
      assert(scalars(tag).forall(_._2 > 0))
    }

  test("TensorBoard has the load of each MoE layer's experts at each step, a bucket an expert") {
    val experts = steps.head.getAs[Int]("experts")
    val loads =
      steps.map(row => row.getSeq[Long](row.fieldIndex("expert_load")).grouped(experts).toSeq)
    assert(experts > 1 && loads.head.nonEmpty)
    for (layer <- loads.head.indices) {
      val tag = s"experts/load-moe-layer-$layer"
      val shown = events.collect {
        case EventFile.Event(step, `tag`, EventFile.Histogram(limits, counts)) =>
          assert(limits == Seq.tabulate(experts)(_.toDouble))
          step -> counts.map(_.toLong)
      }
      val expected =
        steps.zip(loads).map { case (row, of) => row.getAs[Long]("step") -> of(layer) }
      assert(shown == expected)
    }
  }

  test("Spark's UI shows the ranks' job as train and its run, and later jobs as themselves") {
    val train = jobs.asScala.filter(job => { run; job.group == "train" }).toSeq
    assert(train.map(_.description) == Seq(s"train $run"))
    assert(jobs.asScala.filter(_.group.isEmpty).map(_.description).toSeq.distinct == Seq(""))
  }

  test("the run's gauges are in Spark's metrics system while it trains, and not behind it") {
    val during = jobs.asScala.filter(job => { run; job.group == "train" }).map(_.gauges).toSeq
    val names = Seq("step", "steps", "loss", "held-out-loss", "tokens-seen", "tokens-per-second") ++
      Seq("seconds-to-go", "max-violation", "wire-bytes", "bad-steps", "last-checkpoint")
    assert(during == Seq(names.toSet))
    assert(gauges.isEmpty)
  }
}
