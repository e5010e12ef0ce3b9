package io.moraine.model.data;

import java.io.Serializable;
import java.util.Arrays;

/**
 * How many sequences each step has: at first fewer, more with every sequence seen, the full number
 * behind the ramp. All ranks and all resumed runs compute the same numbers.
 */
public final class StepSizes implements Serializable {

  private static final long serialVersionUID = 1L;

  private static final int STEPS_AT_FIRST = 64;

  private final int full;

  /** Sequences before each step of the ramp, and before the first full step. */
  private final long[] before;

  private StepSizes(int full, long[] before) {
    this.full = full;
    this.before = before;
  }

  /** As many sequences in every step. */
  public static StepSizes constant(int sequences) {
    return ramp(sequences, sequences, 0);
  }

  /**
   * A step that begins behind s sequences has {@code from + (full - from) * s / rampSequences} of
   * them, rounded down.
   *
   * @param from sequences of the first step; at least 1, at most {@code full}
   * @param full sequences of a step behind the ramp
   * @param rampSequences over which the number grows; 0 for no ramp
   * @cost one number per step of the ramp
   */
  public static StepSizes ramp(int from, int full, long rampSequences) {
    if (from < 1 || from > full || rampSequences < 0) {
      throw new IllegalArgumentException(
          "a ramp begins in [1, %d] and is not negative, got %d over %d sequences"
              .formatted(full, from, rampSequences));
    }
    long[] before = new long[STEPS_AT_FIRST];
    int steps = 0;
    long seen = 0;
    while (seen < rampSequences) {
      if (steps + 1 == before.length) {
        before = Arrays.copyOf(before, 2 * before.length);
      }
      seen += from + Math.multiplyExact((long) full - from, seen) / rampSequences;
      before[++steps] = seen;
    }
    return new StepSizes(full, Arrays.copyOf(before, steps + 1));
  }

  /**
   * Sequences of a step, over all ranks.
   *
   * @param step from 1
   */
  public int of(long step) {
    return Math.toIntExact(through(step) - through(step - 1));
  }

  /**
   * The step that a position is in, from 1.
   *
   * @param position of a sequence among those of all steps, from 0
   */
  public long stepAt(long position) {
    int ramp = before.length - 1;
    if (position >= before[ramp]) {
      return ramp + 1 + (position - before[ramp]) / full;
    }
    int found = Arrays.binarySearch(before, position);
    return found >= 0 ? found + 1 : -found - 1;
  }

  /**
   * Sequences of all steps up to and with a step.
   *
   * @param step 0 or more
   */
  public long through(long step) {
    int ramp = before.length - 1;
    return step <= ramp ? before[(int) step] : before[ramp] + full * (step - ramp);
  }
}
