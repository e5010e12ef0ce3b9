package io.moraine.jobs.shards;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.prepare.Manifest;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The folder of an export: written on its lease's desk and moved to its name when it is whole. */
final class ShardsFolder {

  private static final String MANIFEST = "shards.json";
  private static final String STAGING = "staging";

  private final Desk desk;
  private final FileSystem files;
  private final Path target;
  private final Path staging;

  private ShardsFolder(Desk desk, FileSystem files, Path target) {
    this.desk = desk;
    this.files = files;
    this.target = target;
    this.staging = new Path(desk.drafts(), STAGING);
  }

  /**
   * Opens an empty place to write to.
   *
   * @param leases to which that of the folder is added
   * @throws ConfigException if the target exists and is neither empty nor an earlier export
   */
  static ShardsFolder begin(HeldLeases leases, String output) throws IOException {
    Path path = new Path(output);
    FileSystem files = path.getFileSystem(leases.hadoop());
    Desk desk = leases.replacing(output, "--output");
    ShardsFolder folder = new ShardsFolder(desk, files, files.makeQualified(path));
    desk.restore(STAGING, folder.target);
    if (files.exists(path)
        && !files.exists(new Path(path, MANIFEST))
        && (files.getFileStatus(path).isFile() || files.listStatus(path).length > 0)) {
      throw new ConfigException(
          "--output %s exists and is no export (no %s). Name another folder or remove it."
              .formatted(output, MANIFEST));
    }
    desk.deleteEarlier();
    files.mkdirs(folder.staging);
    return folder;
  }

  /** Where the shards are written. */
  String staging() {
    return staging.toString();
  }

  /** Gives the folder its name. */
  void publish(ShardsManifest manifest) throws IOException {
    try (OutputStream out = files.create(new Path(staging, MANIFEST), true)) {
      out.write(Manifest.rendered(manifest).getBytes(StandardCharsets.UTF_8));
    }
    desk.publish(staging, target);
  }
}
