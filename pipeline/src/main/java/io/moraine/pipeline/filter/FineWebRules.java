package io.moraine.pipeline.filter;

import io.moraine.pipeline.text.TreebankWords;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * FineWeb's rules for web pages, found by comparing pages of high and of low quality.
 *
 * @param minPunctuatedLines share of lines that end in {@code . ? ! " '}; not above it rejects
 * @param maxShortLines share of short lines; not below it rejects
 * @param shortLineLength most characters of a short line
 * @param maxDuplicateLineCharacters share of characters in lines that repeat an earlier one; not
 *     below it rejects
 * @param maxNewLinesPerWord line ends per word
 * @source Penedo et al., FineWeb, 2024, arXiv:2406.17557, section 3.5
 */
public record FineWebRules(
    double minPunctuatedLines,
    double maxShortLines,
    int shortLineLength,
    double maxDuplicateLineCharacters,
    double maxNewLinesPerWord)
    implements RuleSet {

  public FineWebRules {
    Threshold.requireFraction("min-punctuated-lines", minPunctuatedLines);
    Threshold.requireFraction("max-short-lines", maxShortLines);
    Threshold.requireNotNegative("short-line-length", shortLineLength);
    Threshold.requireFraction("max-duplicate-line-characters", maxDuplicateLineCharacters);
    Threshold.requireNotNegative("max-new-lines-per-word", maxNewLinesPerWord);
  }

  /**
   * What the rules compare.
   *
   * @param punctuatedLines share of lines that end in a mark
   * @param shortLines share of short lines
   * @param duplicateLineCharacters share of characters in repeated lines
   * @param newLinesPerWord line ends per word
   */
  record Measured(
      double punctuatedLines,
      double shortLines,
      double duplicateLineCharacters,
      double newLinesPerWord) {}

  @Override
  public String name() {
    return "fineweb";
  }

  @Override
  public Verdict apply(String text) {
    Measured found = measure(text);
    if (found.punctuatedLines <= minPunctuatedLines) {
      return Rejection.measured(
          "fineweb-punctuated-lines",
          "lines that end in punctuation",
          found.punctuatedLines,
          "<=",
          minPunctuatedLines);
    }
    if (found.shortLines >= maxShortLines) {
      return Rejection.measured(
          "fineweb-short-lines", "short lines", found.shortLines, ">=", maxShortLines);
    }
    if (found.duplicateLineCharacters >= maxDuplicateLineCharacters) {
      return Rejection.measured(
          "fineweb-duplicate-lines",
          "characters in repeated lines",
          found.duplicateLineCharacters,
          ">=",
          maxDuplicateLineCharacters);
    }
    if (found.newLinesPerWord > maxNewLinesPerWord) {
      return Rejection.measured(
          "fineweb-new-lines",
          "line ends per word",
          found.newLinesPerWord,
          ">",
          maxNewLinesPerWord);
    }
    return new Kept(text);
  }

  Measured measure(String text) {
    List<String> lines = Arrays.asList(text.split("\n", -1));
    Set<String> seen = new HashSet<>();
    int punctuated = 0;
    int shortLines = 0;
    long characters = 0;
    long repeated = 0;
    for (String line : lines) {
      int length = line.codePointCount(0, line.length());
      punctuated +=
          !line.isEmpty() && ".?!\"'".indexOf(line.charAt(line.length() - 1)) >= 0 ? 1 : 0;
      shortLines += length <= shortLineLength ? 1 : 0;
      characters += length;
      repeated += !line.isBlank() && !seen.add(line) ? length : 0;
    }
    int words = TreebankWords.of(text).size();
    return new Measured(
        (double) punctuated / lines.size(),
        (double) shortLines / lines.size(),
        (double) repeated / Math.max(1, characters),
        (double) (lines.size() - 1) / Math.max(1, words));
  }
}
