package io.moraine.jobs.prepare;

import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.spark.TokenizerTraining;
import io.moraine.pipeline.spark.TokenizerTraining.Trained;
import io.moraine.pipeline.tokenizer.TokenizerConfig;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Counts the pieces of documents, on the cluster, and learns a tokenizer from the counts. */
final class TokenizerStage {

  private static final int TOLD_EVERY = 256;

  private final DatasetTables tables;
  private final Funnel funnel;
  private final Progress progress;

  TokenizerStage(DatasetTables tables, Funnel funnel, Progress progress) {
    this.tables = tables;
    this.funnel = funnel;
    this.progress = progress;
  }

  /**
   * A tokenizer of these documents; the counts are stored, so that an interrupted job does not
   * count again.
   *
   * @param documents with a column text
   */
  Trained trained(Dataset<Row> documents, TokenizerConfig config) {
    funnel.begin("pieces");
    Dataset<Row> counts =
        tables.storedOnce("pieces", () -> TokenizerTraining.pieceCounts(documents));
    funnel.done("%,d distinct pieces".formatted(counts.count()));
    funnel.begin("tokenizer");
    Trained trained =
        TokenizerTraining.train(
            counts,
            config,
            learned -> {
              if (learned % TOLD_EVERY == 0) {
                progress.update(
                    "%,d of %,d tokens learned".formatted(learned, config.vocabularySize()));
              }
            });
    int learned = trained.tokenizer().vocabularySize();
    funnel.done("%,d tokens learned".formatted(learned));
    if (trained.rareCount() > 0) {
      funnel.say(
          "%,d pieces that stand at most %,d times were left out, %,d occurrences: tokenizer.max-pieces = %,d."
              .formatted(
                  trained.rarePieces(),
                  trained.rareCount(),
                  trained.rareOccurrences(),
                  config.maxPieces()));
    }
    if (learned < config.vocabularySize()) {
      funnel.say(
          "the corpus is too small for %,d tokens: no pair is left that stands %,d times."
              .formatted(config.vocabularySize(), config.minFrequency()));
    }
    return trained;
  }
}
