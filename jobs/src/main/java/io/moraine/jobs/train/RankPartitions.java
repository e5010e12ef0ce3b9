package io.moraine.jobs.train;

import io.moraine.jobs.batch.ColumnarTables;
import io.moraine.jobs.batch.SequencesByRank;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.data.SequenceOrder;
import io.moraine.model.data.StepSizes;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.SparkSession;

/**
 * What the ranks' tasks are made of: one partition a rank, with nothing in it, or with the tables
 * of the sequences that the rank sees from where the run stands to its end.
 *
 * @param spark session of the job
 * @param settings of the run
 */
record RankPartitions(SparkSession spark, TrainSettings settings) {

  /**
   * The partitions.
   *
   * @param resume whether ranks go on from a checkpoint, if there is one
   */
  RDD<Object> of(RunData data, RunFolder run, int ranks, boolean resume) throws IOException {
    return settings.engine().hasDeviceBatches() ? tables(data, run, ranks, resume) : nothing(ranks);
  }

  private RDD<Object> nothing(int ranks) {
    List<Object> slots = Collections.nCopies(ranks, 0);
    return JavaSparkContext.fromSparkContext(spark.sparkContext()).parallelize(slots, ranks).rdd();
  }

  private RDD<Object> tables(RunData data, RunFolder run, int ranks, boolean resume)
      throws IOException {
    ColumnarTables.adapter();
    Optional<Checkpoint> newest = resume ? newest(run) : Optional.empty();
    List<SequencesByRank.Part> parts =
        data.datasets().stream()
            .map(entry -> new SequencesByRank.Part(entry.path(), entry.sequences()))
            .toList();
    SequencesByRank sequences = new SequencesByRank(order(data, newest), sizes(data), ranks);
    long next = newest.map(Checkpoint::step).orElse(0L) + 1;
    return ColumnarTables.of(
        spark, sequences.of(spark, parts, next, Math.max(next, settings.train().steps())));
  }

  private Optional<Checkpoint> newest(RunFolder run) throws IOException {
    return new Checkpoints(
            new HadoopStorage(spark.sparkContext().hadoopConfiguration(), run.root()))
        .newestWhole(message -> {})
        .filter(Checkpoint::isToGoOnFrom);
  }

  private SequenceOrder order(RunData data, Optional<Checkpoint> newest) {
    long seed = settings.train().seed();
    return newest
        .map(checkpoint -> checkpoint.state().order(seed, data.sequences()))
        .orElseGet(() -> new SequenceOrder(data.sequences(), seed));
  }

  private StepSizes sizes(RunData data) {
    return settings.train().batch().sizes(data.sequenceLength());
  }
}
