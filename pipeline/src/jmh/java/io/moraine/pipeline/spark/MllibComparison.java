package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.length;

import com.sun.management.OperatingSystemMXBean;
import io.moraine.pipeline.lsh.Banding;
import io.moraine.pipeline.lsh.NearConfig;
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy;
import io.moraine.pipeline.text.Shingles;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.ml.feature.MinHashLSH;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * All pairs of documents at or above a Jaccard similarity: ours, and MLlib's {@code MinHashLSH}
 * over the same stored shingle sets, with the recall of both against brute force.
 *
 * <p>Ours compares every pair of every bucket here, as MLlib does (no bucket cap), and writes the
 * pairs to a file; that of MLlib is counted.
 */
final class MllibComparison {

  private static final double THRESHOLD = 0.7;
  private static final int WORDS = 5;
  private static final int INDICES = 1 << 30;
  private static final StructType VECTORS =
      new StructType().add("id", "string").add("set", SQLDataTypes.VectorType());

  private final SparkSession spark;
  private final String work;
  private final Dataset<Row> features;

  private MllibComparison(SparkSession spark, String work, Dataset<Row> features) {
    this.spark = spark;
    this.work = work;
    this.features = features;
  }

  /** Two ids, the smaller first. */
  private record Pair(String a, String b) {
    static Pair of(String x, String y) {
      return x.compareTo(y) < 0 ? new Pair(x, y) : new Pair(y, x);
    }
  }

  /**
   * Prints recall, processor seconds and wall seconds of each side.
   *
   * @param args a folder for intermediate tables, the numbers of MLlib's hash tables separated by
   *     commas, and files or folders of JSON lines with id and text
   */
  public static void main(String[] args) {
    SparkSession spark = SparkSession.builder().appName("comparison").getOrCreate();
    Dataset<Row> documents = spark.read().json(Arrays.copyOfRange(args, 2, args.length));
    Features.of(documents, WORDS)
        .where(length(col("shingles")).gt(0))
        .write()
        .mode("overwrite")
        .parquet(args[0] + "/features");
    MllibComparison comparison =
        new MllibComparison(spark, args[0], spark.read().parquet(args[0] + "/features"));
    comparison.run(Arrays.stream(args[1].split(",", -1)).mapToInt(Integer::parseInt).toArray());
    spark.stop();
  }

  private void run(int[] tables) {
    Set<Pair> expected = bruteForce();
    System.out.printf(
        "%,d documents, %,d pairs at %s by brute force%n",
        features.count(), expected.size(), THRESHOLD);
    Banding banding = new Banding(32, 4);
    for (int run = 1; run <= 3; run++) {
      measured("ours, 32 bands of 4 rows", expected, () -> ours(banding));
      for (int count : tables) {
        measured("MLlib, %d hash tables".formatted(count), expected, () -> mllib(count));
      }
    }
  }

  private static void measured(String side, Set<Pair> expected, Supplier<Set<Pair>> search) {
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    long processor = system.getProcessCpuTime();
    long wall = System.nanoTime();
    Set<Pair> found = search.get();
    System.out.printf(
        "%-26s %8.2f processor s %8.2f s wall, %,d pairs, recall %.4f%n",
        side,
        (system.getProcessCpuTime() - processor) / 1e9,
        (System.nanoTime() - wall) / 1e9,
        found.size(),
        expected.stream().filter(found::contains).count() / (double) expected.size());
  }

  private Set<Pair> ours(Banding banding) {
    NearConfig config =
        new NearConfig(WORDS, THRESHOLD, banding, 1, Integer.MAX_VALUE, SurvivorPolicy.VERIFIED);
    NearDuplicates.search(
        spark,
        features,
        config,
        0,
        (name, rows) -> {
          rows.write().mode("overwrite").parquet(work + "/" + name);
          return spark.read().parquet(work + "/" + name);
        });
    return pairs(
        spark
            .read()
            .parquet(work + "/similar")
            .where(col("similarity").geq(THRESHOLD))
            .select("better.id", "worse.id"));
  }

  private Set<Pair> mllib(int tables) {
    Dataset<Row> vectors =
        features
            .select("id", "shingles")
            .map((MapFunction<Row, Row>) MllibComparison::vector, Encoders.row(VECTORS))
            .cache();
    Dataset<?> joined =
        new MinHashLSH()
            .setInputCol("set")
            .setOutputCol("hashes")
            .setNumHashTables(tables)
            .setSeed(1)
            .fit(vectors)
            .approxSimilarityJoin(vectors, vectors, 1 - THRESHOLD + 1e-12, "distance");
    Set<Pair> found =
        pairs(
            joined
                .where(col("datasetA.id").lt(col("datasetB.id")))
                .select("datasetA.id", "datasetB.id"));
    vectors.unpersist(true);
    return found;
  }

  /** Sets as MLlib wants them: indices below its prime; 30 bits of each hash. */
  private static Row vector(Row row) {
    int[] indices =
        Arrays.stream(Shingles.fromBytes(row.getAs(1)))
            .mapToInt(hash -> (int) (hash & INDICES - 1))
            .sorted()
            .distinct()
            .toArray();
    double[] ones = new double[indices.length];
    Arrays.fill(ones, 1);
    return RowFactory.create(row.getString(0), Vectors.sparse(INDICES, indices, ones));
  }

  private static Set<Pair> pairs(Dataset<Row> ids) {
    return ids.collectAsList().stream()
        .map(row -> Pair.of(row.getString(0), row.getString(1)))
        .collect(Collectors.toSet());
  }

  private Set<Pair> bruteForce() {
    List<Row> rows = features.select("id", "shingles").collectAsList();
    List<long[]> sets = rows.stream().map(row -> Shingles.fromBytes(row.<byte[]>getAs(1))).toList();
    Set<Pair> pairs = new HashSet<>();
    IntStream.range(0, rows.size())
        .forEach(
            i ->
                IntStream.range(0, i)
                    .filter(j -> Shingles.jaccard(sets.get(i), sets.get(j)) >= THRESHOLD)
                    .forEach(
                        j ->
                            pairs.add(
                                Pair.of(rows.get(i).getString(0), rows.get(j).getString(0)))));
    return pairs;
  }
}
