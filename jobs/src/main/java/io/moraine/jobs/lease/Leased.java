package io.moraine.jobs.lease;

import io.moraine.jobs.config.ConfigException;
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

  /** A folder that a command replaces: claims are beside it, in {@code .NAME.lease}. */
  public static Leased replaced(Configuration hadoop, String folder, String option)
      throws IOException {
    Path path = qualified(hadoop, folder);
    if (path.isRoot()) {
      throw new ConfigException(
          "%s %s is the root of a file system. Name a folder in it.".formatted(option, folder));
    }
    Path claims = new Path(path.getParent(), "." + path.getName() + ".lease");
    return new Leased(new Path(folder), claims, "being written", option);
  }

  /** A folder that a command adds to: claims are in it, in {@code .lease}. */
  public static Leased extended(Configuration hadoop, String folder, String option)
      throws IOException {
    Path claims = new Path(qualified(hadoop, folder), ".lease");
    return new Leased(new Path(folder), claims, "being written", option);
  }

  private static Path qualified(Configuration hadoop, String folder) throws IOException {
    Path named = new Path(folder);
    return named.getFileSystem(hadoop).makeQualified(named);
  }
}
