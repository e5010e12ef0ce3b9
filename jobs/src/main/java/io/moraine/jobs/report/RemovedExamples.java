package io.moraine.jobs.report;

import static org.apache.spark.sql.functions.col;

import io.moraine.jobs.prepare.PreparedDataset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Some near-duplicate pairs of a prepared dataset, as text. */
public final class RemovedExamples {

  private static final int SHOWN_CHARACTERS = 60;

  private RemovedExamples() {}

  /** Pairs spread over the range of similarities, most similar first; the kept text's beginning. */
  public static List<String> lines(SparkSession spark, PreparedDataset dataset, int examples) {
    Dataset<Row> removed = dataset.removedTable(spark).where(col("stage").equalTo("near"));
    Dataset<Row> kept =
        dataset
            .documentsTable(spark)
            .select(col("id").as("kept_document"), col("source"), col("text"));
    List<Row> pairs =
        removed
            .join(kept, col("kept_id").equalTo(col("kept_document")))
            .select("similarity", "id", "kept_id", "source", "text")
            .orderBy(col("similarity").desc(), col("id"))
            .collectAsList();
    List<String> lines = new ArrayList<>();
    int shown = Math.min(examples, pairs.size());
    for (int i = 0; i < shown; i++) {
      Row pair = pairs.get((int) ((long) i * (pairs.size() - 1) / Math.max(1, shown - 1)));
      lines.add(
          String.format(
              Locale.ROOT,
              "  Jaccard %.3f  removed %.12s  kept %.12s  %s: %s",
              pair.getDouble(0),
              pair.getString(1),
              pair.getString(2),
              pair.getString(3),
              beginning(pair.getString(4))));
    }
    return lines;
  }

  private static String beginning(String text) {
    String line = text.replaceAll("\\s+", " ");
    return line.length() <= SHOWN_CHARACTERS ? line : line.substring(0, SHOWN_CHARACTERS) + "...";
  }
}
