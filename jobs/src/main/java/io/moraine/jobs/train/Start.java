package io.moraine.jobs.train;

import java.io.Serializable;
import org.apache.hadoop.fs.Path;

/**
 * How the ranks begin.
 *
 * @param attempt of this process, from 0; connections of an earlier one are refused
 * @param resume whether to go on from a checkpoint, if there is one
 * @param message for people, of an earlier attempt; may be empty
 * @param desk where they write: their place on the desk of the lease's holder
 */
record Start(int attempt, boolean resume, String message, String desk) implements Serializable {

  /** The first attempt of a process. */
  static Start first(boolean resume, Path desk) {
    return new Start(0, resume, "", desk.toString());
  }

  /** The next attempt. */
  Start again(String why, Path nextDesk) {
    return new Start(attempt + 1, true, why, nextDesk.toString());
  }
}
