package io.moraine.jobs.cli

import io.moraine.jobs.SharedSparkSession
import org.apache.spark.SparkConf
import org.scalatest.funsuite.AnyFunSuite

class SparkOptionsSparkSuite extends AnyFunSuite with SharedSparkSession {

  /** As spark-submit hands settings on. */
  private def handedOn(settings: (String, String)*)(test: => Unit): Unit =
    try {
      for ((key, value) <- settings) System.setProperty(key, value)
      test
    } finally for ((key, _) <- settings) System.clearProperty(key)

  test("partitions: twice the cores, on a cluster 200 at least") {
    assert(SparkOptions.partitions(true, 3) == 6)
    assert(SparkOptions.partitions(false, 2) == 200 && SparkOptions.partitions(false, 1000) == 2000)
    assert(SparkOptions.partitions(spark.sparkContext) == 4)
  }

  test("what is given stays, the rest is put in") {
    def completed(chosen: (String, String)*): SparkConf = {
      val conf = new SparkConf(false)
      for ((key, value) <- chosen) conf.set(key, value)
      SparkOptions.complete("prepare", conf)
      conf
    }
    val all = completed()
    assert(all.get("spark.app.name") == "moraine prepare" && all.get("spark.master") == "local[*]")
    assert(all.get("spark.sql.session.timeZone") == "UTC")
    assert(all.get("spark.sql.parquet.compression.codec") == "zstd")
    assert(all.get("spark.scheduler.barrier.maxConcurrentTasksCheck.interval") == "2s")
    val some = Seq("spark.master" -> "yarn", "spark.sql.parquet.compression.codec" -> "gzip")
    for ((key, value) <- some) assert(completed(some: _*).get(key) == value)
  }

  test("what needs a GPU is kept from a session that reads spark-submit's properties again") {
    assert(spark.sparkContext.isLocal)
    handedOn(
      "spark.master" -> "local[2]",
      "spark.task.resource.gpu.amount" -> "0.015625",
      "spark.executor.resource.gpu.amount" -> "1",
      "spark.plugins" -> "com.nvidia.spark.SQLPlugin",
      "spark.shuffle.manager" -> "com.nvidia.spark.rapids.spark356.RapidsShuffleManager",
      "spark.rapids.sql.batchSizeBytes" -> "128m"
    ) {
      SparkOptions.withoutPlugin("explain")
      assert(!sys.props.keys.exists(_.contains("resource.gpu")))
      assert(!sys.props.contains("spark.plugins") && !sys.props.contains("spark.shuffle.manager"))
      assert(sys.props("spark.rapids.sql.batchSizeBytes") == "128m")
    }
  }
}
