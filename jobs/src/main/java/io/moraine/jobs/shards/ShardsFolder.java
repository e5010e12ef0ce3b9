package io.moraine.jobs.shards;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.Publication;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The folder of an export: written beside its name and moved there when it is whole. */
final class ShardsFolder {

  private static final String MANIFEST = "shards.json";

  private final FileSystem files;
  private final Path target;
  private final Path staging;

  private ShardsFolder(FileSystem files, Path target) {
    this.files = files;
    this.target = target;
    this.staging = new Path(target.getParent(), "." + target.getName() + ".exporting");
  }

  /**
   * Opens an empty place to write to.
   *
   * @throws ConfigException if the target exists and is neither empty nor an earlier export
   */
  static ShardsFolder begin(Configuration hadoop, String output) throws IOException {
    Path path = new Path(output);
    FileSystem files = path.getFileSystem(hadoop);
    ShardsFolder folder = new ShardsFolder(files, files.makeQualified(path));
    if (files.exists(path)
        && !files.exists(new Path(path, MANIFEST))
        && (files.getFileStatus(path).isFile() || files.listStatus(path).length > 0)) {
      throw new ConfigException(
          "--output %s exists and is no export (no %s). Name another folder or remove it."
              .formatted(output, MANIFEST));
    }
    files.delete(folder.staging, true);
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
    Publication.replace(files, staging, target);
  }
}
