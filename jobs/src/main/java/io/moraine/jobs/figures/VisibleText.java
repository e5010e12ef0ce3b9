package io.moraine.jobs.figures;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Texts of strangers as they may stand on a page: they neither become part of its markup nor change
 * how it is read.
 */
public final class VisibleText {

  private static final char REPLACEMENT = '\ufffd';

  private VisibleText() {}

  /**
   * A text as HTML, within an element or a quoted attribute. What no page may hold, or what turns
   * its direction around, becomes U+FFFD.
   */
  public static String html(String text) {
    StringBuilder html = new StringBuilder(text.length() + 16);
    text.codePoints().forEach(point -> append(html, point));
    return html.toString();
  }

  /** A text that is no markup: what no page may hold becomes U+FFFD here too. */
  public static String plain(String text) {
    StringBuilder plain = new StringBuilder(text.length());
    text.codePoints().forEach(point -> appendVisible(plain, point));
    return plain.toString();
  }

  /**
   * The bytes of a token: spaces as U+2423, line ends, tabs and backslashes as in a string of a
   * program, bytes that are no text in hexadecimal. As a {@link #cell}.
   */
  static String ofToken(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    try {
      StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes))
          .codePoints()
          .forEach(point -> appendToken(text, point));
    } catch (CharacterCodingException e) {
      for (byte one : bytes) {
        if (one == '\\') {
          text.append("\\\\");
        } else if (one > ' ') {
          text.append((char) one);
        } else {
          text.append(String.format(Locale.ROOT, "\\x%02X", one));
        }
      }
    }
    return cell(text.toString());
  }

  /**
   * A text as a cell of a table that Zeppelin shows: a space before a per cent sign at its
   * beginning, by which Zeppelin would take what follows for a kind of output, or a quotation mark,
   * behind which it would look for another one; and for a carriage return, which would end the row.
   */
  static String cell(String text) {
    String oneRow = text.replaceAll("\\r(?!\\n)", " ");
    return oneRow.startsWith("%") || oneRow.startsWith("\"") ? " " + oneRow : oneRow;
  }

  /** As much of a text's beginning, in whole characters, as has so many bytes in UTF-8 at most. */
  static String beginning(String text, int bytes) {
    int end = 0;
    int left = bytes;
    while (end < text.length() && (left -= bytes(text.codePointAt(end))) >= 0) {
      end = text.offsetByCodePoints(end, 1);
    }
    return text.substring(0, end);
  }

  /** As much of its end. */
  static String end(String text, int bytes) {
    int begin = text.length();
    int left = bytes;
    while (begin > 0 && (left -= bytes(text.codePointBefore(begin))) >= 0) {
      begin = text.offsetByCodePoints(begin, -1);
    }
    return text.substring(begin);
  }

  private static int bytes(int point) {
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }

  private static void append(StringBuilder html, int point) {
    switch (point) {
      case '&' -> html.append("&amp;");
      case '<' -> html.append("&lt;");
      case '>' -> html.append("&gt;");
      case '"' -> html.append("&quot;");
      case '\'' -> html.append("&#39;");
      // At the beginning of a line Zeppelin takes it for the name of a kind of output.
      case '%' -> html.append("&#37;");
      default -> appendVisible(html, point);
    }
  }

  private static void appendVisible(StringBuilder text, int point) {
    if (isHostile(point) && point != '\n' && point != '\t') {
      text.append(REPLACEMENT);
    } else {
      text.appendCodePoint(point);
    }
  }

  private static void appendToken(StringBuilder text, int point) {
    switch (point) {
      case ' ' -> text.append('\u2423');
      case '\n' -> text.append("\\n");
      case '\r' -> text.append("\\r");
      case '\t' -> text.append("\\t");
      case '\\' -> text.append("\\\\");
      default -> {
        if (isHostile(point)) {
          text.append(String.format(Locale.ROOT, "\\u%04X", point));
        } else {
          text.appendCodePoint(point);
        }
      }
    }
  }

  /** Controls, halves of pairs, marks of direction, and what is no character. */
  private static boolean isHostile(int point) {
    return Character.isISOControl(point)
        || point >= 0xd800 && point <= 0xdfff
        || point >= 0x202a && point <= 0x202e
        || point >= 0x2066 && point <= 0x2069
        || point == 0x2028
        || point == 0x2029
        || (point & 0xfffe) == 0xfffe;
  }
}
