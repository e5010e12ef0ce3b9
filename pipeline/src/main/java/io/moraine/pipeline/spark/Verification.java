package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;

import io.moraine.pipeline.lsh.Banding;
import io.moraine.pipeline.lsh.NearConfig;
import io.moraine.pipeline.minhash.MinHasher;
import io.moraine.pipeline.text.Shingles;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.util.LongAccumulator;

/** Exact similarities of pairs; counts them. */
final class Verification {

  private final Dataset<Row> sets;
  private final NearConfig config;
  private final LongAccumulator compared;

  /**
   * Over the documents' shingle sets.
   *
   * @param sets with columns id and shingles
   * @param compared counts the pairs; those of repeated tasks again
   */
  Verification(Dataset<Row> sets, NearConfig config, LongAccumulator compared) {
    this.sets = sets;
    this.config = config;
    this.compared = compared;
  }

  /** The pairs whose similarity reaches {@code least}, as {@link Survivors#EDGES}. */
  Dataset<Row> similar(Dataset<Row> pairs, double least) {
    return verified(pairs, least, false);
  }

  /** The pairs that reach the threshold and share a bucket, whoever proposed them. */
  Dataset<Row> duplicates(Dataset<Row> pairs) {
    return verified(pairs, config.threshold(), true);
  }

  private Dataset<Row> verified(Dataset<Row> pairs, double least, boolean inOneBucket) {
    Dataset<Row> ids = pairs.select("better.id").union(pairs.select("worse.id"));
    Dataset<Row> needed =
        sets.join(ids.toDF("needed"), col("id").equalTo(col("needed")), "left_semi");
    Dataset<Row> better = needed.select(col("id").as("better_id"), col("shingles").as("a"));
    Dataset<Row> worse = needed.select(col("id").as("worse_id"), col("shingles").as("b"));
    return pairs
        .join(better, col("better.id").equalTo(col("better_id")))
        .join(worse, col("worse.id").equalTo(col("worse_id")))
        .select("better", "worse", "a", "b")
        .map(new Verify(config, least, inOneBucket, compared), Encoders.row(Survivors.EDGES))
        .where(col("similarity").geq(least));
  }

  private static final class Verify implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int bands;
    private final int rowsPerBand;
    private final long seed;
    private final double least;
    private final boolean inOneBucket;
    private final LongAccumulator compared;

    Verify(NearConfig config, double least, boolean inOneBucket, LongAccumulator compared) {
      this.bands = config.banding().bands();
      this.rowsPerBand = config.banding().rowsPerBand();
      this.seed = config.seed();
      this.least = least;
      this.inOneBucket = inOneBucket;
      this.compared = compared;
    }

    @Override
    public Row call(Row row) {
      compared.add(1);
      long[] a = Shingles.fromBytes(row.getAs(2));
      long[] b = Shingles.fromBytes(row.getAs(3));
      double similarity = Shingles.jaccard(a, b);
      boolean found = !inOneBucket || (similarity >= least && share(a, b));
      return RowFactory.create(row.getStruct(0), row.getStruct(1), found ? similarity : -1.0);
    }

    private boolean share(long[] a, long[] b) {
      Banding banding = new Banding(bands, rowsPerBand);
      MinHasher hasher = new MinHasher(banding.components(), seed);
      return banding.share(hasher.signature(a), hasher.signature(b));
    }
  }
}
