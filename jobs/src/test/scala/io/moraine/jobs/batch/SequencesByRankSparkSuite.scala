package io.moraine.jobs.batch

import io.moraine.jobs.SharedSparkSession
import io.moraine.jobs.config.ConfigException
import io.moraine.model.data.{StepSizes, StepBatches, SequenceOrder}
import java.nio.file.{Files, Path}
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** The table of which RAPIDS gives its columns, computed by Spark itself. */
class SequencesByRankSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val counts = Seq(17, 5)
  private val all = counts.sum.toLong

  /** Two datasets, whose tokens say which they are of. */
  private lazy val parts: Seq[SequencesByRank.Part] = {
    val session = spark
    import session.implicits._
    counts.zipWithIndex.map { case (count, part) =>
      val folder: Path = Files.createTempDirectory("dataset")
      (0 until count)
        .map(s => (s.toLong, 4, Seq(part, s, 0, 0), Seq(0)))
        .toDF("sequence_id", "filled", "tokens", "starts")
        .repartition(3)
        .write
        .parquet(folder.resolve("sequences").toString)
      new SequencesByRank.Part(folder.toString, count.toLong)
    }
  }

  private def partitions(ranks: Int, sizes: StepSizes, order: SequenceOrder, steps: Range) =
    new SequencesByRank(order, sizes, ranks)
      .of(spark, parts.asJava, steps.head.toLong, steps.last.toLong)
      .rdd
      .glom()
      .collect()

  for (ranks <- Seq(1, 2, 3, 5); steps <- Seq(1 to 12, 4 to 9))
    test(s"partition r has rank r's sequences in its order, $ranks ranks, steps $steps") {
      val order = new SequenceOrder(all - 3, 5).grown(9, all)
      val sizes = StepSizes.ramp(ranks, 7, 30)
      val rows = partitions(ranks, sizes, order, steps)
      assert(rows.length == ranks)
      for (rank <- 0 until ranks) {
        val expected = (sizes.through(steps.head - 1L) until sizes.through(steps.last.toLong))
          .filter(StepBatches.rankAt(sizes, _, ranks) == rank)
          .map(order.at)
        assert(rows(rank).map(_.getLong(0)).toSeq == expected)
        for (row: Row <- rows(rank)) {
          val id = row.getLong(0)
          val own = if (id < counts.head) Seq(0, id.toInt, 0, 0) else Seq(1, id.toInt - 17, 0, 0)
          assert(row.getSeq[Int](2) == own)
        }
      }
    }

  test("the rank at a position is the one that is given it, at every step of a ramp") {
    for (worldSize <- 1 to 6) {
      val sizes = StepSizes.ramp(worldSize, 11, 50)
      for (step <- 1L to 20L; rank <- 0 until worldSize) {
        val size = sizes.of(step).toLong
        for (i <- rank * size / worldSize until (rank + 1) * size / worldSize) {
          val position = sizes.through(step - 1) + i
          assert(sizes.stepAt(position) == step)
          assert(StepBatches.rankAt(sizes, position, worldSize) == rank)
        }
      }
    }
  }

  test("tables that are made of rows are refused") {
    val rows = spark.range(5).toDF().rdd
    val error = intercept[ConfigException](
      ColumnarTables.requireColumns(
        rows.map(identity)(
          scala.reflect.ClassTag(classOf[Row])
        )
      )
    )
    assert(
      error.getMessage.startsWith(
        "train.engine.batches = device: RAPIDS would make its tables of rows"
      )
    )
    ColumnarTables.requireColumns(spark.sparkContext.parallelize(Seq(1, 2), 2).map(_ + 1))
  }

  test("without the plugin, or in a build that is none for GPUs, one line says so") {
    val plugin = intercept[ConfigException](ColumnarTables.of(spark, spark.range(5).toDF()))
    assert(
      plugin.getMessage == "train.engine.batches = device needs spark.plugins=com.nvidia.spark.SQLPlugin, got ''. See conf/spark-defaults-gpu.conf, or set it to host."
    )
    assume(getClass.getResource("CudfTables.class") == null, "this is a build for GPUs")
    val build = intercept[ConfigException](ColumnarTables.adapter())
    assert(
      build.getMessage == "train.engine.batches = device needs a build for GPUs (mvn -Pgpu), and this is none. Set it to host."
    )
  }
}
