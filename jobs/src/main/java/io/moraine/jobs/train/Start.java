package io.moraine.jobs.train;

import java.io.Serializable;

/**
 * How the ranks begin.
 *
 * @param attempt of this process, from 0; connections of an earlier one are refused
 * @param resume whether to go on from a checkpoint, if there is one
 * @param limits of this process
 * @param message for people, of an earlier attempt; may be empty
 */
record Start(int attempt, boolean resume, Limits limits, String message) implements Serializable {

  /** The next attempt. */
  Start again(String why) {
    return new Start(attempt + 1, true, limits, why);
  }
}
