package io.moraine.jobs.lease;

import org.apache.hadoop.fs.Path;

/**
 * A folder that one process at a time may change.
 *
 * @param folder it; it need not be there
 * @param claims folder of the claims to it, and of the desks of those who claim it
 * @param doing what its holder does with it, for people: as {@code being written}
 * @param option by which another folder can be named
 */
public record Leased(Path folder, Path claims, String doing, String option) {

  /**
   * A folder that a command writes: claims are beside it, in {@code .NAME.lease}.
   *
   * @param named as people named it
   * @param folder the same, qualified
   */
  static Leased written(Path named, Path folder, String option) {
    Path claims = new Path(folder.getParent(), "." + folder.getName() + ".lease");
    return new Leased(named, claims, "being written", option);
  }
}
