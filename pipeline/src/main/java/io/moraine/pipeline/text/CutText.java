package io.moraine.pipeline.text;

import java.util.List;

/** A text without some of its chars, put together so that it still reads. */
public final class CutText {

  private CutText() {}

  /**
   * The text without some ranges.
   *
   * <p>White space on both sides of a cut becomes one: of the two runs the one with more line ends,
   * else a single space; what indents the line behind the cut stays. Cuts with nothing but white
   * space between them are one. Nothing else changes, and no two words become one.
   *
   * @param cuts sorted, without overlap
   */
  public static String without(String text, List<CharRange> cuts) {
    StringBuilder out = new StringBuilder(text.length());
    int kept = 0;
    for (int i = 0; i < cuts.size(); i++) {
      append(out, text.substring(kept, cuts.get(i).from()), i > 0);
      kept = cuts.get(i).to();
      while (i + 1 < cuts.size() && text.substring(kept, cuts.get(i + 1).from()).isBlank()) {
        kept = cuts.get(++i).to();
      }
    }
    append(out, text.substring(kept), !cuts.isEmpty());
    return out.toString();
  }

  private static void append(StringBuilder out, String piece, boolean behindCut) {
    if (!behindCut) {
      out.append(piece);
      return;
    }
    int end = out.length();
    while (end > 0 && Character.isWhitespace(out.charAt(end - 1))) {
      end--;
    }
    String before = out.substring(end);
    String rest = piece.stripLeading();
    String behind = piece.substring(0, piece.length() - rest.length());
    out.setLength(end);
    if (end > 0 && !rest.isEmpty()) {
      out.append(separator(out, before, behind, rest));
    }
    out.append(rest);
  }

  private static String separator(StringBuilder out, String before, String behind, String rest) {
    int lastBehind = behind.lastIndexOf('\n') + 1;
    if (lastBehind > 0 && lineEnds(behind) < lineEnds(before)) {
      return before.substring(0, before.lastIndexOf('\n') + 1) + behind.substring(lastBehind);
    }
    if (lastBehind > 0 || lineEnds(before) > 0) {
      return lastBehind > 0 ? behind : before;
    }
    boolean joins =
        WordSpans.isWordOrMark(out.codePointBefore(out.length()))
            && WordSpans.isWordOrMark(rest.codePointAt(0));
    return joins || !before.isEmpty() || !behind.isEmpty() ? " " : "";
  }

  private static long lineEnds(String space) {
    return space.chars().filter(c -> c == '\n').count();
  }
}
