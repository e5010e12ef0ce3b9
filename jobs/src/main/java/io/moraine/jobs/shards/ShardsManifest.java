package io.moraine.jobs.shards;

import io.moraine.pipeline.spark.Shards.Shard;
import java.util.List;

/**
 * {@code shards.json}: what an export is. Other trainers do not read it.
 *
 * @param format as {@code --format} takes it
 * @param configurationDigest of the prepared dataset
 * @param tokenizerDigest of the prepared dataset
 * @param vocabularySize number of token ids
 * @param endOfText id that separates documents
 * @param train shards of the training sequences
 * @param val shards of the held-out sequences
 */
public record ShardsManifest(
    String format,
    String configurationDigest,
    String tokenizerDigest,
    int vocabularySize,
    int endOfText,
    List<Shard> train,
    List<Shard> val) {

  public ShardsManifest {
    train = List.copyOf(train);
    val = List.copyOf(val);
  }
}
