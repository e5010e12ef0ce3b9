package io.moraine.jobs.batch;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.model.data.SequenceOrder;
import io.moraine.model.data.StepBatches;
import io.moraine.model.data.StepSizes;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.unsafe.hash.Murmur3_x86_32;

/**
 * The sequences of a run's steps as a table: partition r has those of rank r, in the order in which
 * it sees them. What is on the way (join, exchange, sort) is Spark SQL's, so that a columnar engine
 * can do it.
 *
 * @param order of the run
 * @param sizes of its steps
 * @param ranks number of ranks
 */
public record SequencesByRank(SequenceOrder order, StepSizes sizes, int ranks) {

  /** Spark's, of the hash that it partitions by. */
  private static final int SEED = 42;

  /**
   * A data set of datasets and their sequences.
   *
   * @param path of a prepared dataset
   * @param sequences in it
   */
  public record Part(String path, long sequences) {}

  /**
   * The table.
   *
   * @param parts whose sequences are counted one behind the other
   * @param firstStep from 1
   * @param lastStep the last one, inclusive
   * @return {@code sequence_id}, {@code filled}, {@code tokens}, {@code starts}; as many partitions
   *     as ranks
   */
  public Dataset<Row> of(SparkSession spark, List<Part> parts, long firstStep, long lastStep) {
    UserDefinedFunction sequence = functions.udf((UDF1<Long, Long>) order::at, DataTypes.LongType);
    StepSizes stepSizes = sizes;
    int worldSize = ranks;
    int[] keys = keys(ranks);
    UserDefinedFunction key =
        functions.udf(
            (UDF1<Long, Integer>)
                position -> keys[StepBatches.rankAt(stepSizes, position, worldSize)],
            DataTypes.IntegerType);
    Dataset<Row> seen =
        spark
            .range(sizes.through(firstStep - 1), sizes.through(lastStep))
            .toDF("position")
            .select(
                col("position"),
                sequence.apply(col("position")).as("sequence_id"),
                key.apply(col("position")).as("rank_key"));
    return seen.join(all(spark, parts), "sequence_id")
        .repartition(ranks, col("rank_key"))
        .sortWithinPartitions("position")
        .select("sequence_id", "filled", "tokens", "starts");
  }

  private static Dataset<Row> all(SparkSession spark, List<Part> parts) {
    Dataset<Row> all = null;
    long before = 0;
    for (Part part : parts) {
      Column id = col("sequence_id").plus(lit(before)).as("sequence_id");
      Dataset<Row> own =
          spark
              .read()
              .parquet(PreparedDataset.at(part.path()).sequences())
              .select(id, col("filled"), col("tokens"), col("starts"));
      all = all == null ? own : all.union(own);
      before += part.sequences();
    }
    return all;
  }

  /** For each rank a number that Spark's hash partitioning puts into the partition of that rank. */
  private static int[] keys(int ranks) {
    int[] keys = new int[ranks];
    boolean[] isFound = new boolean[ranks];
    int left = ranks;
    for (int candidate = 0; left > 0; candidate++) {
      int partition = Math.floorMod(Murmur3_x86_32.hashInt(candidate, SEED), ranks);
      if (!isFound[partition]) {
        isFound[partition] = true;
        keys[partition] = candidate;
        left--;
      }
    }
    return keys;
  }
}
