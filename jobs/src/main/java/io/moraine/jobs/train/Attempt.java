package io.moraine.jobs.train;

import java.io.Serializable;
import org.apache.hadoop.fs.Path;

/**
 * How the ranks begin once: a process's job begins them again when one is lost.
 *
 * @param number in this process, from 0; connections of an earlier attempt are refused
 * @param resume whether to go on from a checkpoint, if there is one
 * @param message for people, of an earlier attempt; may be empty
 * @param desk where they write: their place on the desk of the lease's holder
 */
record Attempt(int number, boolean resume, String message, String desk) implements Serializable {

  /** A process's first. */
  static Attempt first(boolean resume, Path desk) {
    return new Attempt(0, resume, "", desk.toString());
  }

  /** The next one. */
  Attempt again(String why, Path nextDesk) {
    return new Attempt(number + 1, true, why, nextDesk.toString());
  }
}
