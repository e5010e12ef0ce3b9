package io.moraine.pipeline.filter;

/** Checks of thresholds that the rule sets share. */
final class Threshold {

  private Threshold() {}

  static void requireFraction(String name, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw new IllegalArgumentException("%s must be in [0, 1], got %s".formatted(name, value));
    }
  }

  static void requireNotNegative(String name, double value) {
    if (!(value >= 0)) {
      throw new IllegalArgumentException("%s must not be negative, got %s".formatted(name, value));
    }
  }

  static void requireRange(String of, double min, double max) {
    if (!(0 <= min && min <= max)) {
      throw new IllegalArgumentException(
          "min-%s and max-%s must satisfy 0 <= min-%s <= max-%s, got %s and %s"
              .formatted(of, of, of, of, shown(min), shown(max)));
    }
  }

  private static String shown(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }
}
