package io.moraine.pipeline.language;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Map;
import opennlp.tools.langdetect.LanguageDetectorModel;
import opennlp.tools.ml.model.AbstractModel;
import opennlp.tools.ml.model.Context;

/**
 * Apache OpenNLP's maximum entropy model of 103 languages: for each n-gram of one to three
 * characters the weights of the languages it speaks for.
 *
 * <p>Differs from the source: the sum over a text's n-grams is computed here, from an open
 * addressing table; OpenNLP's detector makes a string of each and takes six times as long
 * (docs/benchmarks/cleaning_2core_202611.md).
 *
 * @source Apache OpenNLP, opennlp-models-langdetect, trained on the Leipzig corpora
 */
final class LanguageModel {

  static final String RESOURCE = "/langdetect-183.bin";
  static final int LONGEST = 3;

  private final String[] languages;
  private final long[] keys;
  private final int[][] spokenFor;
  private final float[][] weights;

  /** Not before the first text, once per JVM. */
  private static final class Holder {
    static final LanguageModel SHARED = load();
  }

  private LanguageModel(String[] languages, Map<String, Context> contexts) {
    this.languages = languages;
    int size = Integer.highestOneBit(contexts.size()) << 2;
    keys = new long[size];
    spokenFor = new int[size][];
    weights = new float[size][];
    contexts.forEach(this::put);
  }

  /** The model of this JVM; loading takes 0.7 s and 21 MB. */
  static LanguageModel shared() {
    return Holder.SHARED;
  }

  private static LanguageModel load() {
    try (InputStream in = LanguageModel.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new IllegalStateException(
            "the language model %s is not on the class path".formatted(RESOURCE));
      }
      AbstractModel model = (AbstractModel) new LanguageDetectorModel(in).getMaxentModel();
      @SuppressWarnings("unchecked")
      Map<String, Context> contexts = (Map<String, Context>) model.getDataStructures()[1];
      String[] languages = new String[model.getNumOutcomes()];
      Arrays.setAll(languages, model::getOutcome);
      return new LanguageModel(languages, contexts);
    } catch (IOException e) {
      throw new UncheckedIOException("the language model %s is damaged".formatted(RESOURCE), e);
    }
  }

  /** ISO 639-3 codes, in the order of scores. */
  String[] languages() {
    return languages.clone();
  }

  /**
   * Log-likelihood of each language up to a common constant.
   *
   * @param text letters in lower case
   * @cost one table look-up per n-gram, one addition per distinct n-gram and language it speaks for
   */
  double[] scores(CharSequence text) {
    double[] scores = new double[languages.length];
    LongSet distinct = new LongSet(LONGEST * text.length());
    for (int i = 0; i < text.length(); i++) {
      long key = 0;
      for (int end = i; end < Math.min(text.length(), i + LONGEST); end++) {
        key = key << Character.SIZE | text.charAt(end);
        if (distinct.add(key)) {
          add(key, scores);
        }
      }
    }
    return scores;
  }

  private void add(long key, double[] scores) {
    int slot = slot(keys, key);
    if (keys[slot] == key) {
      int[] of = spokenFor[slot];
      float[] weight = weights[slot];
      for (int i = 0; i < of.length; i++) {
        scores[of[i]] += weight[i];
      }
    }
  }

  private void put(String ngram, Context context) {
    long key = 0;
    for (int i = 0; i < ngram.length(); i++) {
      key = key << Character.SIZE | ngram.charAt(i);
    }
    int slot = slot(keys, key);
    keys[slot] = key;
    spokenFor[slot] = context.getOutcomes();
    double[] parameters = context.getParameters();
    weights[slot] = new float[parameters.length];
    for (int i = 0; i < parameters.length; i++) {
      weights[slot][i] = (float) parameters[i];
    }
  }

  /** Where a key stands in a table, or would stand; 0 marks a free place. */
  private static int slot(long[] keys, long key) {
    int mask = keys.length - 1;
    int slot = (int) (key * 0x9e3779b97f4a7c15L >>> 32) & mask;
    while (keys[slot] != 0 && keys[slot] != key) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  /** Distinct n-grams of one text. */
  private static final class LongSet {

    private final long[] members;

    LongSet(int most) {
      members = new long[Math.max(16, Integer.highestOneBit(most) << 2)];
    }

    boolean add(long key) {
      int slot = slot(members, key);
      boolean isNew = members[slot] == 0;
      members[slot] = key;
      return isNew;
    }
  }
}
