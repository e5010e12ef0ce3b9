package io.moraine.pipeline.filter;

import io.moraine.pipeline.text.TreebankWords;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Gopher's quality rules, for English prose.
 *
 * @param compat how words, bullets and stop words are counted
 * @param minWords fewest words, symbols not counted
 * @param maxWords most words, symbols not counted
 * @param minMeanWordLength smallest mean word length, code points
 * @param maxMeanWordLength largest mean word length, code points
 * @param maxSymbolsPerWord most {@code #} and, separately, ellipses per word
 * @param maxBulletLines largest share of lines that begin with a bullet
 * @param maxEllipsisLines largest share of lines that end with an ellipsis
 * @param minAlphabeticWords smallest share of words with a letter
 * @param minStopWords fewest of {@code the be to of and that have with}
 * @source Rae et al., Gopher, 2021, arXiv:2112.11446, section A.1.1
 */
public record GopherQuality(
    GopherCompat compat,
    int minWords,
    int maxWords,
    double minMeanWordLength,
    double maxMeanWordLength,
    double maxSymbolsPerWord,
    double maxBulletLines,
    double maxEllipsisLines,
    double minAlphabeticWords,
    int minStopWords)
    implements RuleSet {

  private static final Set<String> STOP_WORDS =
      Set.of("the", "be", "to", "of", "and", "that", "have", "with");

  public GopherQuality {
    Threshold.requireRange("words", minWords, maxWords);
    Threshold.requireRange("mean-word-length", minMeanWordLength, maxMeanWordLength);
    Threshold.requireNotNegative("max-symbols-per-word", maxSymbolsPerWord);
    Threshold.requireFraction("max-bullet-lines", maxBulletLines);
    Threshold.requireFraction("max-ellipsis-lines", maxEllipsisLines);
    Threshold.requireFraction("min-alphabetic-words", minAlphabeticWords);
    Threshold.requireNotNegative("min-stop-words", minStopWords);
  }

  @Override
  public String name() {
    return "gopher-quality";
  }

  @Override
  public Verdict apply(String text) {
    List<String> words =
        compat == GopherCompat.DATATROVE
            ? TreebankWords.of(text)
            : List.of(text.strip().split("\\s+"));
    List<String> plain = words.stream().filter(GopherQuality::isNoSymbol).toList();
    if (plain.size() < minWords) {
      return Rejection.measured("gopher-too-short", "words", plain.size(), "<", minWords);
    }
    if (plain.size() > maxWords) {
      return Rejection.measured("gopher-too-long", "words", plain.size(), ">", maxWords);
    }
    double mean = plain.stream().mapToInt(GopherQuality::length).average().orElse(0);
    if (mean < minMeanWordLength) {
      return Rejection.measured(
          "gopher-short-words", "mean word length", mean, "<", minMeanWordLength);
    }
    if (mean > maxMeanWordLength) {
      return Rejection.measured(
          "gopher-long-words", "mean word length", mean, ">", maxMeanWordLength);
    }
    double hashes = share(count(text, "#"), words.size());
    if (hashes > maxSymbolsPerWord) {
      return Rejection.measured("gopher-hashes", "# per word", hashes, ">", maxSymbolsPerWord);
    }
    double ellipses = share(count(text, "...") + count(text, "…"), words.size());
    if (ellipses > maxSymbolsPerWord) {
      return Rejection.measured(
          "gopher-ellipses", "ellipses per word", ellipses, ">", maxSymbolsPerWord);
    }
    return applyToLines(text, words);
  }

  private Verdict applyToLines(String text, List<String> words) {
    List<String> lines = text.lines().toList();
    double bullets = share(lines, this::isBullet);
    if (bullets > maxBulletLines) {
      return Rejection.measured(
          "gopher-bullet-lines", "lines with a bullet", bullets, ">", maxBulletLines);
    }
    double ends = share(lines, GopherQuality::endsInEllipsis);
    if (ends > maxEllipsisLines) {
      return Rejection.measured(
          "gopher-ellipsis-lines", "lines that end in an ellipsis", ends, ">", maxEllipsisLines);
    }
    double alphabetic = share(words, word -> word.codePoints().anyMatch(Character::isLetter));
    if (alphabetic < minAlphabeticWords) {
      return Rejection.measured(
          "gopher-alphabetic-words", "words with a letter", alphabetic, "<", minAlphabeticWords);
    }
    long stopWords = stopWords(words);
    if (stopWords < minStopWords) {
      return Rejection.measured("gopher-stop-words", "stop words", stopWords, "<", minStopWords);
    }
    return new Kept(text);
  }

  private long stopWords(List<String> words) {
    return compat == GopherCompat.DATATROVE
        ? words.stream().filter(STOP_WORDS::contains).distinct().count()
        : words.stream().filter(word -> STOP_WORDS.contains(word.toLowerCase(Locale.ROOT))).count();
  }

  private boolean isBullet(String line) {
    String start = line.stripLeading();
    boolean common = start.startsWith("•") || start.startsWith("-");
    return compat == GopherCompat.DATATROVE
        ? common
        : common || start.startsWith("●") || start.startsWith("*");
  }

  private static boolean endsInEllipsis(String line) {
    String end = line.stripTrailing();
    return end.endsWith("...") || end.endsWith("…");
  }

  private static boolean isNoSymbol(String word) {
    return word.codePoints().anyMatch(c -> Character.isLetterOrDigit(c) || c > 127);
  }

  private static int length(String word) {
    return word.codePointCount(0, word.length());
  }

  private static int count(String text, String part) {
    int count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  private static double share(List<String> of, Predicate<String> condition) {
    return share(of.stream().filter(condition).count(), of.size());
  }

  private static double share(long part, long all) {
    return all == 0 ? 0 : (double) part / all;
  }
}
