package io.moraine.pipeline.pii;

import static io.moraine.pipeline.pii.Chars.at;

/**
 * Groups of digits as people write them: one space, hyphen, point or slash between, one group in
 * parentheses, such as {@code (030) 123 45-67}.
 */
final class NumberGroups {

  private static final int MOST = 8;
  private static final String SEPARATORS = " -./\u00a0\u202f\u2011";

  private final String text;
  private final int[] lengths = new int[MOST];
  private final int[] ends = new int[MOST];
  private final char[] separators = new char[MOST];
  private final StringBuilder digits = new StringBuilder();
  private boolean hasParentheses;
  private int count;

  NumberGroups(String text) {
    this.text = text;
  }

  /** Reads the groups that begin here, at most eight. */
  void read(int from) {
    count = 0;
    digits.setLength(0);
    hasParentheses = false;
    char separator = 0;
    for (int i = from; count < MOST; ) {
      boolean isOpen = at(text, i) == '(';
      int start = isOpen ? i + 1 : i;
      int end = Chars.skipDigits(text, start);
      if (end == start || isOpen && at(text, end) != ')') {
        return;
      }
      hasParentheses |= isOpen;
      digits.append(text, start, Math.min(end, start + 32));
      lengths[count] = end - start;
      separators[count] = separator;
      ends[count++] = isOpen ? end + 1 : end;
      i = ends[count - 1];
      boolean isSeparated = SEPARATORS.indexOf(at(text, i)) >= 0;
      separator = isSeparated ? at(text, i) : 0;
      i += isSeparated ? 1 : 0;
    }
  }

  int count() {
    return count;
  }

  boolean hasParentheses() {
    return hasParentheses;
  }

  int length(int group) {
    return lengths[group];
  }

  /** What stands before a group; 0 if nothing does or it is the first. */
  char separator(int group) {
    return separators[group];
  }

  /** Whether the groups from {@code first} on are of these lengths. */
  boolean haveLengths(int first, int... wanted) {
    if (count < first + wanted.length) {
      return false;
    }
    for (int i = 0; i < wanted.length; i++) {
      if (lengths[first + i] != wanted[i]) {
        return false;
      }
    }
    return true;
  }

  char digit(int i) {
    return digits.charAt(i);
  }

  /** Digits of the first groups. */
  int digits(int groups) {
    int sum = 0;
    for (int i = 0; i < groups; i++) {
      sum += lengths[i];
    }
    return sum;
  }

  /** How many groups have at most so many digits together; at least one if there is any. */
  int groupsWithin(int mostDigits) {
    int groups = count;
    while (groups > 1 && digits(groups) > mostDigits) {
      groups--;
    }
    return groups;
  }

  /**
   * Where the first groups end; -1 if what follows belongs to them: a word, an at sign, more digits
   * after anything but a space.
   */
  int end(int groups) {
    int end = ends[groups - 1];
    char after = at(text, end);
    boolean goesOn = Chars.isWord(after) || after == '@' || after == '%';
    boolean isJoined = "-./".indexOf(after) >= 0 && Chars.isWord(at(text, end + 1));
    return goesOn || isJoined ? -1 : end;
  }

  /** Whether the first three groups are a year, a month and a day in some order. */
  boolean isDate() {
    if (count < 3 || separators[1] != separators[2] || separators[1] == ' ') {
      return false;
    }
    boolean goesOn = count > 3 && separators[3] == separators[1];
    boolean yearFirst = lengths[0] == 4 && lengths[1] <= 2 && lengths[2] <= 2;
    boolean yearLast = lengths[0] <= 2 && lengths[1] <= 2 && lengths[2] == 4;
    return !goesOn && (yearFirst || yearLast);
  }
}
