package io.moraine.jobs.train;

import io.moraine.jobs.lease.WholeFiles;
import io.moraine.model.checkpoint.Storage;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** A folder on any Hadoop file system, read, or written where no lease is needed. */
final class HadoopStorage implements Storage {

  private final WholeFiles files;
  private final Path root;

  HadoopStorage(Configuration hadoop, Path root) throws IOException {
    this(root.getFileSystem(hadoop), root);
  }

  HadoopStorage(FileSystem files, Path root) {
    this.files = WholeFiles.of(files);
    this.root = root;
  }

  @Override
  public List<String> list(String folder) throws IOException {
    return files.names(new Path(root, folder));
  }

  @Override
  public boolean exists(String file) throws IOException {
    return files.system().exists(new Path(root, file));
  }

  @Override
  public InputStream open(String file) throws IOException {
    return files.system().open(new Path(root, file));
  }

  @Override
  public void write(String file, Content content) throws IOException {
    files.write(new Path(root, file), content);
  }

  @Override
  public void rename(String folder, String name) throws IOException {
    files.rename(new Path(root, folder), new Path(root, name));
  }

  @Override
  public void deleteFolder(String folder) throws IOException {
    files.system().delete(new Path(root, folder), true);
  }
}
