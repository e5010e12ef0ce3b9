package io.moraine.jobs.train;

import static org.apache.spark.sql.functions.col;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.data.TokenBatch;
import io.moraine.pipeline.tokenizer.Tokenizer;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Held-out loss of a trained model, over all and per source. */
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
   * @param unigramEntropy of the held-out tokens, nats per token: the loss of the best model that
   *     knows their frequencies and nothing else
   */
  public record Evaluation(
      long step, Loss all, Map<String, Loss> bySource, double unigramEntropy) {}

  private final SparkSession spark;
  private final Progress progress;

  public EvaluateJob(SparkSession spark, Progress progress) {
    this.spark = spark;
    this.progress = progress;
  }

  /**
   * Evaluates a run's newest checkpoint.
   *
   * @param data the dataset whose held-out sequences are looked at
   */
  public Evaluation run(RunFolder run, String data) throws IOException {
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
    int threads = spark.sparkContext().defaultParallelism();
    try (TrainedModel trained =
        TrainedModel.load(spark.sparkContext().hadoopConfiguration(), run, threads)) {
      Tally tally = new Tally(sources, trained.tokenizer());
      Iterator<Row> rows =
          spark.read().parquet(dataset.heldOut()).orderBy("sequence_id").toLocalIterator();
      while (rows.hasNext()) {
        Row row = rows.next();
        int[] tokens =
            row.<Integer>getList(row.fieldIndex("tokens")).stream().mapToInt(t -> t).toArray();
        Arrays.fill(tokens, row.<Integer>getAs("filled"), tokens.length, TokenBatch.PADDING);
        List<Integer> starts = row.getList(row.fieldIndex("starts"));
        float[] losses =
            trained
                .model()
                .tokenLosses(
                    new TokenBatch(1, tokens.length - 1, tokens, documents(tokens, starts)));
        tally.add(tokens, losses, starts, row.getList(row.fieldIndex("documents")));
        progress.update(
            "%,d of %,d sequences"
                .formatted(tally.sequences, manifest.counts().heldOutSequences()));
      }
      progress.done("%,d held-out tokens".formatted(tally.all.tokens));
      return tally.result(trained.step());
    }
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

  private static final class Sum {
    private long tokens;
    private double loss;
    private long bytes;

    void add(double more, int moreBytes) {
      tokens++;
      loss += more;
      bytes += moreBytes;
    }

    Loss mean() {
      return new Loss(tokens, tokens == 0 ? Double.NaN : loss / tokens, bytes);
    }
  }

  private static final class Tally {
    private final Map<String, String> sources;
    private final Tokenizer tokenizer;
    private final Map<String, Sum> bySource = new TreeMap<>();
    private final Map<Integer, Long> tokenCounts = new HashMap<>();
    private final Sum all = new Sum();
    private long sequences;

    Tally(Map<String, String> sources, Tokenizer tokenizer) {
      this.sources = sources;
      this.tokenizer = tokenizer;
    }

    /** Of text; that a text ends is no part of it. */
    private int bytes(int token) {
      return tokenizer.endOfText().filter(end -> end == token).isPresent()
          ? 0
          : tokenizer.decodeBytes(new int[] {token}).length;
    }

    /** Adds a sequence, its padding left out; losses[i] is that of token i + 1. */
    void add(int[] tokens, float[] losses, List<Integer> starts, List<String> documents) {
      sequences++;
      int segment = 0;
      for (int i = 1; i < tokens.length && tokens[i] != TokenBatch.PADDING; i++) {
        while (segment + 1 < starts.size() && starts.get(segment + 1) <= i) {
          segment++;
        }
        String source = sources.getOrDefault(documents.get(segment), "unknown");
        bySource.computeIfAbsent(source, unused -> new Sum()).add(losses[i - 1], bytes(tokens[i]));
        all.add(losses[i - 1], bytes(tokens[i]));
        tokenCounts.merge(tokens[i], 1L, Long::sum);
      }
    }

    Evaluation result(long step) {
      double entropy = 0;
      for (long count : new TreeMap<>(tokenCounts).values()) {
        double share = (double) count / all.tokens;
        entropy -= share * Math.log(share);
      }
      Map<String, Loss> losses = new TreeMap<>();
      bySource.forEach((source, sum) -> losses.put(source, sum.mean()));
      return new Evaluation(step, all.mean(), losses, entropy);
    }
  }
}
