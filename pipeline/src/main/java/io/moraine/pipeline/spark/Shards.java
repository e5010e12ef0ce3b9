package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import io.moraine.pipeline.shard.ShardFiles;
import io.moraine.pipeline.shard.ShardFormat;
import io.moraine.pipeline.shard.ShardWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Packed sequences as shards of another trainer's format, written by the tasks themselves. A shard
 * has the documents that begin in a run of sequences of fixed length, each of them whole.
 */
public final class Shards {

  private Shards() {}

  /**
   * Where shards go and what is in them.
   *
   * @param folder any Hadoop path
   * @param name first part of the files' names
   * @param format of the files
   * @param vocabularySize number of token ids
   * @param endOfText id that ends each document
   * @param sequencesPerShard how many sequences a shard's documents begin in
   */
  public record Target(
      String folder,
      String name,
      ShardFormat format,
      int vocabularySize,
      int endOfText,
      long sequencesPerShard)
      implements Serializable {

    /** What the files of a shard are called, without their ending. */
    public String prefix(long shard) {
      return String.format(Locale.ROOT, "%s_%06d", name, shard);
    }
  }

  /**
   * A shard that was written.
   *
   * @param prefix what its files are called, without their ending
   * @param documents in it, copies counted
   * @param tokens in it
   */
  public record Shard(String prefix, long documents, long tokens) implements Serializable {}

  /**
   * Writes the shards of sequences.
   *
   * @param sequences as {@link SequenceTable#SEQUENCES}
   * @return the shards in order
   * @throws IllegalArgumentException if a shard has more tokens than the format allows
   * @cost two shuffles of the tokens
   */
  public static List<Shard> write(Dataset<Row> sequences, Target target) {
    Column shard = expr("sequence_id div " + target.sequencesPerShard() + "L");
    Map<Long, Shard> plan =
        plan(PackedDocuments.lengths(sequences).withColumn("shard", shard), target);
    Configuration hadoop = sequences.sparkSession().sparkContext().hadoopConfiguration();
    long written =
        PackedDocuments.of(sequences)
            .withColumn("shard", shard)
            .repartition(col("shard"))
            .sortWithinPartitions("shard", "sequence_id", "start")
            .select("shard", "tokens")
            .mapPartitions(
                new WriteShards(target, plan, new SerializableConfiguration(hadoop)),
                Encoders.LONG())
            .collectAsList()
            .size();
    if (written != plan.size()) {
      throw new AssertionError("%d shards were written of %d".formatted(written, plan.size()));
    }
    return new ArrayList<>(plan.values());
  }

  private static Map<Long, Shard> plan(Dataset<Row> lengths, Target target) {
    List<Row> rows =
        new ArrayList<>(
            lengths.groupBy("shard").agg(count(lit(1)), sum("n_tokens")).collectAsList());
    rows.sort(Comparator.comparingLong(row -> row.getLong(0)));
    Map<Long, Shard> plan = new LinkedHashMap<>();
    for (Row row : rows) {
      long tokens = row.getLong(2);
      target.format().requireShardTokens(tokens);
      plan.put(row.getLong(0), new Shard(target.prefix(plan.size()), row.getLong(1), tokens));
    }
    return plan;
  }

  /** (shard, tokens) in order to files; the numbers of the shards written. */
  private static final class WriteShards implements MapPartitionsFunction<Row, Long> {

    private static final long serialVersionUID = 1L;

    private final Target target;
    private final Map<Long, Shard> plan;
    private final SerializableConfiguration hadoop;

    WriteShards(Target target, Map<Long, Shard> plan, SerializableConfiguration hadoop) {
      this.target = target;
      this.plan = plan;
      this.hadoop = hadoop;
    }

    @Override
    public Iterator<Long> call(Iterator<Row> documents) throws IOException {
      List<Long> written = new ArrayList<>();
      Row ahead = documents.hasNext() ? documents.next() : null;
      while (ahead != null) {
        long shard = ahead.getLong(0);
        AttemptFiles files = new AttemptFiles(target.folder(), hadoop.value());
        Shard planned = plan.get(shard);
        try (ShardWriter writer =
            target
                .format()
                .writer(
                    planned.prefix(),
                    files,
                    planned.tokens(),
                    target.vocabularySize(),
                    target.endOfText())) {
          while (ahead != null && ahead.getLong(0) == shard) {
            writer.add(SequenceTable.ints(ahead.getList(1)));
            ahead = documents.hasNext() ? documents.next() : null;
          }
        }
        files.giveNames();
        written.add(shard);
      }
      return written.iterator();
    }
  }

  /** Files under names of this attempt of a task until they are whole: another may run too. */
  private static final class AttemptFiles implements ShardFiles {

    private final FileSystem files;
    private final Path folder;
    private final String suffix = "." + TaskContext.get().taskAttemptId() + ".unfinished";
    private final List<String> names = new ArrayList<>();

    AttemptFiles(String folder, Configuration hadoop) throws IOException {
      this.folder = new Path(folder);
      this.files = this.folder.getFileSystem(hadoop);
    }

    @Override
    public OutputStream create(String name) throws IOException {
      names.add(name);
      return files.create(new Path(folder, name + suffix), true);
    }

    void giveNames() throws IOException {
      for (String name : names) {
        Path file = new Path(folder, name);
        files.delete(file, false);
        if (!files.rename(new Path(folder, name + suffix), file)) {
          throw new IOException(
              "cannot move %s to its name.".formatted(new Path(folder, name + suffix)));
        }
      }
    }
  }
}
