package io.moraine.pipeline.pii;

import static io.moraine.pipeline.pii.Chars.at;

import io.moraine.pipeline.pii.PiiKind.SpanAction;
import java.util.Locale;
import java.util.Set;

/**
 * Numbers written like phone numbers:
 *
 * <ul>
 *   <li>international: {@code +} and 9 to 15 digits in groups, or 10 to 15 in one;
 *   <li>North American: 3, 3 and 4 digits, hyphens, points or parentheses between them, area and
 *       exchange valid;
 *   <li>French: five pairs, the first from 01 to 09;
 *   <li>with a trunk zero, as in Germany, Britain, the Netherlands: an area code and 9 to 12
 *       digits;
 *   <li>any 7 to 15 digits after a word like "phone".
 * </ul>
 *
 * <p>Digits without separators, and groups with nothing but spaces between, are left alone unless a
 * {@code +}, a trunk zero or such a word speaks for them: they are ids and tables. So are dates,
 * ISBNs, decimal numbers, prices, versions and bytes in hexadecimal.
 *
 * @source ITU-T E.164 (2010); NANPA, area and exchange codes
 */
final class PhoneNumbers {

  private static final int MOST_DIGITS = 15;
  private static final String NOT_BEFORE = "./-+#$%\\\u20ac\u00a3\u00a5";
  private static final int LONGEST_WORD = 12;
  private static final Set<String> WORDS =
      Set.of(
          "tel",
          "telephone",
          "phone",
          "fax",
          "telefax",
          "mobile",
          "cell",
          "cellphone",
          "whatsapp",
          "telefon",
          "handy",
          "mobil",
          "t\u00e9l",
          "t\u00e9l\u00e9phone",
          "tel\u00e9fono",
          "m\u00f3vil",
          "telefono",
          "telefoon",
          "telefone");
  private static final Set<String> FILLERS = Set.of("number", "no", "nr", "num", "is");

  private PhoneNumbers() {}

  static void find(String text, SpanAction found) {
    NumberGroups groups = new NumberGroups(text);
    for (int i = 0; i < text.length(); ) {
      char c = text.charAt(i);
      int end = c == '+' || c == '(' || Chars.isDigit(c) ? numberEnd(text, i, groups) : -1;
      if (end > 0) {
        found.accept(i, end);
      }
      i = end > 0 ? end : Chars.isDigit(c) ? Chars.skipDigits(text, i) : i + 1;
    }
  }

  private static int numberEnd(String text, int start, NumberGroups groups) {
    char before = at(text, start - 1);
    boolean isPlus = text.charAt(start) == '+';
    if (Chars.isWord(before)
        || isPlus && (before == ')' || before == ']' || before == '+')
        || !isPlus && before != 0 && NOT_BEFORE.indexOf(before) >= 0) {
      return -1;
    }
    groups.read(isPlus ? start + 1 : start);
    if (groups.count() == 0 || groups.isDate()) {
      return -1;
    }
    if (isPlus) {
      return internationalEnd(groups);
    }
    int end = northAmericanEnd(groups);
    end = end > 0 ? end : pairsEnd(text, start, groups);
    end = end > 0 ? end : trunkEnd(text, start, groups);
    return end > 0 ? end : followsWord(text, start) ? anyEnd(groups) : -1;
  }

  private static int internationalEnd(NumberGroups groups) {
    char country = groups.digit(0);
    int count = groups.groupsWithin(country == '1' ? 11 : MOST_DIGITS);
    int digits = groups.digits(count);
    boolean isDecimal = count == 2 && groups.separator(1) == '.';
    boolean isLong = digits >= (count == 1 ? 10 : 9) && digits <= MOST_DIGITS;
    boolean isValid =
        country == '1' ? digits == 11 && isNorthAmerican(groups, 1) : country != '0' && isLong;
    return isValid && !isDecimal ? groups.end(count) : -1;
  }

  private static int northAmericanEnd(NumberGroups groups) {
    int area = groups.length(0) == 1 && groups.digit(0) == '1' ? 1 : 0;
    if (!groups.haveLengths(area, 3, 3, 4) || !isNorthAmerican(groups, area)) {
      return -1;
    }
    char outside = groups.separator(area + 1);
    char inside = groups.separator(area + 2);
    boolean isMarked =
        groups.hasParentheses() || isMark(inside) && (outside == inside || outside == ' ');
    return isMarked ? groups.end(area + 3) : -1;
  }

