package io.moraine.jobs.train;

import static org.apache.spark.sql.functions.col;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.train.ExpertBalance;
import io.moraine.model.train.ExpertLoad;
import io.moraine.model.transformer.Transformer;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Held-out loss and expert load of a trained model, over all and per source. */
public final class EvaluateJob {

  /**
   * Loss of a group of tokens.
   *
   * @param tokens predicted
   * @param loss mean cross-entropy, nats per token
   * @param bytes of text, UTF-8, that these tokens stand for; ends of texts are none
   */
  public record Loss(long tokens, double loss, long bytes) {

    /** {@code exp(loss)}. */
    public double perplexity() {
      return Math.exp(loss);
    }

    /** What an ideal code from the model would take; comparable whatever the tokenizer. */
    public double bitsPerByte() {
      return loss * tokens / bytes / Math.log(2);
    }
  }

  /**
   * What an evaluation found.
   *
   * @param step of the checkpoint
   * @param all over all held-out tokens
   * @param bySource per source of the document that the predicted token belongs to
   * @param loadBySource where routers sent the tokens of each source, those that something is
   *     predicted from; empty without experts
   * @param unigramEntropy of the held-out tokens, nats per token: the loss of the best model that
   *     knows their frequencies and nothing else
   */
  public record Evaluation(
      long step,
      Loss all,
      Map<String, Loss> bySource,
      Map<String, ExpertLoad> loadBySource,
      double unigramEntropy) {}

  private final SparkSession spark;
  private final Progress progress;

  public EvaluateJob(SparkSession spark, Progress progress) {
    this.spark = spark;
    this.progress = progress;
  }

  /** Evaluates a run's newest checkpoint. */
  public Evaluation run(RunFolder run, String data) throws IOException {
    return run(run, OptionalLong.empty(), data);
  }

  /**
   * Evaluates a run.
   *
   * @param step of the checkpoint; empty for the newest whole one
   * @param data the dataset whose held-out sequences are looked at
   */
  public Evaluation run(RunFolder run, OptionalLong step, String data) throws IOException {
    PreparedDataset dataset = PreparedDataset.at(data);
    Manifest manifest = dataset.manifest(spark.sparkContext().hadoopConfiguration());
    if (manifest.counts().heldOutSequences() == 0) {
      throw new FileNotFoundException(
          "%s has no held-out sequence: prepare more text, or a larger held-out.fraction."
              .formatted(data));
    }
    requireSameTokenizer(run, dataset);
    progress.start("evaluate");
    Map<String, String> sources = sources(dataset);
    int threads = LocalThreads.of(spark.sparkContext());
    try (TrainedModel trained =
        TrainedModel.load(
            spark.sparkContext().hadoopConfiguration(), run, step, threads, progress)) {
      EvaluationTally tally =
          new EvaluationTally(sources, trained.tokenizer(), experts(trained.model()));
      Iterator<Row> rows =
          spark.read().parquet(dataset.heldOut()).orderBy("sequence_id").toLocalIterator();
      while (rows.hasNext()) {
        Row row = rows.next();
        int[] tokens =
            row.<Integer>getList(row.fieldIndex("tokens")).stream().mapToInt(t -> t).toArray();
        Arrays.fill(tokens, row.<Integer>getAs("filled"), tokens.length, TokenBatch.PADDING);
        List<Integer> starts = row.getList(row.fieldIndex("starts"));
        TokenBatch batch = new TokenBatch(1, tokens.length - 1, tokens, documents(tokens, starts));
        tally.add(
            tokens,
            trained.model().routedLosses(batch),
            starts,
            row.getList(row.fieldIndex("documents")));
        progress.update(
            "%,d of %,d sequences"
                .formatted(tally.sequences(), manifest.counts().heldOutSequences()));
      }
      Evaluation evaluation = tally.result(trained.step());
      progress.done("%,d held-out tokens".formatted(evaluation.all().tokens()));
      return evaluation;
    }
  }

  private static int experts(Transformer model) {
    return model.expertBalance().map(ExpertBalance::experts).orElse(0);
  }

  private void requireSameTokenizer(RunFolder run, PreparedDataset dataset) throws IOException {
    if (!run.hasTokenizerOf(spark.sparkContext().hadoopConfiguration(), dataset)) {
      throw new ConfigException(
          "the run %s was trained with another tokenizer than that of %s: a loss would mean nothing. Evaluate on a dataset prepared with --tokenizer %s."
              .formatted(run.root(), dataset.root(), run.tokenizer()));
    }
  }

  /** The number of each token's segment. */
  private static int[] documents(int[] tokens, List<Integer> starts) {
    int[] documents = new int[tokens.length];
    for (int segment = 0; segment < starts.size(); segment++) {
      Arrays.fill(documents, starts.get(segment), documents.length, segment);
    }
    return documents;
  }

  private Map<String, String> sources(PreparedDataset dataset) {
    Dataset<Row> heldOut =
        dataset.documentsTable(spark).where(col("held_out").equalTo(true)).select("id", "source");
    Map<String, String> sources = new HashMap<>();
    heldOut.collectAsList().forEach(row -> sources.put(row.getString(0), row.getString(1)));
    return sources;
  }
}
