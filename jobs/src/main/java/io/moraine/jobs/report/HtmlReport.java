package io.moraine.jobs.report;

import io.moraine.jobs.figures.CorpusTables;
import io.moraine.jobs.figures.RunTables;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.SparkSession;

/** A prepared dataset and training runs as one HTML page. */
public final class HtmlReport {

  private HtmlReport() {}

  /**
   * The page, the same bytes for the same dataset and runs.
   *
   * @param data a dataset's path
   * @param runs paths; what they have in common is drawn into the same charts
   * @throws FileNotFoundException if one is no dataset or no run
   * @cost reads documents, removed documents and metrics a few times, and a sample of the sequences
   */
  public static String of(SparkSession spark, Optional<String> data, List<String> runs)
      throws IOException {
    ReportPage page = new ReportPage("Moraine report", about(data, runs));
    if (data.isPresent()) {
      CorpusPart.write(page, CorpusTables.of(spark, data.get()), data.get());
    }
    if (!runs.isEmpty()) {
      RunPart.write(page, RunTables.of(spark, runs));
    }
    return page.rendered();
  }

  /** What the page is of. */
  private static String about(Optional<String> data, List<String> runs) {
    List<String> parts = new ArrayList<>();
    data.ifPresent(path -> parts.add("Dataset " + path));
    if (!runs.isEmpty()) {
      parts.add((runs.size() == 1 ? "Run " : "Runs ") + String.join(", ", runs));
    }
    return String.join(". ", parts) + ".";
  }
}
