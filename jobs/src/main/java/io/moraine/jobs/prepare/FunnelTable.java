package io.moraine.jobs.prepare;

import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;

/** The funnel of a prepared dataset as text. */
public final class FunnelTable {

  private FunnelTable() {}

  /** A line per stage, what else is not trained on, and the totals. */
  public static List<String> lines(Manifest manifest) {
    List<String> lines = stages(manifest.funnel());
    passedOver(manifest.passedOver()).ifPresent(lines::add);
    lines.addAll(leftOut(manifest.mixture()));
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

  /** What reading passed over, by reason; empty if that is nothing. */
  public static Optional<String> passedOver(SortedMap<String, Long> counts) {
    return counts.isEmpty()
        ? Optional.empty()
        : Optional.of(
            counts.entrySet().stream()
                .map(one -> String.format(Locale.ROOT, "%,d %s", one.getValue(), one.getKey()))
                .collect(joining(", ", "passed over: ", "")));
  }

  /** A line per source of which the mixture leaves documents out of training. */
  static List<String> leftOut(List<Manifest.SourceTokens> mixture) {
    return mixture.stream()
        .filter(source -> source.trainDocuments() < source.documents())
        .map(FunnelTable::leftOut)
        .toList();
  }

  /** Where some are trained on, tokens do not tell: moved middles change their number. */
  private static String leftOut(Manifest.SourceTokens source) {
    return source.trainDocuments() == 0
        ? String.format(
            Locale.ROOT,
            "left out of training by mixture: all %,d documents of source %s, %,d tokens",
            source.documents(),
            source.source(),
            source.tokens())
        : String.format(
            Locale.ROOT,
            "left out of training by mixture: %,d of %,d documents of source %s",
            source.documents() - source.trainDocuments(),
            source.documents(),
            source.source());
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
