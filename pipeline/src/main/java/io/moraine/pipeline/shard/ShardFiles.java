package io.moraine.pipeline.shard;

import java.io.IOException;
import java.io.OutputStream;

/** Creates the files of a shard. */
@FunctionalInterface
public interface ShardFiles {

  /** A new file of this name; the caller closes it. */
  OutputStream create(String name) throws IOException;
}
