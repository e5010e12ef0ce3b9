package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.count_if;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.sum;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.prepare.Manifest.SourceTokens;
import io.moraine.pipeline.sequence.FimMarkers;
import io.moraine.pipeline.sequence.Mixture;
import io.moraine.pipeline.spark.Packing;
import io.moraine.pipeline.spark.TrainingDocuments;
import io.moraine.pipeline.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * The stages from tokenized documents to sequences/ and heldout/: copies by source, middles moved
 * to the end, packing. Held-out documents are packed once and as they are.
 */
final class SequenceStages {

  /** Sources that the manifest lists beside those that the settings name; the rest is summed. */
  private static final int LISTED_SOURCES = 100;

  private static final String OTHER_SOURCES = "(others)";

  private static final Column IS_TRAINED_ON = col("held_out").equalTo(false);
  private static final Column TOKENS = coalesce(sum(col("n_tokens").plus(1)), lit(0L)).cast("long");

  private final DatasetRun run;
  private final PrepareSettings settings;

  SequenceStages(DatasetRun run, PrepareSettings settings) {
    this.run = run;
    this.settings = settings;
  }

  /**
   * What was packed.
   *
   * @param splits places at which a document goes on in another sequence
   */
  record Result(
      Packing.Packed train, long splits, Packing.Packed heldOut, List<SourceTokens> mixture) {}

  /** Refuses a tokenizer without an end of texts or the markers that the settings ask for. */
  static void requireSpecialTokens(PrepareSettings settings, TokenizerFile file) {
    if (file.tokenizer().endOfText().isEmpty()) {
      throw new ConfigException(
          "--tokenizer %s has no special token to end documents with, such as %s. Those of a rank file are given by --tokenizer-special-tokens."
              .formatted(file.name(), Tokenizer.END_OF_TEXT));
    }
    if (settings.fillInTheMiddle().isUsed() && FimMarkers.of(file.tokenizer()).isEmpty()) {
      throw new ConfigException(
          "sequences.fill-in-the-middle.rate is %s, but --tokenizer %s has no special tokens for it: %s. Set the rate to 0 or take another tokenizer."
              .formatted(settings.fillInTheMiddle().rate(), file.name(), FimMarkers.names()));
    }
  }

  /**
   * Refuses settings of the mixture that do not fit the sources that are left to train on.
   *
   * @param survivors with columns source and held_out
   */
  void requireKnownSources(Dataset<Row> survivors) {
    Mixture mixture = settings.mixture();
    if (mixture.isOnce()) {
      return;
    }
    Set<String> sources = new TreeSet<>();
    survivors
        .where(IS_TRAINED_ON)
        .select("source")
        .distinct()
        .collectAsList()
        .forEach(row -> sources.add(row.getString(0)));
    String setting = mixture.weights().isEmpty() ? "mixture.epochs" : "mixture.weights";
    for (String named : mixture.named()) {
      if (!sources.contains(named)) {
        throw new ConfigException(
            "%s names the source %s, which no document to train on has. Sources: %s."
                .formatted(setting, named, listed(sources)));
      }
    }
    sources.removeAll(mixture.named());
    if (!mixture.weights().isEmpty() && !sources.isEmpty()) {
      throw new ConfigException(
          "mixture.weights must name every source, 0 leaves one out. Without a weight: %s."
              .formatted(listed(sources)));
    }
  }

  /**
   * Writes sequences/ and heldout/.
   *
   * @param tokenized with columns id, source, text, held_out, n_tokens, tokens
   */
  Result pack(Dataset<Row> tokenized, Tokenizer tokenizer) {
    int endOfText = tokenizer.endOfText().orElseThrow();
    Dataset<Row> once = TrainingDocuments.once(tokenized.where(IS_TRAINED_ON));
    Mixture mixture = settings.mixture();
    Map<String, Double> epochs =
        mixture.isOnce() ? Map.of() : mixture.resolve(tokensBySource(once));
    Dataset<Row> trained = training(once, epochs, tokenizer);
    Packing.Packed train = pack("pack", trained, endOfText, run.dataset().sequences());
    Dataset<Row> heldOutDocuments = TrainingDocuments.once(tokenized.where(col("held_out")));
    Packing.Packed heldOut =
        pack("pack held-out", heldOutDocuments, endOfText, run.dataset().heldOut());
    return new Result(train, splits(train), heldOut, mixture(once, trained, epochs));
  }

