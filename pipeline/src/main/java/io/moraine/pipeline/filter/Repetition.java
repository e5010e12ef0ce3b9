package io.moraine.pipeline.filter;

import io.moraine.pipeline.text.TreebankWords;
import io.moraine.pipeline.text.Words;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * How much of a text is repetition; every value is a fraction of the text.
 *
 * @param duplicateParagraphs paragraphs that repeat an earlier one, of all
 * @param duplicateParagraphCharacters their characters, of all
 * @param duplicateLines lines that repeat an earlier one, of all
 * @param duplicateLineCharacters their characters, of all
 * @param topNGramCharacters characters in the most frequent 2-, 3- and 4-gram
 * @param duplicateNGramCharacters characters in repeated 5- to 10-grams
 * @source Rae et al., Gopher, 2021, arXiv:2112.11446, Table A1
 */
public record Repetition(
    double duplicateParagraphs,
    double duplicateParagraphCharacters,
    double duplicateLines,
    double duplicateLineCharacters,
    List<Double> topNGramCharacters,
    List<Double> duplicateNGramCharacters) {

  /** Sizes of the n-grams of {@link #topNGramCharacters()}. */
  public static final List<Integer> TOP_N = List.of(2, 3, 4);

  /** Sizes of the n-grams of {@link #duplicateNGramCharacters()}. */
  public static final List<Integer> DUPLICATE_N = List.of(5, 6, 7, 8, 9, 10);

  private static final Pattern PARAGRAPH_END = Pattern.compile("\n{2,}");
  private static final Pattern LINE_END = Pattern.compile("\n+");

  /** The fractions of a text that is not blank, as datatrove measures them. */
  static Repetition asDatatrove(String text) {
    double all = length(text);
    List<String> paragraphs = Arrays.asList(PARAGRAPH_END.split(text.strip()));
    List<String> lines = Arrays.asList(LINE_END.split(text, -1));
    long[] paragraph = repeated(paragraphs);
    long[] line = repeated(lines);
    List<String> words = TreebankWords.of(text);
    return new Repetition(
        (double) paragraph[0] / paragraphs.size(),
        paragraph[1] / all,
        (double) line[0] / lines.size(),
        line[1] / all,
        TOP_N.stream().map(n -> topCharacters(words, n) / all).toList(),
        DUPLICATE_N.stream().map(n -> laterCharacters(words, n) / all).toList());
  }

  /** The fractions as DCLM measures them: a duplicate's first occurrence counts too. */
  static Repetition asDclm(String text) {
    List<String> words = new ArrayList<>();
    Words.forEach(text, words::add);
    double all = Math.max(1, words.stream().mapToInt(Repetition::length).sum());
    double[] paragraph = duplicated(PARAGRAPH_END.split(text.strip()));
    double[] line = duplicated(LINE_END.split(text.strip()));
    return new Repetition(
        paragraph[0],
        paragraph[1],
        line[0],
        line[1],
        TOP_N.stream().map(n -> longestTopCharacters(words, n) / all).toList(),
        DUPLICATE_N.stream().map(n -> coveredCharacters(words, n) / all).toList());
  }

  /** Number and characters of the elements that repeat an earlier one. */
  private static long[] repeated(List<String> elements) {
    Set<String> seen = new HashSet<>();
    long[] counts = new long[2];
    for (String element : elements) {
      if (!seen.add(element)) {
        counts[0]++;
        counts[1] += length(element);
      }
    }
    return counts;
  }

  /** Fractions of elements, and of their characters, that stand more than once. */
  private static double[] duplicated(String[] elements) {
    Map<String, Integer> counts = new HashMap<>();
    long characters = 0;
    for (String element : elements) {
      counts.merge(element, 1, Integer::sum);
      characters += length(element);
    }
    long duplicates = 0;
    long duplicateCharacters = 0;
    for (String element : elements) {
      if (counts.get(element) > 1) {
        duplicates++;
        duplicateCharacters += length(element);
      }
    }
    return new double[] {
      elements.length == 0 ? 0 : (double) duplicates / elements.length,
      characters == 0 ? 0 : (double) duplicateCharacters / characters
    };
  }

  /** Characters of the most frequent n-gram, spaces included; of equals the first counts. */
  private static long topCharacters(List<String> words, int n) {
    Map<List<String>, Integer> counts = new HashMap<>();
    int most = 0;
    for (int i = 0; i + n <= words.size(); i++) {
      most = Math.max(most, counts.merge(words.subList(i, i + n), 1, Integer::sum));
    }
    for (int i = 0; i + n <= words.size(); i++) {
      List<String> nGram = words.subList(i, i + n);
      if (counts.get(nGram) == most) {
        return (long) most * (length(nGram) + n - 1);
      }
    }
    return 0;
  }

  /** Characters of n-grams that stood before; a repeated one is stepped over as a whole. */
  private static long laterCharacters(List<String> words, int n) {
    Set<String> seen = new HashSet<>();
    long characters = 0;
    int i = 0;
    while (i + n <= words.size()) {
      String nGram = String.join("", words.subList(i, i + n));
      if (seen.add(nGram)) {
        i++;
      } else {
        characters += length(nGram);
        i += n;
      }
    }
    return characters;
  }

  private static long longestTopCharacters(List<String> words, int n) {
    Map<List<String>, Integer> counts = new HashMap<>();
    int most = 0;
    for (int i = 0; i + n <= words.size(); i++) {
      most = Math.max(most, counts.merge(words.subList(i, i + n), 1, Integer::sum));
    }
    int longest = 0;
    for (Map.Entry<List<String>, Integer> entry : counts.entrySet()) {
      if (entry.getValue() == most) {
        longest = Math.max(longest, length(entry.getKey()));
      }
    }
    return most < 2 ? 0 : (long) most * longest;
  }

  private static long coveredCharacters(List<String> words, int n) {
    Map<List<String>, Integer> counts = new HashMap<>();
    for (int i = 0; i + n <= words.size(); i++) {
      counts.merge(words.subList(i, i + n), 1, Integer::sum);
    }
    long characters = 0;
    int counted = 0;
    for (int i = 0; i + n <= words.size(); i++) {
      if (counts.get(words.subList(i, i + n)) > 1) {
        characters += length(words.subList(Math.max(counted, i), i + n));
        counted = i + n;
      }
    }
    return characters;
  }

  private static int length(List<String> words) {
    return words.stream().mapToInt(Repetition::length).sum();
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }
}
