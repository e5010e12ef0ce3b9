package io.moraine.jobs.lease;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
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

  /** A folder that a command writes: claims are beside it, in {@code .NAME.lease}. */
  public static Leased written(Configuration hadoop, String folder, String option)
      throws IOException {
    Path named = new Path(folder);
    Path path = named.getFileSystem(hadoop).makeQualified(named);
    Path claims = new Path(path.getParent(), "." + path.getName() + ".lease");
    return new Leased(named, claims, "being written", option);
  }
}
