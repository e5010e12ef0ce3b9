package io.moraine.pipeline.filter;

import java.util.Locale;

/**
 * Why a document is not kept.
 *
 * @param reason the rule's name, stable, in lower case with dashes
 * @param detail measured value and threshold, for people
 */
public record Rejection(String reason, String detail) implements Verdict {

  /** A measured count or fraction that is on the wrong side of its threshold. */
  static Rejection measured(
      String reason, String what, double value, String relation, double threshold) {
    String measured = integer(value) ? shown(value) : String.format(Locale.ROOT, "%.3f", value);
    return new Rejection(
        reason, "%s = %s %s %s".formatted(what, measured, relation, shown(threshold)));
  }

  private static boolean integer(double value) {
    return value == Math.rint(value);
  }

  private static String shown(double value) {
    return integer(value) ? String.format(Locale.ROOT, "%.0f", value) : Double.toString(value);
  }
}
