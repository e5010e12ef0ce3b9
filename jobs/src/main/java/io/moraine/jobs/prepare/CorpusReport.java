package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.floor;
import static org.apache.spark.sql.functions.greatest;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.log2;
import static org.apache.spark.sql.functions.map;
import static org.apache.spark.sql.functions.pow;
import static org.apache.spark.sql.functions.round;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import io.moraine.jobs.prepare.Manifest.FunnelStage;
import io.moraine.pipeline.spark.Decontamination;
import io.moraine.pipeline.spark.NearReport;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/** Small tables about a corpus, below report/, that a notebook plots (docs/formats.md). */
final class CorpusReport {

  /** Stored result of the stage {@code near}: {@link NearReport#samples}. */
  static final String PAIRS = "near-samples";

  /** Stored result of the stage {@code decontamination}: {@link Decontamination#REPORT}. */
  static final String DECONTAMINATION = "decontamination";

  private static final int SHOWN_CHARACTERS = 20_000;

  private final SparkSession spark;
  private final PreparedDataset dataset;
  private final DatasetTables tables;

  CorpusReport(SparkSession spark, PreparedDataset dataset, DatasetTables tables) {
    this.spark = spark;
    this.dataset = dataset;
    this.tables = tables;
  }

  /**
   * Writes all tables and the page that sums them up.
   *
   * @param cleaned every document, with reason where a rule rejected it
   * @param features of the documents that no rule rejected
   * @param removed {@link Removals#REMOVALS}
   * @return the page
   */
  List<String> write(
      Funnel funnel, Dataset<Row> cleaned, Dataset<Row> features, Dataset<Row> removed) {
    Dataset<Row> stages = removed.select(col("id").as("removed_id"), col("stage"));
    Dataset<Row> clustered =
        removed.where(col("stage").equalTo("near").and(col("kept_id").isNotNull()));
    write("funnel", stages(funnel.stages()), "position");
    CorpusSummary summary = new CorpusSummary(FunnelTable.stages(funnel.stages()));
    summary.passedOver(funnel.passedOver());
    summary.reasons(write("removals", removals(removed), "stage", "reason"));
    summary.sources(stored("sources", sources(cleaned, stages), "source", "stage"));
    summary.languages(write("languages", languages(cleaned, stages), "language", "stage"));
    summary.replacements(write("pii", replacements(cleaned), "kind"));
    summary.lengths(write("lengths", lengths(features, stages), "from_characters"));
    summary.clusters(write("clusters", NearReport.clusterSizes(clustered), "documents"));
    Dataset<Row> pairs = stored("pairs", pairs(cleaned), "similarity", "id", "other_id");
    summary.pairs(pairs.drop("text", "other_text").collectAsList());
    summary.sets(write("decontamination", decontamination(), "set"));
    return summary.lines();
  }

  /** Writes a table whose size does not grow with the corpus, and returns its rows. */
  private List<Row> write(String name, Dataset<Row> rows, String... order) {
    List<Row> collected = rows.collectAsList();
    tables.writeFew(collected, rows.schema(), dataset.report(name), List.of(order));
    return collected;
  }

  private Dataset<Row> stored(String name, Dataset<Row> rows, String... order) {
    Dataset<Row> stored = tables.stored("report-" + name, rows);
    tables.write(stored, dataset.report(name), List.of(order), 1);
    return stored;
  }

  private Dataset<Row> stages(List<FunnelStage> funnel) {
    List<Row> rows = new ArrayList<>();
    for (FunnelStage stage : funnel) {
      rows.add(
          RowFactory.create(rows.size(), stage.stage(), stage.in(), stage.removed(), stage.out()));
    }
    return spark.createDataFrame(
        rows,
        new StructType()
            .add("position", "int")
            .add("stage", "string")
            .add("in", "long")
            .add("removed", "long")
            .add("out", "long"));
  }

  private static Dataset<Row> removals(Dataset<Row> removed) {
    return removed.groupBy("stage", "reason").agg(count(lit(1)).as("documents"));
  }

  /** Documents of each source by what became of them: removed by a stage, or kept. */
  private static Dataset<Row> sources(Dataset<Row> cleaned, Dataset<Row> stages) {
    return cleaned
        .select("id", "source")
        .join(stages, col("id").equalTo(col("removed_id")), "left")
        .groupBy(col("source"), coalesce(col("stage"), lit("kept")).as("stage"))
        .agg(count(lit(1)).as("documents"));
  }

  /** Documents of each language by what became of them; none where it was not looked for. */
  private static Dataset<Row> languages(Dataset<Row> cleaned, Dataset<Row> stages) {
    return cleaned
        .where(col("language").isNotNull())
        .select("id", "language", "language_confidence")
        .join(stages, col("id").equalTo(col("removed_id")), "left")
        .groupBy(col("language"), coalesce(col("stage"), lit("kept")).as("stage"))
        .agg(
            count(lit(1)).as("documents"),
            round(avg("language_confidence"), 6).as("mean_confidence"));
  }

  /** Replacements of each kind looked for in documents that no rule rejected. */
  private static Dataset<Row> replacements(Dataset<Row> cleaned) {
    return cleaned
        .where(col("pii").isNotNull())
        .select("pii.*")
        .select(
            explode(
                    map(
                        lit("email"), col("email"),
                        lit("ip"), col("ip"),
                        lit("phone"), col("phone"),
                        lit("secret"), col("secret")))
                .as(new String[] {"kind", "found"}))
        .where(col("found").isNotNull())
        .groupBy("kind")
        .agg(
            sum(when(col("found").gt(0), 1).otherwise(0)).as("documents"),
            sum("found").as("replacements"));
  }

  /** Documents by length, in powers of two, of those that no rule rejected. */
  private static Dataset<Row> lengths(Dataset<Row> features, Dataset<Row> stages) {
    Column power = floor(log2(greatest(col("length"), lit(1))));
    Column isKept = col("removed_id").isNull();
    return features
        .select("id", "length")
        .join(stages, col("id").equalTo(col("removed_id")), "left")
        .groupBy(pow(lit(2), power).cast("long").as("from_characters"))
        .agg(
            sum(when(isKept, 1).otherwise(0)).as("kept"),
            sum(when(isKept, 0).otherwise(1)).as("removed"));
  }

  /** The sampled pairs with their texts; null for one that an earlier increment published. */
  private Dataset<Row> pairs(Dataset<Row> cleaned) {
    Dataset<Row> samples =
        tables.isStored(PAIRS)
            ? tables.read(PAIRS)
            : spark.createDataFrame(List.of(), NearReport.SAMPLES);
    Column shown = col("text").substr(1, SHOWN_CHARACTERS);
    Dataset<Row> texts =
        cleaned
            .select(col("id").as("text_id"), shown.as("text"))
            .join(ids(samples), col("text_id").equalTo(col("sampled_id")), "left_semi");
    Dataset<Row> others = texts.toDF("other_text_id", "other_text");
    return samples
        .join(texts, col("id").equalTo(col("text_id")), "left")
        .join(others, col("other_id").equalTo(col("other_text_id")), "left")
        .drop("text_id", "other_text_id");
  }

  /** One row per evaluation set; none if there are no sets. */
  private Dataset<Row> decontamination() {
    return tables.isStored(DECONTAMINATION)
        ? tables.read(DECONTAMINATION)
        : spark.createDataFrame(List.of(), Decontamination.REPORT);
  }

  private static Dataset<Row> ids(Dataset<Row> samples) {
    return samples.select(col("id").as("sampled_id")).union(samples.select("other_id"));
  }
}
