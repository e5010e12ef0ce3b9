package io.moraine.pipeline.pii;

import static io.moraine.pipeline.pii.Chars.at;

import io.moraine.pipeline.pii.PiiKind.SpanAction;
import java.util.Locale;
import java.util.Set;

/**
 * Public IPv4 and IPv6 addresses. Special-purpose ranges (private, loopback, link-local, shared,
 * documentation, benchmarking, multicast, reserved) are left alone.
 *
 * <p>Four numbers in code are versions, sections and object identifiers more often than addresses.
 * These are left alone: none of three digits and two of one digit or more ({@code 4.1.12.1}, {@code
 * 2.5.29.15}, and {@code 8.8.8.8} with them; 1 address in 800), those after a name and a hyphen or
 * a comparison ({@code lib-110.20.3.4}, {@code ==110.20.3.4}), and those shortly after a word that
 * ends in "version", "release" or the like.
 *
 * @source IANA IPv4 and IPv6 special-purpose address registries
 */
final class IpAddresses {

  /** Characters before an address that are searched for words of versions. */
  private static final int CONTEXT = 32;

  private static final Set<String> NUMBERED =
      Set.of("oid", "section", "sections", "chapter", "clause", "ver", "rev", "build");

  private IpAddresses() {}

  static void find(String text, SpanAction found) {
    for (int i = 0; i < text.length(); ) {
      if (!Chars.isDigit(text.charAt(i))) {
        i++;
        continue;
      }
      int end = Chars.isWord(at(text, i - 1)) ? -1 : addressEnd(text, i);
      if (end > 0) {
        found.accept(i, end);
      }
      i = end > 0 ? end : Chars.skipDigits(text, i);
    }
  }

  /** Where the public address that begins here ends; -1 if none does. */
  private static int addressEnd(String text, int start) {
    int end = ipv4End(text, start);
    return end > 0 ? end : ipv6End(text, start);
  }

  private static int ipv4End(String text, int start) {
    if (at(text, start - 1) == '.' && Chars.isDigit(at(text, start - 2))) {
      return -1;
    }
    long address = 0;
    int end = start - 1;
    for (int i = 0; i < 4; i++) {
      int from = end + 1;
      end = Chars.skipDigits(text, from);
      int value = end - from < 1 || end - from > 3 ? 256 : number(text, from, end);
      if (value > 255 || at(text, from) == '0' && end - from > 1 || i < 3 && at(text, end) != '.') {
        return -1;
      }
      address = address << 8 | value;
    }
    boolean goesOn =
        Chars.isWord(at(text, end))
            || at(text, end) == '.' && Chars.isDigit(at(text, end + 1))
            || at(text, end) == '-' && Chars.isAsciiLetter(at(text, end + 1));
    boolean isAddress = !goesOn && isPublic(address) && !isVersion(text, start, end);
    return isAddress ? end : -1;
  }

  private static int number(String text, int from, int to) {
    int value = 0;
    for (int i = from; i < to; i++) {
      value = 10 * value + text.charAt(i) - '0';
    }
    return value;
  }

  private static boolean isPublic(long address) {
    int first = (int) (address >> 24);
    int second = (int) (address >> 16 & 0xff);
    int third = (int) (address >> 8 & 0xff);
    boolean isPrivate =
        first == 10 || first == 172 && second >> 4 == 1 || first == 192 && second == 168;
    boolean isLocal = first == 0 || first == 127 || first == 169 && second == 254;
    boolean isShared = first == 100 && second >> 6 == 1;
    boolean isDocumentation =
        first == 192 && second == 0 && third == 2
            || first == 198 && second == 51 && third == 100
            || first == 203 && second == 0 && third == 113;
    boolean isTechnical =
        first == 198 && second >> 1 == 9
            || first == 192 && second == 0 && third == 0
            || first == 192 && second == 88 && third == 99;
    return first < 224 && !(isPrivate || isLocal || isShared || isDocumentation || isTechnical);
  }

