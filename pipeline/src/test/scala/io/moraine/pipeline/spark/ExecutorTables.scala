package io.moraine.pipeline.spark

import org.apache.spark.sql.{Dataset, Row}

/** Tables on the executors' disks and memory; jobs store theirs in files. */
object ExecutorTables extends TableStore {

  override def store(name: String, rows: Dataset[Row]): Dataset[Row] = rows.localCheckpoint(true)
}
