package io.moraine.pipeline.spark

import io.moraine.pipeline.lsh.NearConfig
import org.apache.spark.sql.{Dataset, Row, SparkSession}

/** Near duplicates as of a corpus whose pairs no single task can hold: in rounds. */
object SmallTasks {

  def search(
      spark: SparkSession,
      features: Dataset[Row],
      config: NearConfig,
      tables: TableStore
  ): NearDuplicates.Outcome = NearDuplicates.search(spark, features, config, 0, tables, 1)
}
