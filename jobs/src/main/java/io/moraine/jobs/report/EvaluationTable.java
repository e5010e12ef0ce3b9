package io.moraine.jobs.report;

import io.moraine.jobs.train.EvaluateJob.Evaluation;
import io.moraine.jobs.train.EvaluateJob.Loss;
import io.moraine.model.train.ExpertLoad;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** An evaluation as text. */
public final class EvaluationTable {

  private EvaluationTable() {}

  /** Losses: a line per source, the total, and what it is to be compared with. */
  public static List<String> lines(Evaluation evaluation) {
    List<String> lines = new ArrayList<>();
    lines.add(
        String.format(
            Locale.ROOT,
            "%-24s %12s %8s %12s %10s",
            "source",
            "tokens",
            "loss",
            "perplexity",
            "bits/byte"));
    evaluation.bySource().forEach((source, loss) -> lines.add(line(source, loss)));
    lines.add(line("all", evaluation.all()));
    lines.add(
        String.format(
            Locale.ROOT,
            "held-out loss %.3f nats per token at step %,d; unigram entropy of the same tokens"
                + " %.3f",
            evaluation.all().loss(),
            evaluation.step(),
            evaluation.unigramEntropy()));
    return lines;
  }

  /** Where routers sent tokens: a line per source and MoE layer; empty without experts. */
  public static List<String> expertLoad(Evaluation evaluation) {
    List<String> lines = new ArrayList<>();
    if (evaluation.loadBySource().isEmpty()) {
      return lines;
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "%-24s %9s %8s %16s %16s",
            "source",
            "MoE layer",
            "MaxVio",
            "largest share",
            "smallest share"));
    evaluation
        .loadBySource()
        .forEach(
            (source, load) -> {
              for (int layer = 0; layer < load.layers(); layer++) {
                lines.add(line(source, load, layer));
              }
            });
    return lines;
  }

  private static String line(String source, ExpertLoad load, int layer) {
    int most = 0;
    int least = 0;
    for (int expert = 1; expert < load.experts(); expert++) {
      most = load.share(layer, expert) > load.share(layer, most) ? expert : most;
      least = load.share(layer, expert) < load.share(layer, least) ? expert : least;
    }
    return String.format(
        Locale.ROOT,
        "%-24s %9d %8.2f %16s %16s",
        source,
        layer,
        load.maxViolation(layer),
        share(load, layer, most),
        share(load, layer, least));
  }

  private static String share(ExpertLoad load, int layer, int expert) {
    return String.format(Locale.ROOT, "%d: %.1f %%", expert, 100 * load.share(layer, expert));
  }

  private static String line(String name, Loss loss) {
    return String.format(
        Locale.ROOT,
        "%-24s %,12d %8.3f %,12.1f %10.3f",
        name,
        loss.tokens(),
        loss.loss(),
        loss.perplexity(),
        loss.bitsPerByte());
  }
}
