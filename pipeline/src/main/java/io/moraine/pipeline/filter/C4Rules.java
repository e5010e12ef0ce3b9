package io.moraine.pipeline.filter;

import io.moraine.pipeline.text.Sentences;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * C4's rules for web pages in English: lines that are no sentences are cut, pages without enough of
 * them rejected.
 *
 * @param singleQuoteEnds whether a line may end in {@code '} too, as readers of the paper have it
 * @param minWordsPerLine shorter lines are cut
 * @param minSentences fewest sentences of what is left
 * @param maxWordLength lines with a longer word are cut; code points
 * @param minParagraphs fewest lines of {@code minParagraphLength}; 0 asks for none
 * @param minParagraphLength characters of a line that counts as a paragraph (mC4)
 * @param badWords a page with one of these, as a whole word, is rejected
 * @source Raffel et al., T5, 2020, arXiv:1910.10683, section 2.2; Xue et al., mT5, 2021,
 *     arXiv:2010.11934, section 3.1
 */
public record C4Rules(
    boolean singleQuoteEnds,
    int minWordsPerLine,
    int minSentences,
    int maxWordLength,
    int minParagraphs,
    int minParagraphLength,
    List<String> badWords)
    implements RuleSet {

  private static final Pattern CITATION = Pattern.compile("\\[\\d*]|\\[edit]|\\[citation needed]");
  private static final List<String> POLICIES =
      List.of(
          "terms of use",
          "privacy policy",
          "cookie policy",
          "uses cookies",
          "use of cookies",
          "use cookies");

  public C4Rules {
    Threshold.requireNotNegative("min-words-per-line", minWordsPerLine);
    Threshold.requireNotNegative("min-sentences", minSentences);
    Threshold.requireNotNegative("max-word-length", maxWordLength);
    Threshold.requireNotNegative("min-paragraphs", minParagraphs);
    Threshold.requireNotNegative("min-paragraph-length", minParagraphLength);
    badWords = badWords.stream().map(word -> word.toLowerCase(Locale.ROOT)).toList();
  }

  @Override
  public String name() {
    return "c4";
  }

  @Override
  public Verdict apply(String text) {
    List<String> kept = new ArrayList<>();
    int sentences = 0;
    for (String raw : text.lines().toList()) {
      String line = CITATION.matcher(raw.strip()).replaceAll("");
      if (!isSentence(raw.strip(), line)) {
        continue;
      }
      String lower = line.toLowerCase(Locale.ROOT);
      if (lower.contains("lorem ipsum")) {
        return new Rejection("c4-lorem-ipsum", "a line says lorem ipsum");
      }
      if (lower.contains("javascript")) {
        continue;
      }
      if (line.contains("{")) {
        return new Rejection("c4-curly-bracket", "a line has {");
      }
      if (POLICIES.stream().anyMatch(lower::contains)) {
        continue;
      }
      sentences += Sentences.of(line).size();
      kept.add(line);
    }
    if (sentences < minSentences) {
      return Rejection.measured("c4-too-few-sentences", "sentences", sentences, "<", minSentences);
    }
    Rejection page = rejectPage(text);
    return page != null ? page : new Kept(String.join("\n", kept).strip());
  }

  /** Whether a line ends like a sentence and has enough words of bearable length. */
  private boolean isSentence(String raw, String line) {
    String[] words = raw.split("\\s+");
    boolean ends =
        line.endsWith(".")
            || line.endsWith("?")
            || line.endsWith("!")
            || line.endsWith("\"")
            || singleQuoteEnds && line.endsWith("'");
    return ends
        && !line.endsWith("...")
        && !raw.isEmpty()
        && words.length >= minWordsPerLine
        && Arrays.stream(words)
            .allMatch(word -> word.codePointCount(0, word.length()) <= maxWordLength);
  }

  /** What the whole page breaks; null if nothing. */
  private Rejection rejectPage(String text) {
    List<Integer> lengths =
        Arrays.stream(text.split("\n", -1))
            .map(line -> line.codePointCount(0, line.length()))
            .sorted(Comparator.reverseOrder())
            .toList();
    if (lengths.size() < minParagraphs) {
      return Rejection.measured(
          "c4-too-few-paragraphs", "paragraphs", lengths.size(), "<", minParagraphs);
    }
    if (minParagraphs > 0 && lengths.get(minParagraphs - 1) < minParagraphLength) {
      return Rejection.measured(
          "c4-too-short-paragraphs",
          "characters of paragraph " + minParagraphs + " by length",
          lengths.get(minParagraphs - 1),
          "<",
          minParagraphLength);
    }
    String lower = badWords.isEmpty() ? "" : text.toLowerCase(Locale.ROOT);
    for (String word : badWords) {
      if (containsWord(lower, word)) {
        return new Rejection("c4-bad-word", "contains \"%s\"".formatted(word));
      }
    }
    return null;
  }

  private static boolean containsWord(String text, String word) {
    for (int at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      int end = at + word.length();
      boolean begins = at == 0 || !Character.isLetterOrDigit(text.charAt(at - 1));
      if (begins && (end == text.length() || !Character.isLetterOrDigit(text.charAt(end)))) {
        return true;
      }
    }
    return false;
  }
}
