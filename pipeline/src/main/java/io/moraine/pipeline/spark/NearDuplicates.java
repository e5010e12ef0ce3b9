package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.negate;
import static org.apache.spark.sql.functions.octet_length;
import static org.apache.spark.sql.functions.shiftright;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.when;

import io.moraine.pipeline.lsh.Banding;
import io.moraine.pipeline.lsh.NearConfig;
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy;
import io.moraine.pipeline.minhash.MinHasher;
import io.moraine.pipeline.text.Shingles;
import java.util.Arrays;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.util.LongAccumulator;

/**
 * Near duplicates: MinHash signatures, low-threshold bands for recall, then exact Jaccard
 * similarity of the shingle sets for every candidate pair that can reach the threshold, then
 * survivors.
 *
 * <p>The documents kept are those of comparing all pairs of all buckets, whatever the bucket cap.
 * Documents of buckets above the cap meet by rare shingles instead: in one task while they are few
 * ({@link CrowdedSurvivors}), else in {@link PrefixBuckets}. Only {@code (key, id, small numbers)}
 * rows, shingles of crowded documents and shingle sets of candidates are shuffled, never text;
 * nothing is collected on the driver.
 */
public final class NearDuplicates {

  /** Edges that one task handles in memory instead of the cluster in rounds. */
  private static final long EDGES_OF_ONE_TASK = 1_000_000;

  /** How many shingles take as much memory as an edge. */
  private static final long SHINGLES_OF_AN_EDGE = 32;

  private static final double NEAR_MISS = 0.1;

  /** A shingle takes {@code 1 << 3} bytes. */
  private static final int SHINGLE_BITS = 3;

  private final NearConfig config;
  private final int firstNew;
  private final long edgesOfOneTask;
  private final TableStore tables;
  private final Dataset<Row> sets;
  private final LongAccumulator compared;
  private final Verification verification;
  private final ConnectedComponents components;
  private final Survivors survivors;

  private NearDuplicates(
      SparkSession spark,
      Dataset<Row> features,
      NearConfig config,
      int firstNew,
      TableStore tables,
      long edgesOfOneTask) {
    boolean hasIncrement = Arrays.asList(features.columns()).contains("increment");
    this.config = config;
    this.firstNew = firstNew;
    this.edgesOfOneTask = edgesOfOneTask;
    this.tables = tables;
    this.sets =
        features
            .where(bytes().gt(0))
            .select(
                col("id"),
                (hasIncrement ? col("increment") : lit(0)).as("increment"),
                negate(col("length")).as("negative_length"),
                col("shingles"));
    this.compared = spark.sparkContext().longAccumulator("compared pairs");
    this.verification = new Verification(sets, config, compared);
    this.components = new ConnectedComponents(tables, edgesOfOneTask);
    this.survivors = new Survivors(components, edgesOfOneTask);
  }

  /**
   * What was found.
   *
   * @param removed id, kept_id, similarity: the exact one with the kept document, null where the
   *     policy is closure and the two are no candidate pair that reaches the threshold
   * @param nearMisses better, worse (each a struct with an id) and similarity of compared pairs up
   *     to 0.1 below the threshold, without those of buckets above the cap
   * @param comparedPairs how many exact similarities were computed until now
   */
  public record Outcome(Dataset<Row> removed, Dataset<Row> nearMisses, long comparedPairs) {}

  /**
   * The documents to remove.
   *
   * @param features {@link Features#FEATURES} without exact duplicates, with an optional column
   *     increment (int, {@code >= 0}); read more than once, so better stored than computed
   * @param firstNew documents of earlier increments are survivors of earlier runs: they are never
   *     removed and not compared with each other; 0: all documents are new
   * @throws IllegalArgumentException if the policy is closure and {@code firstNew > 0}
   * @cost without buckets above the cap: a shuffle of a row per band and document, a join of
   *     candidate pairs with their shingle sets, one sort of the duplicate pairs
   */
  public static Outcome search(
      SparkSession spark,
      Dataset<Row> features,
      NearConfig config,
      int firstNew,
      TableStore tables) {
    return search(spark, features, config, firstNew, tables, EDGES_OF_ONE_TASK);
  }

  static Outcome search(
      SparkSession spark,
      Dataset<Row> features,
      NearConfig config,
      int firstNew,
      TableStore tables,
      long edgesOfOneTask) {
    if (firstNew > 0 && config.policy() == SurvivorPolicy.CLOSURE) {
      throw new IllegalArgumentException(
          "survivors = closure cannot extend what was published: a new document may join two"
              + " published ones; expected survivors = verified, got increment %d"
                  .formatted(firstNew));
    }
    return new NearDuplicates(spark, features, config, firstNew, tables, edgesOfOneTask).run();
  }

  /**
   * How many bytes a set takes: as if it were a text, for RAPIDS has no length of a binary value.
   * Spark 3.5 casts without looking at the bytes; one that checks them would refuse it.
   */
  private static Column bytes() {
    return octet_length(col("shingles").cast("string"));
  }

