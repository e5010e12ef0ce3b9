package io.moraine.pipeline.filter;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Rules for source code: data in the clothes of code is rejected.
 *
 * @param maxLineLength longest line, characters
 * @param maxMeanLineLength largest mean of line lengths, characters
 * @param minAlphanumeric smallest share of letters and digits
 * @param maxEncodedData largest share of characters in base64, hexadecimal and escaped runs
 * @param rejectGenerated whether code that is marked as generated is rejected
 * @source Chen et al., Codex, 2021, arXiv:2107.03374, section 3.1 (line lengths); Kocetkov et al.,
 *     The Stack, 2022, arXiv:2211.15533; Lozhkov et al., StarCoder2, 2024, arXiv:2402.19173,
 *     section 3.1 (encoded data)
 */
public record CodeRules(
    int maxLineLength,
    double maxMeanLineLength,
    double minAlphanumeric,
    double maxEncodedData,
    boolean rejectGenerated)
    implements RuleSet {

  /** Repetitions are bounded because the matcher recurses; longer runs are several matches. */
  private static final Pattern ENCODED =
      Pattern.compile(
          "[a-zA-Z0-9+/\\n=]{64,}"
              + "|(?:(?:\\b0x|\\\\x|\\b)[0-9a-fA-F]{2}\\b[,\\s]*){8,200}"
              + "|(?:\\\\u[0-9a-fA-F]{4}){8,200}");

  public CodeRules {
    Threshold.requireNotNegative("max-line-length", maxLineLength);
    Threshold.requireNotNegative("max-mean-line-length", maxMeanLineLength);
    Threshold.requireFraction("min-alphanumeric", minAlphanumeric);
    Threshold.requireFraction("max-encoded-data", maxEncodedData);
  }

  @Override
  public String name() {
    return "code";
  }

  @Override
  public Verdict apply(String text) {
    if (rejectGenerated && BasicRules.isMarkedGenerated(text)) {
      return new Rejection("code-generated", "code marked as generated in its first lines");
    }
    List<String> lines = text.lines().toList();
    int longest = lines.stream().mapToInt(String::length).max().orElse(0);
    if (longest > maxLineLength) {
      return Rejection.measured(
          "code-long-line", "characters of the longest line", longest, ">", maxLineLength);
    }
    double mean = lines.stream().mapToInt(String::length).average().orElse(0);
    if (mean > maxMeanLineLength) {
      return Rejection.measured(
          "code-long-lines", "mean characters of a line", mean, ">", maxMeanLineLength);
    }
    long alphanumeric = text.chars().filter(Character::isLetterOrDigit).count();
    double share = text.isEmpty() ? 1 : (double) alphanumeric / text.length();
    if (share < minAlphanumeric) {
      return Rejection.measured(
          "code-alphanumeric", "letters and digits", share, "<", minAlphanumeric);
    }
    double encoded = encodedShare(text);
    if (encoded > maxEncodedData) {
      return Rejection.measured(
          "code-encoded-data", "characters of encoded data", encoded, ">", maxEncodedData);
    }
    return new Kept(text);
  }

  private static double encodedShare(String text) {
    Matcher matcher = ENCODED.matcher(text);
    long encoded = 0;
    while (matcher.find()) {
      encoded += matcher.end() - matcher.start();
    }
    return text.isEmpty() ? 0 : (double) encoded / text.length();
  }
}
