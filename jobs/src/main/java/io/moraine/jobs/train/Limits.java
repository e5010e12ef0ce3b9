package io.moraine.jobs.train;

import java.io.Serializable;
import java.time.Duration;
import java.util.Optional;

/**
 * How far one start of a run goes, short of its last step.
 *
 * @param tokens of the run in all, those of earlier starts and of padding included; {@code
 *     Long.MAX_VALUE} for no limit
 * @param deadlineNanos after which no step is begun, by {@code System.nanoTime} of this process;
 *     empty for no limit
 */
public record Limits(long tokens, Optional<Long> deadlineNanos) {

  /** To the last step. */
  public static final Limits NONE = new Limits(Long.MAX_VALUE, Optional.empty());

  /** So many tokens in all. */
  public static Limits ofTokens(long tokens) {
    return new Limits(tokens, Optional.empty());
  }

  /** The same tokens, and no step that begins so long after now. */
  public Limits within(Duration time) {
    return new Limits(tokens, Optional.of(System.nanoTime() + time.toNanos()));
  }

  /** Why it ends here, if it does. */
  Optional<String> reached(long tokensSeen, long nowNanos) {
    if (tokensSeen >= tokens) {
      return Optional.of("%,d tokens are seen".formatted(tokensSeen));
    }
    return deadlineNanos.filter(deadline -> nowNanos - deadline >= 0).map(at -> "its time is over");
  }

  /** What is left of them now. */
  Left left(long nowNanos) {
    return new Left(tokens, deadlineNanos.map(at -> at - nowNanos).orElse(Left.FOR_EVER));
  }

  /**
   * Limits on their way to another process, whose clocks are other ones.
   *
   * @param tokens as the limits have them
   * @param nanos until the deadline
   */
  record Left(long tokens, long nanos) implements Serializable {

    private static final long FOR_EVER = Long.MAX_VALUE;

    /** The limits where they have arrived. */
    Limits from(long nowNanos) {
      return new Limits(
          tokens, nanos == FOR_EVER ? Optional.empty() : Optional.of(nowNanos + nanos));
    }
  }
}
