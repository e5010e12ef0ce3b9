package io.moraine.pipeline.tokenizer;

/** English contractions behind an apostrophe: 's, 't, 're, 've, 'm, 'll, 'd. */
final class Contractions {

  /** First byte of U+017F, a long s, which folds to s. */
  private static final byte LONG_S_FIRST = (byte) 0xc5;

  private static final byte LONG_S_SECOND = (byte) 0xbf;

  private Contractions() {}

  /**
   * Where the contraction of any case that begins with the apostrophe at {@code at} ends; {@code
   * at} if there is none.
   */
  static int end(byte[] text, int at, int to) {
    if (at + 1 >= to) {
      return at;
    }
    byte first = text[at + 1];
    if (first == LONG_S_FIRST && at + 2 < to && text[at + 2] == LONG_S_SECOND) {
      return at + 3;
    }
    return end(at, first | 0x20, at + 2 < to ? text[at + 2] | 0x20 : 0);
  }

  /** The same for lower case only. */
  static int endCaseSensitive(byte[] text, int at, int to) {
    return at + 1 < to ? end(at, text[at + 1], at + 2 < to ? text[at + 2] : 0) : at;
  }

  private static int end(int at, int first, int second) {
    return switch (first) {
      case 's', 't', 'm', 'd' -> at + 2;
      case 'r', 'v' -> second == 'e' ? at + 3 : at;
      case 'l' -> second == 'l' ? at + 3 : at;
      default -> at;
    };
  }
}
