package io.moraine.jobs.shards;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.shard.ShardFormat;
import io.moraine.pipeline.spark.Shards;
import io.moraine.pipeline.spark.Shards.Shard;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalLong;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/** A prepared dataset's training and held-out sequences as shards of another trainer. */
public final class ShardsJob {

  private final SparkSession spark;
  private final Configuration hadoop;
  private final Progress progress;

  public ShardsJob(SparkSession spark, Progress progress) {
    this.spark = spark;
    this.hadoop = spark.sparkContext().hadoopConfiguration();
    this.progress = progress;
  }

  /**
   * Writes the shards; the folder appears when all are whole.
   *
   * @param data a prepared dataset
   * @param output folder to write; an earlier export there is replaced
   * @param shardTokens about how many tokens a shard has; empty for what is usual for the format
   * @throws ConfigException if the format cannot hold the vocabulary or shards of that size, or the
   *     folder has something else in it
   * @throws CorpusException if the sequences are not those that the manifest counts
   */
  public ShardsManifest run(
      ShardFormat format, String data, String output, OptionalLong shardTokens) throws IOException {
    return HeldLeases.during(
        spark, progress, leases -> write(leases, format, data, output, shardTokens));
  }

  private ShardsManifest write(
      HeldLeases leases, ShardFormat format, String data, String output, OptionalLong shardTokens)
      throws IOException {
    PreparedDataset dataset = PreparedDataset.at(data);
    Manifest manifest = dataset.manifest(hadoop);
    long tokens = shardTokens.orElse(format.usualShardTokens());
    requireFits(format, manifest.vocabularySize(), tokens);
    ShardsFolder folder = ShardsFolder.begin(leases, output);
    int endOfText = endOfText(dataset);
    long sequences = Math.max(1, tokens / (manifest.sequenceLength() + 1));
    progress.start("shards");
    List<Shard> train =
        write(
            dataset.sequences(),
            target("train", folder, format, manifest, endOfText, sequences),
            manifest.counts().trainTokens());
    List<Shard> heldOut =
        write(
            dataset.heldOut(),
            target("val", folder, format, manifest, endOfText, sequences),
            manifest.counts().heldOutTokens());
    ShardsManifest written =
        new ShardsManifest(
            format.written(),
            manifest.configurationDigest(),
            manifest.tokenizerDigest(),
            manifest.vocabularySize(),
            endOfText,
            train,
            heldOut);
    folder.publish(written);
    progress.done("%,d shards".formatted(train.size() + heldOut.size()));
    return written;
  }

  private static Shards.Target target(
      String name,
      ShardsFolder folder,
      ShardFormat format,
      Manifest manifest,
      int endOfText,
      long sequences) {
    return new Shards.Target(
        folder.staging(), name, format, manifest.vocabularySize(), endOfText, sequences);
  }

  private List<Shard> write(String sequences, Shards.Target target, long expectedTokens) {
    progress.update(target.name());
    List<Shard> shards;
    try {
      shards = Shards.write(spark.read().parquet(sequences), target);
    } catch (IllegalArgumentException e) {
      throw new ConfigException("--shard-tokens: %s.".formatted(e.getMessage()), e);
    }
    long tokens = shards.stream().mapToLong(Shard::tokens).sum();
    if (tokens != expectedTokens) {
      throw new CorpusException(
          "%s holds %,d tokens, the manifest says %,d. Run prepare again."
              .formatted(sequences, tokens, expectedTokens));
    }
    return shards;
  }

  private static void requireFits(ShardFormat format, int vocabularySize, long shardTokens) {
    if (shardTokens < 1) {
      throw new ConfigException(
          "--shard-tokens must be at least 1, got %d.".formatted(shardTokens));
    }
    try {
      format.requireFits(vocabularySize);
    } catch (IllegalArgumentException e) {
      throw new ConfigException("--format: %s.".formatted(e.getMessage()), e);
    }
    try {
      format.requireShardTokens(shardTokens);
    } catch (IllegalArgumentException e) {
      throw new ConfigException("--shard-tokens: %s.".formatted(e.getMessage()), e);
    }
  }

  private int endOfText(PreparedDataset dataset) throws IOException {
    Path file = new Path(dataset.tokenizer());
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      Tokenizer tokenizer =
          TokenizerJson.read(new String(in.readAllBytes(), StandardCharsets.UTF_8));
      return tokenizer.endOfText().orElseThrow();
    }
  }
}
