package io.moraine.pipeline.spark;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Where an algorithm of several rounds stores its tables, so that no round is computed twice. */
public interface TableStore {

  /**
   * Computes the rows now, stores them and returns the stored ones, without the lineage.
   *
   * @param name unique within one call of the algorithm; usable as a folder name
   */
  Dataset<Row> store(String name, Dataset<Row> rows);
}
