package io.moraine.jobs.report;

import io.moraine.pipeline.lsh.Banding;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;

/** What a banding finds and costs, as text. */
public final class DedupPlan {

  private static final List<Double> SIMILARITIES =
      List.of(0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95);

  /** Spark's row: null bits, four numbers, offset and length of the id, and its own size. */
  private static final int ROW_BYTES = 8 + 4 * 8 + 8 + 4;

  private DedupPlan() {}

  /**
   * The plan.
   *
   * @param idBytes length of an id
   * @param chosen whether the banding was chosen, and the settings that ask for it are shown
   */
  public static List<String> lines(Banding banding, double threshold, int idBytes, boolean chosen) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "bands %d, rows per band %d, %d components a signature"
            .formatted(banding.bands(), banding.rowsPerBand(), banding.components()));
    lines.add("");
    lines.add("Jaccard   candidates");
    TreeSet<Double> similarities = new TreeSet<>(SIMILARITIES);
    similarities.add(threshold);
    for (double similarity : similarities) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%7s   %10.6f%s",
              similarity,
              banding.collisionProbability(similarity),
              similarity == threshold ? "   <- threshold" : ""));
    }
    long row = ROW_BYTES + (idBytes + 7L) / 8 * 8;
    lines.add("");
    lines.add(
        "shuffle: %d rows of %d bytes = %,d bytes per document before compression; never text"
            .formatted(banding.bands(), row, banding.bands() * row));
    if (chosen) {
      lines.add(
          "settings: near { threshold = %s, bands = %d, rows-per-band = %d }"
              .formatted(threshold, banding.bands(), banding.rowsPerBand()));
    }
    return lines;
  }
}