  private static boolean isMark(char separator) {
    return separator == '-' || separator == '.' || separator == '\u2011';
  }

  /** Area and exchange begin with 2 to 9 and are no service codes such as 911. */
  private static boolean isNorthAmerican(NumberGroups groups, int area) {
    return isCode(groups, area) && groups.digit(area + 1) != '9' && isCode(groups, area + 3);
  }

  private static boolean isCode(NumberGroups groups, int at) {
    boolean isService = groups.digit(at + 1) == '1' && groups.digit(at + 2) == '1';
    return groups.digit(at) >= '2' && !isService;
  }

  private static int pairsEnd(String text, int start, NumberGroups groups) {
    if (!groups.haveLengths(0, 2, 2, 2, 2, 2) || !hasTrunkZero(groups)) {
      return -1;
    }
    boolean isRising = groups.separator(1) == ' ';
    for (int i = 1; i < 5; i++) {
      isRising &= pair(groups, i) > pair(groups, i - 1);
      if (groups.separator(i) != groups.separator(1) || groups.separator(i) == '/') {
        return -1;
      }
    }
    int end = groups.end(5);
    return end < 0 || isRising || isAmongBytes(text, start, end) ? -1 : end;
  }

  private static int pair(NumberGroups groups, int i) {
    return 10 * (groups.digit(2 * i) - '0') + groups.digit(2 * i + 1) - '0';
  }

  /** Whether pairs of hexadecimal digits stand before, or two of them behind. */
  private static boolean isAmongBytes(String text, int start, int end) {
    return isByte(text, start - 3) || isByte(text, end + 1) && isByte(text, end + 4);
  }

  private static boolean isByte(String text, int i) {
    return Character.digit(at(text, i), 16) >= 0
        && Character.digit(at(text, i + 1), 16) >= 0
        && !Chars.isWord(at(text, i - 1))
        && !Chars.isWord(at(text, i + 2));
  }

  private static int trunkEnd(String text, int start, NumberGroups groups) {
    int count = groups.count();
    int digits = groups.digits(count);
    boolean followsNumber = at(text, start - 1) == ' ' && Chars.isDigit(at(text, start - 2));
    if (!hasTrunkZero(groups) || count < 2 || digits < 9 || digits > 12 || followsNumber) {
      return -1;
    }
    boolean isShortArea =
        groups.length(0) == 2
            && digits >= 10
            && (groups.hasParentheses()
                || groups.separator(1) == '-'
                || groups.separator(1) == '/');
    if (groups.length(0) > 5 || groups.length(0) < 3 && !isShortArea) {
      return -1;
    }
    boolean allFour = groups.length(0) == 4;
    for (int i = 1; i < count; i++) {
      boolean isOdd = groups.separator(i) == '.' || groups.separator(i) == '/' && i > 1;
      if (isOdd || groups.length(i) < 2 || groups.length(i) > 8) {
        return -1;
      }
      allFour &= groups.length(i) == 4;
    }
    return allFour ? -1 : groups.end(count);
  }

  private static boolean hasTrunkZero(NumberGroups groups) {
    return groups.digit(0) == '0' && groups.digits(groups.count()) > 1 && groups.digit(1) != '0';
  }

  private static int anyEnd(NumberGroups groups) {
    int count = groups.groupsWithin(MOST_DIGITS);
    int digits = groups.digits(count);
    return digits >= 7 && digits <= MOST_DIGITS ? groups.end(count) : -1;
  }

  private static boolean followsWord(String text, int start) {
    int end = start;
    for (int words = 0; words < 2; words++) {
      for (int i = 0; i < 4 && " :.=\"'\u00a0".indexOf(at(text, end - 1)) >= 0; i++) {
        end--;
      }
      int begin = end;
      while (end - begin < LONGEST_WORD && Character.isLetter(at(text, begin - 1))) {
        begin--;
      }
      String word = text.substring(begin, end).toLowerCase(Locale.ROOT);
      if (WORDS.contains(word)) {
        return true;
      }
      if (!FILLERS.contains(word)) {
        return false;
      }
      end = begin;
    }
    return false;
  }
}