  private static boolean isVersion(String text, int start, int end) {
    if (isSmall(text, start, end)) {
      return true;
    }
    char before = at(text, start - 1);
    if (before == '-' && Chars.isAsciiLetter(at(text, start - 2))) {
      return true;
    }
    int i = before == ' ' ? start - 2 : start - 1;
    boolean isComparison = at(text, i) == '=' && "=<>~!^".indexOf(at(text, i - 1)) >= 0;
    return isComparison
        || at(text, i) == '~'
        || at(text, i) == '^'
        || at(text, i) == '>' && at(text, i - 1) == '~'
        || followsWordOfVersions(text, start);
  }

  /** Whether none of the numbers has three digits, and two or more have one. */
  private static boolean isSmall(String text, int start, int end) {
    int single = 0;
    int length = 0;
    for (int i = start; i <= end; i++) {
      if (i < end && text.charAt(i) != '.') {
        length++;
      } else {
        single += length == 1 ? 1 : 0;
        if (length == 3) {
          return false;
        }
        length = 0;
      }
    }
    return single >= 2;
  }

  private static boolean followsWordOfVersions(String text, int start) {
    int end = start;
    int floor = Math.max(0, start - CONTEXT);
    for (int i = start - 1; i >= floor - 1; i--) {
      char c = i < floor ? '\n' : text.charAt(i);
      if (Chars.isAsciiLetter(c)) {
        continue;
      }
      String word = text.substring(Math.max(floor, i + 1), end).toLowerCase(Locale.ROOT);
      if (word.endsWith("version") || word.endsWith("release") || NUMBERED.contains(word)) {
        return true;
      }
      end = Math.max(floor, i);
      if (c == '\n' || c == '\u00a7') {
        return c != '\n';
      }
    }
    return false;
  }

  /** Global unicast addresses begin with 2 or 3 and have four digits up to the first colon. */
  private static int ipv6End(String text, int start) {
    char first = text.charAt(start);
    char before = at(text, start - 1);
    if (first != '2' && first != '3'
        || before == ':'
        || before == '.'
        || at(text, start + 4) != ':') {
      return -1;
    }
    int[] groups = new int[8];
    int count = 0;
    int gaps = 0;
    int gapAt = 0;
    int end = start;
    while (count < groups.length) {
      int groupEnd = hexEnd(text, end);
      if (groupEnd == end) {
        break;
      }
      groups[count++] = Integer.parseInt(text, end, groupEnd, 16);
      end = groupEnd;
      boolean isGap = at(text, end) == ':' && at(text, end + 1) == ':';
      boolean goesOn = at(text, end) == ':' && hexEnd(text, end + 1) > end + 1;
      gaps += isGap ? 1 : 0;
      gapAt = isGap ? count : gapAt;
      end += isGap ? 2 : goesOn && count < groups.length ? 1 : 0;
      if (!isGap && !goesOn) {
        break;
      }
    }
    boolean isWhole = gaps == 0 && count == groups.length || gaps == 1 && count < groups.length;
    char after = at(text, end);
    boolean goesOn =
        Chars.isWord(after) || after == ':' || after == '.' && Chars.isDigit(at(text, end + 1));
    return isWhole && !goesOn && isPublic(spread(groups, count, gapAt)) ? end : -1;
  }

  /** The groups behind a gap move to the end; zeros take their place. */
  private static int[] spread(int[] groups, int count, int gapAt) {
    int[] whole = new int[groups.length];
    System.arraycopy(groups, 0, whole, 0, gapAt);
    System.arraycopy(groups, gapAt, whole, groups.length - count + gapAt, count - gapAt);
    return whole;
  }

  /** End of at most four hexadecimal digits. */
  private static int hexEnd(String text, int start) {
    int end = start;
    while (end < start + 4 && Character.digit(at(text, end), 16) >= 0 && at(text, end) < 128) {
      end++;
    }
    return end;
  }

  private static boolean isPublic(int[] groups) {
    boolean isDocumentation =
        groups[0] == 0x2001 && groups[1] == 0xdb8 || groups[0] == 0x3fff && groups[1] < 0x1000;
    boolean isTechnical =
        groups[0] == 0x2001
            && (groups[1] == 2 && groups[2] == 0 || groups[1] >> 5 == 0 && groups[1] >= 0x10);
    boolean isGlobal = groups[0] >= 0x2000 && groups[0] <= 0x3fff;
    return isGlobal && !isDocumentation && !isTechnical;
  }
}
