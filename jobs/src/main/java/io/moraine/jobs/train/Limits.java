package io.moraine.jobs.train;

import java.io.Serializable;
import java.util.Optional;

/**
 * How far one start of a run goes, short of its last step.
 *
 * @param tokens of the run in all, those of earlier starts and of padding included; {@code
 *     Long.MAX_VALUE} for no limit
 * @param deadlineMillis time of day after which no step is begun, milliseconds since 1970; {@code
 *     Long.MAX_VALUE} for no limit
 */
public record Limits(long tokens, long deadlineMillis) implements Serializable {

  /** To the last step. */
  public static final Limits NONE = new Limits(Long.MAX_VALUE, Long.MAX_VALUE);

  /** Why it ends here, if it does. */
  Optional<String> reached(long tokensSeen, long nowMillis) {
    if (tokensSeen >= tokens) {
      return Optional.of("%,d tokens are seen".formatted(tokensSeen));
    }
    return nowMillis >= deadlineMillis ? Optional.of("its time is over") : Optional.empty();
  }
}
