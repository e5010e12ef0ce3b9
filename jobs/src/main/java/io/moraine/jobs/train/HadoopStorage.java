package io.moraine.jobs.train;

import io.moraine.model.checkpoint.Storage;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** A folder on any Hadoop file system. */
final class HadoopStorage implements Storage {

  private final FileSystem files;
  private final Path root;

  HadoopStorage(Configuration hadoop, Path root) throws IOException {
    this(root.getFileSystem(hadoop), root);
  }

  HadoopStorage(FileSystem files, Path root) {
    this.files = files;
    this.root = root;
  }

  @Override
  public List<String> list(String folder) throws IOException {
    Path path = new Path(root, folder);
    if (!files.exists(path)) {
      return List.of();
    }
    return Stream.of(files.listStatus(path))
        .map(status -> status.getPath().getName())
        .sorted()
        .toList();
  }

  @Override
  public boolean exists(String file) throws IOException {
    return files.exists(new Path(root, file));
  }

  @Override
  public InputStream open(String file) throws IOException {
    return files.open(new Path(root, file));
  }

  @Override
  public void write(String file, Content content) throws IOException {
    Path path = new Path(root, file);
    RunFolder.replace(
        files,
        path,
        beside -> {
          try (OutputStream out = files.create(beside, true)) {
            content.writeTo(out);
          }
        });
  }

  @Override
  public void deleteFolder(String folder) throws IOException {
    files.delete(new Path(root, folder), true);
  }
}
