package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.struct;

import io.moraine.pipeline.component.DuplicatePair;
import io.moraine.pipeline.component.Survivors;
import io.moraine.pipeline.lsh.Banding;
import io.moraine.pipeline.lsh.Bucket;
import io.moraine.pipeline.lsh.BucketMember;
import io.moraine.pipeline.lsh.NearConfig;
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy;
import io.moraine.pipeline.minhash.MinHasher;
import io.moraine.pipeline.text.Shingles;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * Near duplicates: MinHash signatures, low-threshold bands for recall, then exact Jaccard
 * similarity of the shingle sets for every candidate pair, then survivors.
 *
 * <p>Only {@code (band, key, id, length, size)} rows and shingle sets of candidates are shuffled,
 * never text. Survivors are chosen on the driver from the duplicate pairs alone.
 */
public final class NearDuplicates {

  private static final StructType BAND_KEYS =
      new StructType()
          .add("band", "int")
          .add("key", "long")
          .add("id", "string")
          .add("length", "int")
          .add("size", "int");
  private static final StructType PAIRS =
      new StructType()
          .add("better", "string")
          .add("better_length", "int")
          .add("worse", "string")
          .add("worse_length", "int");
  private static final StructType VERIFIED = PAIRS.add("similarity", "double");
  private static final StructType REMOVED =
      new StructType().add("id", "string").add("kept_id", "string").add("similarity", "double");

  private NearDuplicates() {}

  /**
   * The documents to remove.
   *
   * @param features {@link Features#FEATURES} without exact duplicates; read more than once, so
   *     better stored than computed
   * @return id, kept_id and the exact similarity with it; null where the policy is closure and the
   *     two are not duplicates themselves
   */
  public static Dataset<Row> find(SparkSession spark, Dataset<Row> features, NearConfig config) {
    Dataset<Row> sets = features.where(size(col("shingles")).gt(0));
    Dataset<Row> candidates = candidatePairs(bandKeys(sets, config), config);
    List<Row> pairs = duplicatePairs(sets, candidates, config.threshold()).collectAsList();
    return spark.createDataFrame(removed(pairs, config.policy()), REMOVED);
  }

  static Dataset<Row> bandKeys(Dataset<Row> sets, NearConfig config) {
    return sets.select("id", "length", "shingles")
        .flatMap(new ToBandKeys(config.banding(), config.seed()), Encoders.row(BAND_KEYS));
  }

  static Dataset<Row> candidatePairs(Dataset<Row> bandKeys, NearConfig config) {
    return bandKeys
        .groupBy("band", "key")
        .agg(collect_list(struct("id", "length", "size")).as("members"))
        .where(size(col("members")).gt(1))
        .select("members")
        .flatMap(new ToPairs(config.bucketCap(), config.threshold()), Encoders.row(PAIRS))
        .distinct();
  }

  /** Candidate pairs whose exact similarity reaches the threshold. */
  static Dataset<Row> duplicatePairs(Dataset<Row> sets, Dataset<Row> candidates, double threshold) {
    Dataset<Row> better = sets.select(col("id").as("better"), col("shingles").as("a"));
    Dataset<Row> worse = sets.select(col("id").as("worse"), col("shingles").as("b"));
    return candidates
        .join(better, "better")
        .join(worse, "worse")
        .select("better", "better_length", "worse", "worse_length", "a", "b")
        .map(new Verify(), Encoders.row(VERIFIED))
        .where(col("similarity").geq(threshold));
  }

  private static List<Row> removed(List<Row> pairs, SurvivorPolicy policy) {
    TreeSet<BucketMember> ranked = new TreeSet<>(BucketMember.PRIORITY);
    for (Row pair : pairs) {
      ranked.add(new BucketMember(pair.getString(0), pair.getInt(1), 0));
      ranked.add(new BucketMember(pair.getString(2), pair.getInt(3), 0));
    }
    List<String> ids = ranked.stream().map(BucketMember::id).toList();
    Map<String, Integer> rank = new HashMap<>();
    for (String id : ids) {
      rank.put(id, rank.size());
    }
    List<DuplicatePair> duplicates = new ArrayList<>();
    for (Row pair : pairs) {
      duplicates.add(
          new DuplicatePair(
              rank.get(pair.getString(0)), rank.get(pair.getString(2)), pair.getDouble(4)));
    }
    Survivors survivors =
        switch (policy) {
          case VERIFIED -> Survivors.verified(ids.size(), duplicates);
          case CLOSURE -> Survivors.closure(ids.size(), duplicates);
        };
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < ids.size(); i++) {
      if (!survivors.isKept(i)) {
        double similarity = survivors.similarity(i);
        rows.add(
            RowFactory.create(
                ids.get(i),
                ids.get(survivors.keptInstead(i)),
                Double.isNaN(similarity) ? null : similarity));
      }
    }
    return rows;
  }

  /** (id, length, shingles) to one row per band. */
  private static final class ToBandKeys implements FlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int bands;
    private final int rowsPerBand;
    private final long seed;

    ToBandKeys(Banding banding, long seed) {
      this.bands = banding.bands();
      this.rowsPerBand = banding.rowsPerBand();
      this.seed = seed;
    }

    @Override
    public Iterator<Row> call(Row row) {
      Banding banding = new Banding(bands, rowsPerBand);
      long[] shingles = longs(row, 2);
      long[] signature = new MinHasher(banding.components(), seed).signature(shingles);
      List<Row> rows = new ArrayList<>(bands);
      for (int band = 0; band < bands; band++) {
        rows.add(
            RowFactory.create(
                band,
                banding.key(signature, band),
                row.getString(0),
                row.getInt(1),
                shingles.length));
      }
      return rows.iterator();
    }
  }

  private static final class ToPairs implements FlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int bucketCap;
    private final double threshold;

    ToPairs(int bucketCap, double threshold) {
      this.bucketCap = bucketCap;
      this.threshold = threshold;
    }

    @Override
    public Iterator<Row> call(Row row) {
      List<BucketMember> members = new ArrayList<>();
      for (Row member : row.<Row>getList(0)) {
        members.add(new BucketMember(member.getString(0), member.getInt(1), member.getInt(2)));
      }
      List<Row> pairs = new ArrayList<>();
      new Bucket(members)
          .candidatePairs(
              bucketCap,
              threshold,
              (better, worse) ->
                  pairs.add(
                      RowFactory.create(better.id(), better.length(), worse.id(), worse.length())));
      return pairs.iterator();
    }
  }

  private static final class Verify implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    @Override
    public Row call(Row row) {
      return RowFactory.create(
          row.getString(0),
          row.getInt(1),
          row.getString(2),
          row.getInt(3),
          Shingles.jaccard(longs(row, 4), longs(row, 5)));
    }
  }

  private static long[] longs(Row row, int column) {
    List<Long> boxed = row.getList(column);
    long[] values = new long[boxed.size()];
    int i = 0;
    for (long value : boxed) {
      values[i++] = value;
    }
    return values;
  }
}
