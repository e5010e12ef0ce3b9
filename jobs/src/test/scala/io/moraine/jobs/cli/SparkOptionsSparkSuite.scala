package io.moraine.jobs.cli

import io.moraine.jobs.SharedSparkSession
import org.scalatest.funsuite.AnyFunSuite

class SparkOptionsSparkSuite extends AnyFunSuite with SharedSparkSession {

  /** As spark-submit hands settings on. */
  private def handedOn(settings: (String, String)*)(test: => Unit): Unit =
    try {
      for ((key, value) <- settings) System.setProperty(key, value)
      test
    } finally for ((key, _) <- settings) System.clearProperty(key)

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
