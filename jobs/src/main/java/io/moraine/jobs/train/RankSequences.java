package io.moraine.jobs.train;

import io.moraine.jobs.batch.ColumnarTables;
import io.moraine.jobs.batch.DeviceBatches;
import io.moraine.jobs.batch.DeviceTable;
import io.moraine.jobs.batch.ParquetTokenSource;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.Manifest.Counts;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.model.data.BatchReader;
import io.moraine.model.data.JoinedTokenSource;
import io.moraine.model.data.TokenSource;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Torch;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.apache.hadoop.conf.Configuration;
import scala.collection.Iterator;
import scala.jdk.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * The sequences of a run as a rank reads them. Files are read by a thread of their own from {@link
 * #begin} on, while ranks find each other at Spark's barrier, which looks once a second.
 */
final class RankSequences implements AutoCloseable {

  private final Configuration hadoop;
  private final RunData data;
  private final Optional<Iterator<Object>> tables;
  private final FutureTask<TokenSource> trainedOn =
      new FutureTask<>(() -> open(PreparedDataset::sequences, Counts::sequences));
  private final FutureTask<TokenSource> heldOut =
      new FutureTask<>(() -> open(PreparedDataset::heldOut, Counts::heldOutSequences));

  private RankSequences(Configuration hadoop, RunData data, Optional<Iterator<Object>> tables) {
    this.hadoop = hadoop;
    this.data = data;
    this.tables = tables;
  }

  /**
   * Begins to read files.
   *
   * @param data whose sequences they have
   * @param tables RAPIDS's, in a device's memory, of those to train on in the trainer's order,
   *     closed when they are read; if there are none files are read
   */
  static RankSequences begin(
      Configuration hadoop, RunData data, Optional<Iterator<Object>> tables) {
    RankSequences sequences = new RankSequences(hadoop, data, tables);
    Thread opener = new Thread(sequences::openAll, "moraine sequences");
    opener.setDaemon(true);
    opener.start();
    return sequences;
  }

  private void openAll() {
    if (tables.isEmpty()) {
      trainedOn.run();
    }
    heldOut.run();
  }

  /** Whose they are. */
  RunData data() {
    return data;
  }

  /**
   * Those to train on; waits until files are read.
   *
   * @param device that tables are on
   * @param hasDocuments whether batches of tables say which documents tokens are of
   * @throws ConfigException if there are tables, and the rank computes on the processor
   */
  BatchReader trainedOn(Device device, boolean hasDocuments) throws IOException {
    return tables.isPresent() ? onDevice(tables.get(), device, hasDocuments) : opened(trainedOn);
  }

  /** Those kept aside for evaluation, which may be none; waits until they are read. */
  TokenSource heldOut() throws IOException {
    return opened(heldOut);
  }

  private static TokenSource opened(FutureTask<TokenSource> source) throws IOException {
    try {
      return source.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted =
          new InterruptedIOException("interrupted as it waited for the sequences");
      interrupted.initCause(e);
      throw interrupted;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException unreadable) {
        throw unreadable;
      }
      if (e.getCause() instanceof RuntimeException wrong) {
        throw wrong;
      }
      if (e.getCause() instanceof Error fatal) {
        throw fatal;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  /** Of all datasets, in order. */
  private TokenSource open(Function<PreparedDataset, String> folder, ToLongFunction<Counts> count)
      throws IOException {
    List<TokenSource> sources = new ArrayList<>();
    Path scratch = Files.createTempDirectory("moraine-sequences-");
    try {
      for (RunData.Entry given : data.datasets()) {
        PreparedDataset dataset = PreparedDataset.at(given.path());
        Manifest manifest = dataset.manifest(hadoop);
        sources.add(
            ParquetTokenSource.open(
                hadoop,
                folder.apply(dataset),
                count.applyAsLong(manifest.counts()),
                manifest.sequenceLength(),
                scratch));
      }
    } finally {
      Files.deleteIfExists(scratch);
    }
    return new JoinedTokenSource(sources);
  }

  private BatchReader onDevice(Iterator<Object> given, Device device, boolean hasDocuments) {
    if (!device.isCuda()) {
      throw new ConfigException(
          "train.engine.batches = device needs a GPU, and this rank computes on the processor: this machine lacks %s."
              .formatted(String.join("; ", Torch.missingForCuda())));
    }
    ColumnarTables.Adapter adapter = ColumnarTables.adapter();
    return new DeviceBatches(
        CollectionConverters.IteratorHasAsJava(given.map(adapted(adapter))).asJava(),
        data.sequences(),
        data.sequenceLength(),
        device,
        hasDocuments);
  }

  private static AbstractFunction1<Object, DeviceTable> adapted(ColumnarTables.Adapter adapter) {
    return new AbstractFunction1<>() {
      @Override
      public DeviceTable apply(Object table) {
        return adapter.of(table);
      }
    };
  }

  /** Interrupts what is still read; does not wait until it has ended. */
  @Override
  public void close() {
    trainedOn.cancel(true);
    heldOut.cancel(true);
  }
}
