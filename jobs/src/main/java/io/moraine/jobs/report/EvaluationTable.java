package io.moraine.jobs.report;

import io.moraine.jobs.train.EvaluateJob.Evaluation;
import io.moraine.jobs.train.EvaluateJob.Loss;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** An evaluation as text. */
public final class EvaluationTable {

  private EvaluationTable() {}

  /** A line per source, the total, and what it is to be compared with. */
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
            "held-out loss %.3f nats per token at step %,d; unigram entropy of the same tokens %.3f",
            evaluation.all().loss(),
            evaluation.step(),
            evaluation.unigramEntropy()));
    return lines;
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
