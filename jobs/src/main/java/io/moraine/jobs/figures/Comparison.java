package io.moraine.jobs.figures;

import com.fasterxml.jackson.databind.JsonNode;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.prepare.PreparedDataset;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * Two prepared datasets, or two runs, side by side: what was set otherwise, and what came of it.
 */
public final class Comparison {

  private final SparkSession spark;
  private final List<String> labels;
  private final List<JsonNode> settings;
  private final List<Map<String, Double>> outcomes;
  private final List<CorpusTables> datasets;
  private final RunTables runs;

  private Comparison(
      SparkSession spark,
      List<String> labels,
      List<JsonNode> settings,
      List<Map<String, Double>> outcomes,
      List<CorpusTables> datasets,
      RunTables runs) {
    this.spark = spark;
    this.labels = labels;
    this.settings = settings;
    this.outcomes = outcomes;
    this.datasets = datasets;
    this.runs = runs;
  }

  /**
   * Compares what stands at two paths.
   *
   * @throws ConfigException if one is a dataset and the other one a run
   * @throws FileNotFoundException if one is neither
   */
  public static Comparison of(SparkSession spark, String first, String second) throws IOException {
    boolean firstIsData = isDataset(spark, first);
    if (firstIsData != isDataset(spark, second)) {
      throw new ConfigException(
          "one of %s and %s is a dataset and the other one is not. Compare two datasets or two runs."
              .formatted(first, second));
    }
    List<String> paths = List.of(first, second);
    return firstIsData ? ofDatasets(spark, paths) : ofRuns(spark, paths);
  }

  private static Comparison ofDatasets(SparkSession spark, List<String> paths) throws IOException {
    List<CorpusTables> datasets = new ArrayList<>();
    List<JsonNode> settings = new ArrayList<>();
    List<Map<String, Double>> outcomes = new ArrayList<>();
    for (String path : paths) {
      CorpusTables dataset = CorpusTables.of(spark, path);
      datasets.add(dataset);
      settings.add(dataset.manifest().path("configuration"));
      outcomes.add(counts(dataset.manifest()));
    }
    return new Comparison(
        spark,
        PathLabels.of(paths),
        settings,
        outcomes,
        datasets,
        RunTables.of(spark, List.<String>of()));
  }

  private static Comparison ofRuns(SparkSession spark, List<String> paths) throws IOException {
    RunTables runs = RunTables.of(spark, paths);
    List<Map<String, Double>> outcomes = new ArrayList<>();
    for (Row row : runs.summary().collectAsList()) {
      Map<String, Double> numbers = new LinkedHashMap<>();
      for (int i = 1; i < row.size(); i++) {
        numbers.put(
            row.schema().fieldNames()[i],
            row.isNullAt(i) ? null : ((Number) row.get(i)).doubleValue());
      }
      outcomes.add(numbers);
    }
    return new Comparison(spark, runs.labels(), runs.settings(), outcomes, List.of(), runs);
  }

  /**
   * Makes every table a temporary view of its name: compared, differing_settings, outcomes,
   * compared_stages and compared_lengths (of datasets, else without rows), and those of {@link
   * RunTables#createViews} (of runs, else without rows).
   */
  public void createViews() throws IOException {
    compared().createOrReplaceTempView("compared");
    differingSettings().createOrReplaceTempView("differing_settings");
    outcomes().createOrReplaceTempView("outcomes");
    stages().createOrReplaceTempView("compared_stages");
    lengths().createOrReplaceTempView("compared_lengths");
    runs.createViews();
  }

  /** What is compared: place (first, second), name. */
  public Dataset<Row> compared() {
    return spark.createDataFrame(
        List.of(
            RowFactory.create("first", labels.get(0)), RowFactory.create("second", labels.get(1))),
        StructType.fromDDL("place STRING, name STRING"));
  }

  /** Settings that are not the same: setting, first, second; null where it is not there. */
  public Dataset<Row> differingSettings() {
    return spark.createDataFrame(
        SettingsDifference.rows(settings),
        StructType.fromDDL("setting STRING, first STRING, second STRING"));
  }

  /** Numbers that came of it: quantity, first, second, change (second - first). */
  public Dataset<Row> outcomes() {
    List<Row> rows = new ArrayList<>();
    TreeSet<String> more = new TreeSet<>(outcomes.get(1).keySet());
    more.removeAll(outcomes.get(0).keySet());
    List<String> quantities = new ArrayList<>(outcomes.get(0).keySet());
    quantities.addAll(more);
    for (String quantity : quantities) {
      Double first = outcomes.get(0).get(quantity);
      Double second = outcomes.get(1).get(quantity);
      rows.add(
          RowFactory.create(
              quantity, first, second, first == null || second == null ? null : second - first));
    }
    return spark.createDataFrame(
        rows, StructType.fromDDL("quantity STRING, first DOUBLE, second DOUBLE, change DOUBLE"));
  }

  /** What the stages of each dataset removed: dataset, position, stage, removed, out. */
  public Dataset<Row> stages() {
    return ofDatasets(
        "position INT, stage STRING, removed LONG, `out` LONG",
        dataset -> dataset.funnel().select("position", "stage", "removed", "out"));
  }

  /** Kept documents of each dataset by length: dataset, from_characters, kept. */
  public Dataset<Row> lengths() {
    return ofDatasets(
        "from_characters LONG, kept LONG",
        dataset -> dataset.lengths().select("from_characters", "kept"));
  }

  private interface Table {
    Dataset<Row> of(CorpusTables dataset);
  }

  private Dataset<Row> ofDatasets(String columns, Table table) {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < datasets.size(); i++) {
      for (Row row : table.of(datasets.get(i)).collectAsList()) {
        Object[] values = new Object[row.size() + 1];
        values[0] = labels.get(i);
        for (int column = 0; column < row.size(); column++) {
          values[column + 1] = row.get(column);
        }
        rows.add(RowFactory.create(values));
      }
    }
    return spark.createDataFrame(rows, StructType.fromDDL("dataset STRING, " + columns));
  }

  private static Map<String, Double> counts(JsonNode manifest) {
    Map<String, Double> counts = new LinkedHashMap<>();
    for (String key : List.of("documents", "vocabulary_size", "sequence_length")) {
      if (manifest.has(key)) {
        counts.put(key, manifest.get(key).asDouble());
      }
    }
    manifest
        .path("counts")
        .fields()
        .forEachRemaining(count -> counts.put(count.getKey(), count.getValue().asDouble()));
    return counts;
  }

  private static boolean isDataset(SparkSession spark, String path) throws IOException {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    Path manifest = new Path(path, PreparedDataset.MANIFEST);
    return manifest.getFileSystem(hadoop).exists(manifest);
  }
}
