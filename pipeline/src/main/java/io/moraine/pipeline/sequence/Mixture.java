package io.moraine.pipeline.sequence;

import io.moraine.pipeline.hash.Mix64;
import java.io.Serializable;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * How often the documents of each source are trained on: by epochs, or by weights that epochs
 * follow from. 2.5 epochs are two copies of every document and a third one of half of them, chosen
 * by a keyed hash of the id.
 *
 * @param epochs by source; a source without any is used once
 * @param weights by source, in any unit: each source's share of the tokens, of which there stay as
 *     many as the corpus has
 * @param seed of the hash
 */
public record Mixture(Map<String, Double> epochs, Map<String, Double> weights, long seed)
    implements Serializable {

  /** What is added to a document's hash; copies, for which other draws are made, count from 0. */
  private static final long FRACTION = -1;

  public Mixture {
    epochs = Collections.unmodifiableMap(new TreeMap<>(epochs));
    weights = Collections.unmodifiableMap(new TreeMap<>(weights));
    if (!epochs.isEmpty() && !weights.isEmpty()) {
      throw new IllegalArgumentException(
          "either epochs or weights can be given, got both: weights say how often a source is used");
    }
    epochs.forEach((source, value) -> requireAmount("epochs", source, value));
    weights.forEach((source, value) -> requireAmount("weights", source, value));
    if (!weights.isEmpty() && weights.values().stream().noneMatch(weight -> weight > 0)) {
      throw new IllegalArgumentException("one of the weights must be above 0, got " + weights);
    }
  }

  /** Every source once. */
  public static Mixture once(long seed) {
    return new Mixture(Map.of(), Map.of(), seed);
  }

  /** Whether every source is used once. */
  public boolean isOnce() {
    return named().isEmpty();
  }

  /** The sources that the settings name. */
  public Set<String> named() {
    return weights.isEmpty() ? epochs.keySet() : weights.keySet();
  }

  /**
   * How often each named source is used.
   *
   * @param tokens of every source; has all named ones, with weights no others
   */
  public Map<String, Double> resolve(Map<String, Long> tokens) {
    if (weights.isEmpty()) {
      return epochs;
    }
    double all = tokens.values().stream().mapToLong(Long::longValue).sum();
    double weightSum = weights.values().stream().mapToDouble(Double::doubleValue).sum();
    Map<String, Double> resolved = new TreeMap<>();
    weights.forEach(
        (source, weight) -> resolved.put(source, weight / weightSum * all / tokens.get(source)));
    return resolved;
  }

  /** How many copies of a document a number of epochs of its source has. */
  public int copies(double sourceEpochs, String id) {
    int whole = (int) sourceEpochs;
    double draw = KeyedDraw.unit(Mix64.combine(KeyedDraw.of(seed, id), FRACTION));
    return whole + (draw < sourceEpochs - whole ? 1 : 0);
  }

  private static void requireAmount(String what, String source, double value) {
    if (!(value >= 0 && value <= 1e6)) {
      throw new IllegalArgumentException(
          "%s of %s must be in [0, 1000000], got %s".formatted(what, source, value));
    }
  }
}
