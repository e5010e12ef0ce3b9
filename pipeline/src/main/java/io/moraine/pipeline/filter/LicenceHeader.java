package io.moraine.pipeline.filter;

import java.util.Locale;
import java.util.Set;

/**
 * Finds the licence comment at the head of source code: a leading block comment, or a leading run
 * of line comments, that speaks of a licence or a copyright.
 */
public final class LicenceHeader {

  private static final Set<String> LINE_COMMENTS = Set.of("//", "#", "--", ";;", "%%");

  private LicenceHeader() {}

  /** The text without its licence comments; the text itself if it has none. */
  public static String strip(String text) {
    String rest = text;
    for (int end = endOfHeader(rest); end > 0; end = endOfHeader(rest)) {
      rest = rest.substring(end).stripLeading();
    }
    return rest;
  }

  /** End of a licence comment that the text starts with; 0 if there is none. */
  private static int endOfHeader(String text) {
    int end = endOfBlockComment(text);
    if (end == 0) {
      end = endOfLineComments(text);
    }
    return end > 0 && namesLicence(text.substring(0, end)) ? end : 0;
  }

  private static int endOfBlockComment(String text) {
    String close = text.startsWith("/*") ? "*/" : text.startsWith("<!--") ? "-->" : "";
    int at = close.isEmpty() ? -1 : text.indexOf(close);
    return at < 0 ? 0 : at + close.length();
  }

  private static int endOfLineComments(String text) {
    for (String mark : LINE_COMMENTS) {
      int end = 0;
      while (text.startsWith(mark, end)) {
        int newline = text.indexOf('\n', end);
        end = newline < 0 ? text.length() : newline + 1;
      }
      if (end > 0) {
        return end;
      }
    }
    return 0;
  }

  private static boolean namesLicence(String comment) {
    String lower = comment.toLowerCase(Locale.ROOT);
    boolean licence = lower.contains("license") || lower.contains("licence");
    boolean copyright = lower.contains("copyright") || lower.contains("all rights reserved");
    boolean grant =
        lower.contains("apache")
            || lower.contains("permission is hereby granted")
            || lower.contains("redistribution")
            || lower.contains("spdx-license-identifier")
            || lower.contains("gnu ")
            || lower.contains("mozilla public")
            || lower.contains("licensed ");
    return copyright && (licence || lower.contains("reserved")) || licence && grant;
  }
}
