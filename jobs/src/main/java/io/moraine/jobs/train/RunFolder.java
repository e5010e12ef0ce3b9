package io.moraine.jobs.train;

import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.Leased;
import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.lease.WholeFiles;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.model.checkpoint.CorruptDataException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The folder layout of a training run (docs/formats.md), on any Hadoop file system that all ranks
 * reach.
 *
 * @param root the run's folder
 */
public record RunFolder(Path root) {

  /** The run at a path given by a user. */
  public static RunFolder at(String path) {
    return new RunFolder(new Path(path));
  }

  /** The resolved settings of the run, JSON. */
  Path settings() {
    return new Path(root, "settings.json");
  }

  /** A copy of the dataset's tokenizer, so that the run stands alone. */
  Path tokenizer() {
    return new Path(root, "tokenizer.json");
  }

  /** A copy of the BigDL module that it was started with, if it was started with a file. */
  Path module() {
    return new Path(root, "module.bigdl");
  }

  /** Where its checkpoints have the weights of a BigDL module. */
  Path moduleSlices() {
    return new Path(root, "module.slices");
  }

  /** What it is trained on. */
  Path data() {
    return new Path(root, "data.json");
  }

  /** Where the run stands, rewritten while it trains. */
  Path status() {
    return new Path(root, "status.json");
  }

  /** Claims to the right to train here, and the desk of who has it. */
  Path lease() {
    return new Path(root, "lease");
  }

  /** What the lease is of. */
  Leased leased() {
    return new Leased(root, lease(), "being trained", "--run");
  }

  /** Made by a person it ends training, and keeps it from starting until it is removed. */
  Path stop() {
    return new Path(root, "stop");
  }

  /** One Parquet file for the steps from a checkpoint to the next. */
  public Path metrics() {
    return new Path(root, "metrics");
  }

  /** One Parquet file per step that texts were written after. */
  public Path samples() {
    return new Path(root, "samples");
  }

  /** TensorBoard event files. */
  public Path tensorBoard() {
    return new Path(root, "tensorboard");
  }

  /**
   * The settings that the run recorded.
   *
   * @throws FileNotFoundException if the folder is no run
   */
  public TrainSettings recordedSettings(Configuration hadoop) throws IOException {
    return TrainSettings.recorded(read(hadoop, settings()), settings().toString());
  }

  /**
   * Tokens of a sequence that the run is trained on.
   *
   * @throws FileNotFoundException if it has no checkpoint yet
   */
  public int sequenceLength(Configuration hadoop) throws IOException {
    int length = RunData.parse(read(hadoop, data()), data().toString()).sequenceLength();
    if (length == 0) {
      throw new CorruptDataException(
          "%s has no sequence_length, it is of an earlier version. Go on with the run: its next checkpoint writes it."
              .formatted(data()));
    }
    return length;
  }

  /** {@link #sequenceLength}; none before the first checkpoint, which records it. */
  public OptionalInt knownSequenceLength(Configuration hadoop) throws IOException {
    return data().getFileSystem(hadoop).exists(data())
        ? OptionalInt.of(sequenceLength(hadoop))
        : OptionalInt.empty();
  }

  boolean exists(Configuration hadoop) throws IOException {
    return settings().getFileSystem(hadoop).exists(settings());
  }

  /** Whether the run's tokenizer is the dataset's, to the byte. */
  boolean hasTokenizerOf(Configuration hadoop, PreparedDataset dataset) throws IOException {
    return read(hadoop, tokenizer()).equals(text(hadoop, new Path(dataset.tokenizer())));
  }

  /** Copies a BigDL module, so that the run stands alone. */
  void keepModule(LeasedWriter writer, Path source) throws IOException {
    writer.replace(
        module(),
        out -> {
          try (InputStream in = source.getFileSystem(writer.hadoop()).open(source)) {
            in.transferTo(out);
          }
        });
  }

  /**
   * Requires that there is no file {@code stop}.
   *
   * @throws TryLaterException if there is
   */
  void requireUnstopped(Configuration hadoop) throws IOException {
    if (stop().getFileSystem(hadoop).exists(stop())) {
      throw new TryLaterException(
          "%s is kept from training by the file %s. Remove it to go on.".formatted(root, stop()));
    }
  }

  String read(Configuration hadoop, Path file) throws IOException {
    FileSystem files = file.getFileSystem(hadoop);
    if (!files.exists(file)) {
      throw new FileNotFoundException(
          "%s is not a training run: it has no %s. Start one with: moraine train --data DATASET --run %s"
              .formatted(root, file.getName(), root));
    }
    return text(hadoop, file);
  }

  /** A small file. */
  static String text(Configuration hadoop, Path file) throws IOException {
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Replaces a small file as a whole, where nobody has a lease. */
  public static void replace(Configuration hadoop, Path file, String text) throws IOException {
    WholeFiles.of(hadoop, file).write(file, text);
  }

  /**
   * Puts small files in their places whose replacement a killed process left undone, on a file
   * system where that is more than one step. Only for a run that has checkpoints, which has had
   * each of them: a draft is whole then.
   */
  void finishReplacing(Configuration hadoop, Desk desk) throws IOException {
    WholeFiles files = WholeFiles.of(hadoop, root);
    for (Path file : List.of(settings(), tokenizer(), data(), module(), moduleSlices())) {
      for (Path draft : desk.earlierDrafts(file.getName())) {
        if (!files.system().exists(file)) {
          files.rename(draft, file);
        }
      }
    }
  }
}
