package io.moraine.pipeline.filter;

import java.util.List;

/**
 * Gopher's repetition rules, for prose.
 *
 * @param compat how the fractions are measured
 * @param maxDuplicateParagraphs of all paragraphs
 * @param maxDuplicateParagraphCharacters of all characters
 * @param maxDuplicateLines of all lines
 * @param maxDuplicateLineCharacters of all characters
 * @param maxTopNGramCharacters for n = 2, 3, 4
 * @param maxDuplicateNGramCharacters for n = 5 to 10
 * @source Rae et al., Gopher, 2021, arXiv:2112.11446, Table A1
 */
public record GopherRepetition(
    GopherCompat compat,
    double maxDuplicateParagraphs,
    double maxDuplicateParagraphCharacters,
    double maxDuplicateLines,
    double maxDuplicateLineCharacters,
    List<Double> maxTopNGramCharacters,
    List<Double> maxDuplicateNGramCharacters)
    implements RuleSet {

  public GopherRepetition {
    Threshold.requireFraction("max-duplicate-paragraphs", maxDuplicateParagraphs);
    Threshold.requireFraction(
        "max-duplicate-paragraph-characters", maxDuplicateParagraphCharacters);
    Threshold.requireFraction("max-duplicate-lines", maxDuplicateLines);
    Threshold.requireFraction("max-duplicate-line-characters", maxDuplicateLineCharacters);
    maxTopNGramCharacters = List.copyOf(maxTopNGramCharacters);
    maxDuplicateNGramCharacters = List.copyOf(maxDuplicateNGramCharacters);
    requireOnePer("max-top-n-gram-characters", Repetition.TOP_N, maxTopNGramCharacters);
    requireOnePer(
        "max-duplicate-n-gram-characters", Repetition.DUPLICATE_N, maxDuplicateNGramCharacters);
  }

  @Override
  public String name() {
    return "gopher-repetition";
  }

  @Override
  public Verdict apply(String text) {
    if (text.isBlank()) {
      return new Kept(text);
    }
    Repetition found = measure(text);
    double[] values = {
      found.duplicateParagraphs(),
      found.duplicateParagraphCharacters(),
      found.duplicateLines(),
      found.duplicateLineCharacters()
    };
    double[] limits = {
      maxDuplicateParagraphs,
      maxDuplicateParagraphCharacters,
      maxDuplicateLines,
      maxDuplicateLineCharacters
    };
    List<String> names =
        List.of(
            "duplicate-paragraphs",
            "duplicate-paragraph-characters",
            "duplicate-lines",
            "duplicate-line-characters");
    for (int i = 0; i < values.length; i++) {
      if (values[i] > limits[i]) {
        return rejection(names.get(i), values[i], limits[i]);
      }
    }
    for (int i = 0; i < Repetition.TOP_N.size(); i++) {
      double value = found.topNGramCharacters().get(i);
      if (value > maxTopNGramCharacters.get(i)) {
        String name = "top-%d-gram-characters".formatted(Repetition.TOP_N.get(i));
        return rejection(name, value, maxTopNGramCharacters.get(i));
      }
    }
    for (int i = 0; i < Repetition.DUPLICATE_N.size(); i++) {
      double value = found.duplicateNGramCharacters().get(i);
      if (value > maxDuplicateNGramCharacters.get(i)) {
        String name = "duplicate-%d-gram-characters".formatted(Repetition.DUPLICATE_N.get(i));
        return rejection(name, value, maxDuplicateNGramCharacters.get(i));
      }
    }
    return new Kept(text);
  }

  /** The fractions that {@link #apply(String)} compares. */
  Repetition measure(String text) {
    return switch (compat) {
      case DATATROVE -> Repetition.asDatatrove(text);
      case DCLM -> Repetition.asDclm(text);
    };
  }

  private static Rejection rejection(String what, double value, double limit) {
    return Rejection.measured("gopher-" + what, what.replace('-', ' '), value, ">", limit);
  }

  private static void requireOnePer(String name, List<Integer> sizes, List<Double> limits) {
    if (limits.size() != sizes.size()) {
      throw new IllegalArgumentException(
          "%s must have one value for each n of %s, got %s".formatted(name, sizes, limits));
    }
    limits.forEach(limit -> Threshold.requireFraction(name, limit));
  }
}
