package io.moraine.jobs.figures;

import java.util.ArrayList;
import java.util.List;

/** Some of many. */
public final class Spread {

  private Spread() {}

  /** So many at most, evenly spread, the first and (of two or more) the last one among them. */
  public static <T> List<T> evenly(List<T> all, int most) {
    if (all.size() <= most) {
      return all;
    }
    List<T> some = new ArrayList<>();
    for (int i = 0; i < most; i++) {
      some.add(all.get((int) ((long) i * (all.size() - 1) / Math.max(1, most - 1))));
    }
    return some;
  }
}
