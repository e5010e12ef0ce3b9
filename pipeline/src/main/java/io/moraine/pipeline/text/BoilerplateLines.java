package io.moraine.pipeline.text;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Cuts lines that are furniture of a web page and nothing else: wholly matched by one of a list of
 * regular expressions, case and surrounding white space aside.
 */
public final class BoilerplateLines {

  /** Longer lines are text; the bound keeps the cost of any expression bounded, too. */
  static final int MAX_LENGTH = 200;

  private final List<Matcher> patterns;

  /**
   * Not safe for several threads.
   *
   * @param patterns Java regular expressions
   * @throws IllegalArgumentException if one of them is none
   */
  public BoilerplateLines(List<String> patterns) {
    this.patterns = patterns.stream().map(BoilerplateLines::compiled).toList();
  }

  /**
   * Checks expressions without using them.
   *
   * @throws IllegalArgumentException if one of them is none
   */
  public static void check(List<String> patterns) {
    patterns.forEach(BoilerplateLines::compiled);
  }

  /**
   * A text without its boilerplate.
   *
   * @param text the text itself if {@code lines} is 0
   * @param lines how many were cut
   */
  public record Outcome(String text, int lines) {}

  /** Cuts the lines. */
  public Outcome cut(String text) {
    StringBuilder out = new StringBuilder(text.length());
    int lines = 0;
    for (int from = 0; from <= text.length(); ) {
      int newline = text.indexOf('\n', from);
      int end = newline < 0 ? text.length() : newline + 1;
      if (isBoilerplate(text, from, newline < 0 ? end : newline)) {
        lines++;
      } else {
        out.append(text, from, end);
      }
      from = newline < 0 ? text.length() + 1 : end;
    }
    return new Outcome(lines == 0 ? text : out.toString().strip(), lines);
  }

  private boolean isBoilerplate(String text, int from, int to) {
    int start = from;
    int end = to;
    while (start < end && Character.isWhitespace(text.charAt(start))) {
      start++;
    }
    while (end > start && Character.isWhitespace(text.charAt(end - 1))) {
      end--;
    }
    if (start == end || end - start > MAX_LENGTH) {
      return false;
    }
    for (Matcher pattern : patterns) {
      if (pattern.reset(text).region(start, end).matches()) {
        return true;
      }
    }
    return false;
  }

  private static Matcher compiled(String pattern) {
    try {
      return Pattern.compile(pattern, Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE).matcher("");
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "patterns must be regular expressions, got %s: %s at character %d"
              .formatted(pattern, e.getDescription(), e.getIndex()),
          e);
    }
  }
}
