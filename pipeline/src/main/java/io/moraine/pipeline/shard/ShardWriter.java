package io.moraine.pipeline.shard;

import java.io.Closeable;
import java.io.IOException;

/** Writes one shard, document by document. */
public interface ShardWriter extends Closeable {

  /**
   * Writes the next document.
   *
   * @param tokens the last one is the end-of-text; not modified
   */
  void add(int[] tokens) throws IOException;

  /**
   * Completes the shard.
   *
   * @throws IOException if other than the announced number of tokens were written
   */
  @Override
  void close() throws IOException;
}
