package io.moraine.jobs.figures;

import java.util.Locale;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Removed documents in which a text was found.
 *
 * @param rows the first of them in the order of ids: id, stage, reason, detail, similarity,
 *     kept_id, kept_source, kept_text (its beginning)
 * @param shown how many rows these are
 * @param found how many there are
 */
public record RemovedDocuments(Dataset<Row> rows, long shown, long found) {

  /** For people: how many of how many. */
  public String summary() {
    return shown < found
        ? String.format(
            Locale.ROOT, "%,d of %,d found, the first in the order of ids:", shown, found)
        : String.format(Locale.ROOT, "%,d found:", found);
  }
}
