package io.moraine.jobs.train;

import io.moraine.jobs.train.EvaluateJob.Evaluation;
import io.moraine.jobs.train.EvaluateJob.Loss;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.train.ExpertLoad;
import io.moraine.model.transformer.Transformer.RoutedLosses;
import io.moraine.pipeline.tokenizer.Tokenizer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Adds sequences up to an evaluation. */
final class EvaluationTally {

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

  private final Map<String, String> sources;
  private final Tokenizer tokenizer;
  private final int experts;
  private final Map<String, Sum> bySource = new TreeMap<>();
  private final Map<String, long[]> loadBySource = new TreeMap<>();
  private final Map<Integer, Long> tokenCounts = new HashMap<>();
  private final Sum all = new Sum();
  private long sequences;

  /**
   * Nothing yet.
   *
   * @param sources of documents, by id
   * @param experts E; 0 without experts
   */
  EvaluationTally(Map<String, String> sources, Tokenizer tokenizer, int experts) {
    this.sources = sources;
    this.tokenizer = tokenizer;
    this.experts = experts;
  }

  long sequences() {
    return sequences;
  }

  /**
   * Adds a sequence, its padding left out.
   *
   * @param routed of its places, each of which predicts the next token
   * @param starts of its segments
   * @param documents of its segments
   */
  void add(int[] tokens, RoutedLosses routed, List<Integer> starts, List<String> documents) {
    sequences++;
    int segment = 0;
    String from = source(documents.get(segment));
    for (int i = 1; i < tokens.length && tokens[i] != TokenBatch.PADDING; i++) {
      while (segment + 1 < starts.size() && starts.get(segment + 1) <= i) {
        segment++;
      }
      String source = source(documents.get(segment));
      float loss = routed.losses()[i - 1];
      bySource.computeIfAbsent(source, unused -> new Sum()).add(loss, bytes(tokens[i]));
      all.add(loss, bytes(tokens[i]));
      tokenCounts.merge(tokens[i], 1L, Long::sum);
      count(from, routed, i - 1);
      from = source;
    }
  }

  private String source(String document) {
    return sources.getOrDefault(document, "unknown");
  }

  /** Of text; that a text ends is no part of it. */
  private int bytes(int token) {
    return tokenizer.endOfText().filter(end -> end == token).isPresent()
        ? 0
        : tokenizer.decodeBytes(new int[] {token}).length;
  }

  /** Counts the experts that a token was sent to, one of this source. */
  private void count(String source, RoutedLosses routed, int place) {
    int layers = routed.experts().size();
    long[] load = loadBySource.computeIfAbsent(source, unused -> new long[layers * experts]);
    for (int layer = 0; layer < layers; layer++) {
      long[] chosen = routed.experts().get(layer);
      int active = chosen.length / routed.losses().length;
      for (int k = place * active; k < (place + 1) * active; k++) {
        load[layer * experts + (int) chosen[k]]++;
      }
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
    Map<String, ExpertLoad> loads = new TreeMap<>();
    if (experts > 0) {
      loadBySource.forEach((source, load) -> loads.put(source, new ExpertLoad(load, experts)));
    }
    return new Evaluation(step, all.mean(), losses, loads, entropy);
  }
}
