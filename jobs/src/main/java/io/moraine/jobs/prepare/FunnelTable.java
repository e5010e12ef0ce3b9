package io.moraine.jobs.prepare;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The funnel of a prepared dataset as text. */
public final class FunnelTable {

  private FunnelTable() {}

  /** A line per stage and the totals. */
  public static List<String> lines(Manifest manifest) {
    List<String> lines = stages(manifest.funnel());
    Manifest.Counts counts = manifest.counts();
    lines.add(
        String.format(
            Locale.ROOT,
            "tokens: %,d to train on in %,d sequences of %d, %,d held out in %,d; vocabulary %,d",
            counts.trainTokens(),
            counts.sequences(),
            manifest.sequenceLength(),
            counts.heldOutTokens(),
            counts.heldOutSequences(),
            manifest.vocabularySize()));
    return lines;
  }

  /** A line per stage. */
  public static List<String> stages(List<Manifest.FunnelStage> funnel) {
    List<String> lines = new ArrayList<>();
    lines.add(String.format(Locale.ROOT, "%-18s %12s %12s %12s", "stage", "in", "removed", "out"));
    for (Manifest.FunnelStage stage : funnel) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%-18s %,12d %,12d %,12d",
              stage.stage(),
              stage.in(),
              stage.removed(),
              stage.out()));
    }
    return lines;
  }
}
