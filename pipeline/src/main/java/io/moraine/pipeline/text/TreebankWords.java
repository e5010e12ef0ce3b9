package io.moraine.pipeline.text;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * English words as the Penn Treebank has them: punctuation and clitics ({@code 's}, {@code n't})
 * are words of their own. The rule sets of other toolkits count these.
 *
 * @source the Treebank's tokenizer rules (MacIntyre, 1995) with the additions of NLTK's {@code
 *     word_tokenize} for Unicode quotes, ellipses and {@code *}
 */
public final class TreebankWords {

  private record Rule(Pattern pattern, String replacement) {
    String apply(String text) {
      return pattern.matcher(text).replaceAll(replacement);
    }
  }

  private static final List<Rule> BEFORE_PADDING =
      List.of(
          rule("([«“‘„]|[`]+)", " $1 "),
          rule("^\"", "``"),
          rule("(``)", " $1 "),
          rule("([ (\\[{<])(\"|'{2})", "$1 `` "),
          rule("(?i)(')(?!re|ve|ll|m|t|s|d|n)(\\w)\\b", "$1 $2"),
          rule("([^.])(\\.)([\\])}>\"'»”’ ]*)\\s*$", "$1 $2 $3 "),
          rule("([:,])([^\\d])", " $1 $2"),
          rule("([:,])$", " $1 "),
          rule("\\.{2,}", " $0 "),
          rule("[;@#$%&]", " $0 "),
          rule("([^.])(\\.)([\\])}>\"']*)\\s*$", "$1 $2$3 "),
          rule("[?!]", " $0 "),
          rule("([^'])' ", "$1 ' "),
          rule("[*]", " $0 "),
          rule("[\\]\\[(){}<>]", " $0 "),
          rule("--", " -- "));
  private static final List<Rule> AFTER_PADDING =
      List.of(
          rule("([»”’])", " $1 "),
          rule("''", " '' "),
          rule("\"", " '' "),
          rule("\\s+", " "),
          rule("([^' ])('[sS]|'[mM]|'[dD]|') ", "$1 $2 "),
          rule("([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "$1 $2 "),
          rule("(?i)\\b(can)(not)\\b", " $1 $2 "),
          rule("(?i)\\b(d)('ye)\\b", " $1 $2 "),
          rule("(?i)\\b(gim|lem)(me)\\b", " $1 $2 "),
          rule("(?i)\\b(gon)(na)\\b", " $1 $2 "),
          rule("(?i)\\b(got)(ta)\\b", " $1 $2 "),
          rule("(?i)\\b(more)('n)\\b", " $1 $2 "),
          rule("(?i)\\b(wan)(na)(?=\\s)", " $1 $2 "),
          rule("(?i) ('t)(is|was)\\b", " $1 $2 "));
  private static final Pattern SPACE = pattern("\\s+");

  private TreebankWords() {}

  /** The words of all sentences in order. */
  public static List<String> of(String text) {
    List<String> words = new ArrayList<>();
    for (String sentence : Sentences.of(text)) {
      String spaced = sentence;
      for (Rule rule : BEFORE_PADDING) {
        spaced = rule.apply(spaced);
      }
      spaced = " " + spaced + " ";
      for (Rule rule : AFTER_PADDING) {
        spaced = rule.apply(spaced);
      }
      SPACE.splitAsStream(spaced).filter(word -> !word.isEmpty()).forEach(words::add);
    }
    return words;
  }

  private static Rule rule(String regex, String replacement) {
    return new Rule(pattern(regex), replacement);
  }

  private static Pattern pattern(String regex) {
    return Pattern.compile(regex, Pattern.UNICODE_CHARACTER_CLASS);
  }
}
