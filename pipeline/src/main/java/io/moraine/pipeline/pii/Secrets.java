package io.moraine.pipeline.pii;

import static io.moraine.pipeline.pii.Chars.at;

import io.moraine.pipeline.pii.PiiKind.SpanAction;

/**
 * Secrets in code and its settings: keys of {@link KeyFormat known formats}, private keys in PEM
 * blocks, JSON web tokens, and {@link AssignedSecret random-looking values} of names like
 * "password".
 */
final class Secrets {

  private static final String BEGIN = "-----BEGIN ";
  private static final String END = "-----END ";
  private static final String DASHES = "-----";
  private static final int LONGEST_LABEL = 40;
  private static final int SHORTEST_LINE = 40;

  /** A private key of 16,384 bits takes 13,000 characters. */
  private static final int LONGEST_BLOCK = 32_768;

  private static final KeyFormat[][] BY_FIRST_LETTER = byFirstLetter();

  private final String text;
  private int nextEnd = -1;

  private Secrets(String text) {
    this.text = text;
  }

  static void find(String text, SpanAction found) {
    Secrets secrets = new Secrets(text);
    for (int i = 0; i < text.length(); ) {
      int start = i;
      int end;
      switch (text.charAt(i)) {
        case '-' -> end = secrets.blockEnd(i);
        case '"', '\'', '`' -> {
          start = i + 1;
          end = AssignedSecret.quotedEnd(text, i);
        }
        case '=', ':' -> {
          start = AssignedSecret.bareStart(text, i);
          end = start < 0 ? -1 : AssignedSecret.bareEnd(text, start);
        }
        default -> end = keyEnd(text, i);
      }
      if (end > 0) {
        found.accept(start, end);
      }
      i = end > 0 ? end : i + 1;
    }
  }

  private static int keyEnd(String text, int start) {
    char first = text.charAt(start);
    if (first >= BY_FIRST_LETTER.length) {
      return -1;
    }
    for (KeyFormat format : BY_FIRST_LETTER[first]) {
      int end = format.end(text, start);
      if (end > 0) {
        return end;
      }
    }
    return first == 'e' ? webTokenEnd(text, start) : -1;
  }

  /** Header, payload and signature in base64url; the first two begin as JSON objects do. */
  private static int webTokenEnd(String text, int start) {
    if (!text.startsWith("eyJ", start) || isBase64Url(at(text, start - 1))) {
      return -1;
    }
    int header = base64UrlEnd(text, start);
    if (at(text, header) != '.' || !text.startsWith("eyJ", header + 1)) {
      return -1;
    }
    int payload = base64UrlEnd(text, header + 1);
    int signature = at(text, payload) == '.' ? base64UrlEnd(text, payload + 1) : payload;
    return header - start >= 10 && payload - header > 10 && signature - payload > 10
        ? signature
        : -1;
  }

  private static int base64UrlEnd(String text, int start) {
    int end = start;
    while (isBase64Url(at(text, end))) {
      end++;
    }
    return end;
  }

  private static boolean isBase64Url(char c) {
    return Chars.isAsciiAlphanumeric(c) || c == '_' || c == '-';
  }

  /** End of a PEM block with a private key. */
  private int blockEnd(int start) {
    if (!text.startsWith(BEGIN, start)) {
      return -1;
    }
    int from = start + BEGIN.length();
    int labelEnd = from;
    while (labelEnd - from < LONGEST_LABEL && isLabel(at(text, labelEnd))) {
      labelEnd++;
    }
    String label = text.substring(from, labelEnd);
    boolean isKey = label.endsWith("PRIVATE KEY") || label.endsWith("PRIVATE KEY BLOCK");
    if (!isKey || !text.startsWith(DASHES, labelEnd)) {
      return -1;
    }
    int close = nextEnd(labelEnd);
    String closing = END + label + DASHES;
    return close != Integer.MAX_VALUE
            && close - start <= LONGEST_BLOCK
            && text.startsWith(closing, close)
            && holdsKey(labelEnd + DASHES.length(), close)
        ? close + closing.length()
        : -1;
  }

  /** Whether a run of base64 stands before the next dashes; code that parses keys has none. */
  private boolean holdsKey(int from, int to) {
    int run = 0;
    for (int i = from; i < to && run < SHORTEST_LINE; i++) {
      char c = text.charAt(i);
      if (c == '-' && text.startsWith(DASHES, i)) {
        return false;
      }
      run = Chars.isAsciiAlphanumeric(c) || c == '+' || c == '/' ? run + 1 : 0;
    }
    return run == SHORTEST_LINE;
  }

  /** The next line that ends a block; searched for once, whatever number of blocks begins. */
  private int nextEnd(int from) {
    if (nextEnd < from) {
      int found = text.indexOf(END, from);
      nextEnd = found < 0 ? Integer.MAX_VALUE : found;
    }
    return nextEnd;
  }

  private static boolean isLabel(char c) {
    return c >= 'A' && c <= 'Z' || c == ' ' || Chars.isDigit(c);
  }

  private static KeyFormat[][] byFirstLetter() {
    KeyFormat[][] table = new KeyFormat[128][];
    for (char c = 0; c < table.length; c++) {
      char first = c;
      table[c] =
          KeyFormat.ALL.stream()
              .filter(format -> format.prefix().charAt(0) == first)
              .toArray(KeyFormat[]::new);
    }
    return table;
  }
}
