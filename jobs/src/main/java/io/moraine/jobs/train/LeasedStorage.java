package io.moraine.jobs.train;

import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.model.checkpoint.Storage;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** A run's folder as its ranks see it, who may change it as long as the lease is theirs. */
final class LeasedStorage implements Storage {

  private final HadoopStorage stored;
  private final Path root;
  private final LeasedWriter writer;

  LeasedStorage(Configuration hadoop, RunFolder run, LeasedWriter writer) throws IOException {
    this.stored = new HadoopStorage(hadoop, run.root());
    this.root = run.root();
    this.writer = writer;
  }

  @Override
  public List<String> list(String folder) throws IOException {
    return stored.list(folder);
  }

  @Override
  public boolean exists(String file) throws IOException {
    return stored.exists(file);
  }

  @Override
  public InputStream open(String file) throws IOException {
    return stored.open(file);
  }

  @Override
  public void write(String file, Content content) throws IOException {
    writer.replace(new Path(root, file), content);
  }

  @Override
  public void rename(String folder, String name) throws IOException {
    writer.rename(new Path(root, folder), new Path(root, name));
  }

  @Override
  public void deleteFolder(String folder) throws IOException {
    writer.delete(new Path(root, folder));
  }
}