  private Outcome run() {
    Dataset<Row> pairs = tables.store("candidates", candidates());
    Dataset<Row> similar =
        tables.store(
            "similar",
            verification.similar(
                pairs.where(col("better").isNotNull()).select("better", "worse"),
                Math.max(0, config.threshold() - NEAR_MISS)));
    Dataset<Row> edges = similar.where(col("similarity").geq(config.threshold()));
    Dataset<Row> behind = pairs.where(col("better").isNull()).select("worse.id");
    Optional<Dataset<Row>> crowded =
        behind.isEmpty() ? Optional.empty() : Optional.of(crowded(behind.distinct()));
    Dataset<Row> removed =
        switch (config.policy()) {
          case VERIFIED -> verified(edges, crowded);
          case CLOSURE -> closure(edges, crowded);
        };
    return new Outcome(
        removed, similar.where(col("similarity").lt(config.threshold())), compared.value());
  }

  private Dataset<Row> candidates() {
    Dataset<Row> members =
        BucketPairs.grouped(withNew(bandKeys()))
            .withColumn("open", col("shingles"))
            .withColumn("label", label());
    return BucketPairs.of(members, config.bucketCap(), 0, config.threshold());
  }

  /**
   * One row per band: key, increment, negative_length, id, shingles (how many). A function of a
   * column and Spark's own explode, so that a GPU sends the rows into the shuffle.
   */
  private Dataset<Row> bandKeys() {
    Column keys =
        udf(
                new BandKeys(config.banding(), config.seed()),
                DataTypes.createArrayType(DataTypes.LongType, false))
            .withName("band_keys")
            .apply(col("shingles"));
    Column size = shiftright(bytes(), SHINGLE_BITS);
    return sets.select(
            col("increment"), col("negative_length"), col("id"), col("shingles"), size.as("size"))
        .select(
            explode(keys).as("key"),
            col("increment"),
            col("negative_length"),
            col("id"),
            col("size").as("shingles"));
  }

  /** The sets of documents that were not compared with all others of their buckets. */
  private Dataset<Row> crowded(Dataset<Row> ids) {
    return tables.store("crowded", sets.join(ids, "id"));
  }

  private NearRounds rounds(Dataset<Row> crowded) {
    Verification ofCrowded = new Verification(crowded, config, compared);
    return new NearRounds(config, tables, ofCrowded, components, survivors);
  }

  private Dataset<Row> members(Dataset<Row> crowded) {
    Dataset<Row> members =
        withNew(PrefixBuckets.of(crowded, config.threshold())).withColumn("label", label());
    return tables.store("members", members);
  }

  private Column label() {
    return when(col("increment").lt(firstNew), lit(NearRounds.SETTLED));
  }

  /** Buckets with a new document. */
  private Dataset<Row> withNew(Dataset<Row> members) {
    return firstNew == 0
        ? members
        : members
            .withColumn("latest", max("increment").over(Window.partitionBy("key")))
            .where(col("latest").geq(firstNew))
            .drop("latest");
  }

  private Dataset<Row> verified(Dataset<Row> edges, Optional<Dataset<Row>> crowded) {
    Dataset<Row> removed;
    if (crowded.isEmpty()) {
      removed = survivors.notKept(edges, edges.select("worse").where(lit(false)), "components");
    } else if (fitOneTask(crowded.get(), edges)) {
      removed =
          tables.store(
              "not-kept",
              CrowdedSurvivors.notKept(edges, crowded.get(), config, firstNew, compared));
    } else {
      removed = rounds(crowded.get()).verified(edges, members(crowded.get()));
    }
    return removed.select(
        col("worse.id").as("id"), col("better.id").as("kept_id"), col("similarity"));
  }

  private boolean fitOneTask(Dataset<Row> crowded, Dataset<Row> edges) {
    Row bytes = crowded.agg(sum(bytes())).head();
    return bytes.getLong(0) / Long.BYTES <= SHINGLES_OF_AN_EDGE * edgesOfOneTask
        && edges.count() <= edgesOfOneTask;
  }

  private Dataset<Row> closure(Dataset<Row> edges, Optional<Dataset<Row>> crowded) {
    Dataset<Row> stars =
        crowded.isEmpty()
            ? tables.store(
                "components", components.of(edges.select("worse", "better"), "components-round"))
            : rounds(crowded.get()).closure(edges, members(crowded.get()));
    Dataset<Row> pairs = stars.select(col("root").as("better"), col("document").as("worse"));
    Dataset<Row> known =
        verification.duplicates(pairs).select(col("worse").as("known"), col("similarity"));
    return stars
        .join(known, col("document").equalTo(col("known")), "left")
        .select(col("document.id").as("id"), col("root.id").as("kept_id"), col("similarity"));
  }

  /** A set of shingles to the keys of its bands. */
  private static final class BandKeys implements UDF1<byte[], long[]> {

    private static final long serialVersionUID = 1L;

    private final int bands;
    private final int rowsPerBand;
    private final long seed;

    BandKeys(Banding banding, long seed) {
      this.bands = banding.bands();
      this.rowsPerBand = banding.rowsPerBand();
      this.seed = seed;
    }

    @Override
    public long[] call(byte[] shingles) {
      Banding banding = new Banding(bands, rowsPerBand);
      long[] signature =
          new MinHasher(banding.components(), seed).signature(Shingles.fromBytes(shingles));
      long[] keys = new long[bands];
      for (int band = 0; band < bands; band++) {
        keys[band] = banding.key(signature, band);
      }
      return keys;
    }
  }
}
