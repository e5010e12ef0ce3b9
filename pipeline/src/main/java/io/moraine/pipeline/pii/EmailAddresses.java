package io.moraine.pipeline.pii;

import static io.moraine.pipeline.pii.Chars.at;

import io.moraine.pipeline.pii.PiiKind.SpanAction;

/**
 * E-mail addresses: dot-separated words of letters, digits and {@code _ % + -}, an at sign, a
 * domain of two labels or more that ends in letters, or four numbers, or such in brackets. Letters
 * are those of the Latin script; other scripts write without spaces around an address.
 *
 * <p>Not addresses: {@code react@18.2.0} (package and version), {@code logo@2x.png} (file for a
 * screen), {@code git@host} (everybody's user). Quoted local parts are left alone, as by datatrove.
 */
final class EmailAddresses {

  /** Longest local part and domain. @source RFC 5321, section 4.5.3.1 */
  private static final int MAX_LOCAL = 64;

  private static final int MAX_DOMAIN = 253;

  private EmailAddresses() {}

  static void find(String text, SpanAction found) {
    int done = 0;
    for (int sign = text.indexOf('@'); sign >= 0; sign = text.indexOf('@', sign + 1)) {
      int start = localStart(text, done, sign);
      boolean isPerson = start < sign && !(sign - start == 3 && text.startsWith("git", start));
      int end = isPerson ? domainEnd(text, sign + 1) : -1;
      if (end > 0) {
        found.accept(start, end);
        done = end;
        sign = end - 1;
      }
    }
  }

  /** Where the local part before an at sign begins; at the sign itself if there is none. */
  private static int localStart(String text, int floor, int sign) {
    int start = sign;
    while (start > floor && isLocal(text, start - 1)) {
      char c = text.charAt(start - 1);
      if (c == '.' && (start == sign || text.charAt(start) == '.')) {
        break;
      }
      start--;
    }
    if (sign - start > MAX_LOCAL) {
      return sign;
    }
    while (start < sign && ".+%-'".indexOf(text.charAt(start)) >= 0) {
      start++;
    }
    boolean isEscape = at(text, start - 1) == '\\' && "nrt".indexOf(at(text, start)) >= 0;
    return isEscape ? start + 1 : start;
  }

  private static boolean isLocal(String text, int i) {
    char c = text.charAt(i);
    return isAddressLetter(c)
        || Chars.isDigit(c)
        || "._%+-".indexOf(c) >= 0
        || c == '\'' && isAddressLetter(at(text, i - 1)) && isAddressLetter(at(text, i + 1));
  }

  private static boolean isAddressLetter(char c) {
    return Chars.isAsciiLetter(c)
        || c >= 0xaa
            && Character.isLetter(c)
            && Character.UnicodeScript.of(c) == Character.UnicodeScript.LATIN;
  }

  /** Where a domain ends; -1 if there is none. */
  private static int domainEnd(String text, int from) {
    if (at(text, from) == '[') {
      int end = fourNumbers(text, from + 1);
      return end > 0 && at(text, end) == ']' ? end + 1 : -1;
    }
    int end = -1;
    int labels = 0;
    for (int start = from; start - from <= MAX_DOMAIN; ) {
      int labelEnd = labelEnd(text, start);
      if (labelEnd == start) {
        break;
      }
      labels++;
      if (labels > 1 && isTopLevel(text, start, labelEnd)) {
        end = labelEnd;
      }
      if (at(text, labelEnd) != '.') {
        break;
      }
      start = labelEnd + 1;
    }
    return end < 0 ? fourNumbers(text, from) : isScreenFile(text, from, labels) ? -1 : end;
  }

  /** End of a label: letters, digits and hyphens, the latter not at its ends. */
  private static int labelEnd(String text, int start) {
    int end = start;
    for (int i = start; isAddressLetter(at(text, i)) || isDigitOrHyphen(at(text, i)); i++) {
      if (at(text, i) != '-') {
        end = i + 1;
      } else if (i == start) {
        return start;
      }
      if (i - start > MAX_DOMAIN) {
        return start;
      }
    }
    return end;
  }

  private static boolean isDigitOrHyphen(char c) {
    return Chars.isDigit(c) || c == '-';
  }

  private static boolean isTopLevel(String text, int start, int end) {
    if (text.startsWith("xn--", start)) {
      return true;
    }
    for (int i = start; i < end; i++) {
      if (!isAddressLetter(text.charAt(i))) {
        return false;
      }
    }
    return end - start >= 2;
  }

  private static boolean isScreenFile(String text, int from, int labels) {
    return labels == 2
        && Chars.isDigit(at(text, from))
        && at(text, from + 1) == 'x'
        && at(text, from + 2) == '.';
  }

  /** End of four numbers with dots between, whatever their values; -1 if there are others. */
  private static int fourNumbers(String text, int from) {
    int end = from;
    for (int i = 0; i < 4; i++) {
      int start = i == 0 ? end : end + 1;
      if (i > 0 && at(text, end) != '.') {
        return -1;
      }
      end = Chars.skipDigits(text, start);
      if (end == start || end - start > 5) {
        return -1;
      }
    }
    boolean goesOn = at(text, end) == '.' && Chars.isDigit(at(text, end + 1));
    return goesOn || Chars.isWord(at(text, end)) ? -1 : end;
  }
}
