package io.moraine.pipeline.pii;

import static io.moraine.pipeline.pii.Chars.at;

import java.util.List;
import java.util.Locale;

/**
 * Values that look random and are assigned to a name that ends in "password", "secret", "token" or
 * the like: {@code apiKey: "..."}, {@code DB_PASSWORD = '...'}, {@code token=...}.
 *
 * <p>Random is what mixes letters and digits with an entropy of characters of {@value #MIN_BITS}
 * bits or more, and is no placeholder and not words with points or hyphens between. Without quotes
 * it must be longer and more random, since it may as well be a name.
 */
final class AssignedSecret {

  private static final double MIN_BITS = 3.0;
  private static final double MIN_BITS_BARE = 3.5;
  private static final int MIN_LENGTH = 8;
  private static final int MIN_LENGTH_BARE = 16;
  private static final int MAX_LENGTH = 256;
  private static final int LONGEST_NAME = 64;
  private static final int MOST_SPACES = 4;

  private static final List<String> NAMES =
      List.of(
          "password",
          "passwd",
          "pwd",
          "passphrase",
          "secret",
          "token",
          "apikey",
          "accesskey",
          "secretkey",
          "privatekey",
          "authkey",
          "encryptionkey",
          "accountkey",
          "signingkey",
          "secretkeybase",
          "credentials");
  private static final List<String> PLACEHOLDERS =
      List.of("<", "${", "{{", "#{", "%(", "%s", "...", "xxxx", "your", "example", "changeme");

  private AssignedSecret() {}

  /** Where the value in quotes that begin here ends; -1 if it is no secret. */
  static int quotedEnd(String text, int quote) {
    int operator = operatorBefore(text, quote);
    if (operator < 0 || !isSecretName(text, operator)) {
      return -1;
    }
    char close = text.charAt(quote);
    int end = quote + 1;
    while (end - quote <= MAX_LENGTH && isPrintable(at(text, end)) && at(text, end) != close) {
      end++;
    }
    boolean isClosed = at(text, end) == close;
    return isClosed && isRandom(text.substring(quote + 1, end), MIN_LENGTH, 1, MIN_BITS) ? end : -1;
  }

  /** Where the value without quotes behind an operator begins; -1 if the name is of no secret. */
  static int bareStart(String text, int operator) {
    int start = operator + 1;
    while (start - operator <= MOST_SPACES && at(text, start) == ' ') {
      start++;
    }
    boolean isPlain = text.charAt(operator) == '=' || start > operator + 1;
    boolean isValue = isPlain && isBare(at(text, start));
    return isValue && isSecretName(text, operator) ? start : -1;
  }

  /** Where the value without quotes that begins here ends; -1 if it is no secret. */
  static int bareEnd(String text, int start) {
    int end = start;
    while (end - start <= MAX_LENGTH && isBare(at(text, end))) {
      end++;
    }
    char after = at(text, end);
    boolean isWhole =
        after == 0 || Character.isWhitespace(after) || "&;,\"'`)]}".indexOf(after) >= 0;
    return isWhole && isRandom(text.substring(start, end), MIN_LENGTH_BARE, 3, MIN_BITS_BARE)
        ? end
        : -1;
  }

  /** The last character of an assignment before a quote; -1 if there is none. */
  private static int operatorBefore(String text, int quote) {
    int i = skipSpacesBack(text, quote) - 1;
    char c = at(text, i);
    return c == '=' || c == ':' ? i : c == '>' && at(text, i - 1) == '=' ? i - 1 : -1;
  }

  private static boolean isSecretName(String text, int operator) {
    int end = at(text, operator - 1) == ':' ? operator - 1 : operator;
    end = skipSpacesBack(text, end);
    while (end > 0
        && operator - end < 2 * MOST_SPACES
        && "\"'`]?".indexOf(text.charAt(end - 1)) >= 0) {
      end--;
    }
    StringBuilder reversed = new StringBuilder();
    for (int i = end - 1; i >= Math.max(0, end - LONGEST_NAME); i--) {
      char c = text.charAt(i);
      if (Chars.isAsciiAlphanumeric(c)) {
        reversed.append(c);
      } else if (c != '_' && c != '-' && c != '.') {
        break;
      }
    }
    String name = reversed.reverse().toString().toLowerCase(Locale.ROOT);
    return NAMES.stream().anyMatch(name::endsWith);
  }

  private static int skipSpacesBack(String text, int end) {
    int i = end;
    while (end - i < MOST_SPACES && at(text, i - 1) == ' ') {
      i--;
    }
    return i;
  }

  private static boolean isRandom(String value, int minLength, int minDigits, double minBits) {
    if (value.length() < minLength || isPlaceholder(value) || isWords(value)) {
      return false;
    }
    long digits = value.chars().filter(c -> Chars.isDigit((char) c)).count();
    boolean hasLetter = value.chars().anyMatch(c -> Chars.isAsciiLetter((char) c));
    return hasLetter && digits >= minDigits && bitsPerCharacter(value) >= minBits;
  }

  private static boolean isPlaceholder(String value) {
    String lower = value.toLowerCase(Locale.ROOT);
    return value.startsWith("$") || PLACEHOLDERS.stream().anyMatch(lower::contains);
  }

  /** Whether the value is words with points, hyphens or slashes between, a digit behind at most. */
  private static boolean isWords(String value) {
    boolean hasMark = false;
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      boolean isMark = "._-/: ".indexOf(c) >= 0;
      boolean endsWord = i + 1 == value.length() || "._-/: ".indexOf(value.charAt(i + 1)) >= 0;
      if (!isMark && !Chars.isAsciiLetter(c) && !(Chars.isDigit(c) && endsWord)) {
        return false;
      }
      hasMark |= isMark;
    }
    return hasMark;
  }

  /** Shannon entropy of the value's characters. */
  private static double bitsPerCharacter(String value) {
    int[] counts = new int[128];
    for (int i = 0; i < value.length(); i++) {
      counts[value.charAt(i) & 127]++;
    }
    double bits = 0;
    for (int count : counts) {
      double share = (double) count / value.length();
      bits -= count == 0 ? 0 : share * StrictMath.log(share) / StrictMath.log(2);
    }
    return bits;
  }

  private static boolean isPrintable(char c) {
    return c > ' ' && c < 127;
  }

  private static boolean isBare(char c) {
    return Chars.isAsciiAlphanumeric(c) || c != 0 && "+/=_-~".indexOf(c) >= 0;
  }
}
