package io.moraine.jobs.figures;

import com.fasterxml.jackson.databind.JsonNode;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.prepare.PreparedDataset;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.LongStream;
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

  /** Rules beside each other, at most. */
  private static final int RULES = 20;

  private final SparkSession spark;
  private final List<String> labels;
  private final List<JsonNode> settings;
  private final List<Map<String, Number>> outcomes;
  private final List<CorpusTables> datasets;
  private final RunTables runs;

  private Comparison(
      SparkSession spark,
      List<String> labels,
      List<JsonNode> settings,
      List<Map<String, Number>> outcomes,
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
    List<Map<String, Number>> outcomes = new ArrayList<>();
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
    List<Map<String, Number>> outcomes = new ArrayList<>();
    for (Row row : runs.summary().collectAsList()) {
      Map<String, Number> numbers = new LinkedHashMap<>();
      for (int i = 1; i < row.size(); i++) {
        numbers.put(row.schema().fieldNames()[i], (Number) row.get(i));
      }
      outcomes.add(numbers);
    }
    return new Comparison(spark, runs.labels(), runs.settings(), outcomes, List.of(), runs);
  }

  /**
   * Makes every table a temporary view of its name: compared, differing_settings, outcomes,
   * compared_stages, compared_removals and compared_lengths (of datasets, else without rows), and
   * those of {@link RunTables#createViews} (of runs, else without rows).
   *
   * @cost reads the documents of datasets with tokens once
   */
  public void createViews() throws IOException {
    compared().createOrReplaceTempView("compared");
    differingSettings().createOrReplaceTempView("differing_settings");
    outcomes().createOrReplaceTempView("outcomes");
    stages().createOrReplaceTempView("compared_stages");
    removals().createOrReplaceTempView("compared_removals");
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

  /**
   * Numbers that came of it, written out in decimal places, of datasets with bytes_per_token:
   * quantity, first, second, change (second - first; null where one is not there).
   *
   * @cost reads the documents of datasets with tokens once
   */
  public Dataset<Row> outcomes() throws IOException {
    Map<String, Number> first = numbers(0);
    Map<String, Number> second = numbers(1);
    TreeSet<String> more = new TreeSet<>(second.keySet());
    more.removeAll(first.keySet());
    List<String> quantities = new ArrayList<>(first.keySet());
    quantities.addAll(more);
    List<Row> rows = new ArrayList<>();
    for (String quantity : quantities) {
      Number before = first.get(quantity);
      Number after = second.get(quantity);
      rows.add(
          RowFactory.create(
              quantity,
              plain(before),
              plain(after),
              before == null || after == null
                  ? null
                  : plain(decimal(after).subtract(decimal(before)))));
    }
    return spark.createDataFrame(
        rows, StructType.fromDDL("quantity STRING, first STRING, second STRING, change STRING"));
  }

  private Map<String, Number> numbers(int place) throws IOException {
    Map<String, Number> numbers = new LinkedHashMap<>(outcomes.get(place));
    if (!datasets.isEmpty() && datasets.get(place).hasTokens()) {
      datasets
          .get(place)
          .tokens()
          .meanBytesPerToken()
          .ifPresent(bytes -> numbers.put("bytes_per_token", bytes));
    }
    return numbers;
  }

  private static BigDecimal decimal(Number number) {
    return new BigDecimal(number.toString());
  }

  /** As a table of Zeppelin shall show it, which prints large doubles as 1.2E7. */
  private static String plain(Number number) {
    return number == null ? null : decimal(number).stripTrailingZeros().toPlainString();
  }

  /** What the stages of each dataset removed: dataset, position, stage, removed, out. */
  public Dataset<Row> stages() {
    return ofDatasets(
        "position INT, stage STRING, removed LONG, `out` LONG",
        dataset -> dataset.funnel().select("position", "stage", "removed", "out"));
  }

  /**
   * What the rules of each dataset removed, those that removed most of both first, at most 20: rule
   * ("stage: reason"), dataset, documents (0 where it removed none).
   */
  public Dataset<Row> removals() {
    Map<String, long[]> documents = new LinkedHashMap<>();
    for (int i = 0; i < datasets.size(); i++) {
      for (Row row : datasets.get(i).removals().collectAsList()) {
        String stage = row.getString(0);
        String reason = row.getString(1);
        String rule = reason == null || reason.equals(stage) ? stage : stage + ": " + reason;
        documents.computeIfAbsent(rule, key -> new long[datasets.size()])[i] += row.getLong(2);
      }
    }
    List<Row> rows = new ArrayList<>();
    documents.entrySet().stream()
        .sorted(
            Comparator.comparingLong(
                    (Map.Entry<String, long[]> rule) -> -LongStream.of(rule.getValue()).sum())
                .thenComparing(Map.Entry::getKey))
        .limit(RULES)
        .forEach(
            rule -> {
              for (int i = 0; i < datasets.size(); i++) {
                rows.add(RowFactory.create(rule.getKey(), labels.get(i), rule.getValue()[i]));
              }
            });
    return spark.createDataFrame(
        rows, StructType.fromDDL("rule STRING, dataset STRING, documents LONG"));
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

  private static Map<String, Number> counts(JsonNode manifest) {
    Map<String, Number> counts = new LinkedHashMap<>();
    for (String key : List.of("documents", "vocabulary_size", "sequence_length")) {
      if (manifest.has(key)) {
        counts.put(key, manifest.get(key).numberValue());
      }
    }
    manifest
        .path("counts")
        .fields()
        .forEachRemaining(count -> counts.put(count.getKey(), count.getValue().numberValue()));
    return counts;
  }

  private static boolean isDataset(SparkSession spark, String path) throws IOException {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    Path manifest = new Path(path, PreparedDataset.MANIFEST);
    return manifest.getFileSystem(hadoop).exists(manifest);
  }
}