  /** Copies and moved middles; stored, unless every document is used once and as it is. */
  private Dataset<Row> training(
      Dataset<Row> once, Map<String, Double> epochs, Tokenizer tokenizer) {
    boolean fim = settings.fillInTheMiddle().isUsed();
    if (epochs.isEmpty() && !fim) {
      return once;
    }
    run.funnel().begin("mixture");
    Dataset<Row> mixed = TrainingDocuments.mixed(once, settings.mixture(), epochs);
    Optional<FimMarkers> markers = FimMarkers.of(tokenizer);
    Dataset<Row> trained =
        run.tables()
            .stored(
                "training",
                fim
                    ? TrainingDocuments.withMovedMiddles(
                        mixed, settings.fillInTheMiddle(), tokenizer, markers.orElseThrow())
                    : mixed.drop("text"));
    run.funnel().done("%,d documents to train on".formatted(trained.count()));
    return trained;
  }

  private Packing.Packed pack(String stage, Dataset<Row> documents, int endOfText, String folder) {
    run.funnel().begin(stage);
    Packing.Packed packed = Packing.pack(documents, settings.sequences(), endOfText);
    run.tables().writeSequences(packed.sequences(), folder, packed.count(), settings.sequences());
    run.funnel()
        .done(
            "%,d sequences, %,d tokens of padding"
                .formatted(packed.count(), packed.paddingTokens()));
    return packed;
  }

  private long splits(Packing.Packed packed) {
    Dataset<Row> written = run.tables().written(run.dataset().sequences());
    Row segments = written.agg(coalesce(sum(size(col("starts"))), lit(0L)).cast("long")).first();
    return segments.getLong(0) - packed.documents();
  }

  private static Map<String, Long> tokensBySource(Dataset<Row> documents) {
    Map<String, Long> tokens = new TreeMap<>();
    documents
        .groupBy("source")
        .agg(TOKENS)
        .collectAsList()
        .forEach(row -> tokens.put(row.getString(0), row.getLong(1)));
    return tokens;
  }

  /** Documents and tokens before and after, the largest sources first. */
  private List<SourceTokens> mixture(
      Dataset<Row> once, Dataset<Row> trained, Map<String, Double> epochs) {
    Dataset<Row> before =
        once.groupBy("source").agg(count(lit(1)).as("documents"), TOKENS.as("tokens"));
    Dataset<Row> after =
        trained
            .groupBy(col("source").as("trained_source"))
            .agg(
                count(lit(1)).as("train_documents"),
                TOKENS.as("train_tokens"),
                count_if(col("fim")).as("fim_documents"));
    Dataset<Row> sources =
        before
            .join(after, col("source").equalTo(col("trained_source")), "left")
            .na()
            .fill(0, new String[] {"train_documents", "train_tokens", "fim_documents"})
            .select(
                "source", "documents", "tokens", "train_documents", "train_tokens", "fim_documents")
            .orderBy(col("tokens").desc(), col("source"));
    List<SourceTokens> listed = new ArrayList<>();
    long[] others = new long[5];
    var rows = sources.toLocalIterator();
    while (rows.hasNext()) {
      Row row = rows.next();
      String source = row.getString(0);
      if (listed.size() < LISTED_SOURCES || epochs.containsKey(source)) {
        listed.add(sourceTokens(source, epochs.getOrDefault(source, 1.0), row));
      } else {
        for (int i = 0; i < others.length; i++) {
          others[i] += row.getLong(i + 1);
        }
      }
    }
    if (others[0] > 0) {
      listed.add(
          new SourceTokens(
              OTHER_SOURCES, 1.0, others[0], others[1], others[2], others[3], others[4]));
    }
    return listed;
  }

  private static SourceTokens sourceTokens(String source, double epochs, Row row) {
    return new SourceTokens(
        source,
        epochs,
        row.getLong(1),
        row.getLong(2),
        row.getLong(3),
        row.getLong(4),
        row.getLong(5));
  }

  /** Names for a message; not all of them if there are very many. */
  private static String listed(Set<String> sources) {
    List<String> first = sources.stream().limit(20).toList();
    int more = sources.size() - first.size();
    return String.join(", ", first) + (more > 0 ? ", and %,d more".formatted(more) : "");
  }
}
