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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.apache.hadoop.conf.Configuration;
import scala.collection.Iterator;
import scala.jdk.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * The sequences of a run as a rank reads them.
 *
 * @param data whose they are
 * @param scratch local folder for the sequences that are mapped into memory
 */
record RankSequences(Configuration hadoop, RunData data, Path scratch) {

  /** Those to train on, from the datasets' files. */
  TokenSource trainedOn() throws IOException {
    return open(PreparedDataset::sequences, Counts::sequences);
  }

  /** Those kept aside for evaluation; may be none. */
  TokenSource heldOut() throws IOException {
    return open(PreparedDataset::heldOut, Counts::heldOutSequences);
  }

  /** Of all datasets, in order. */
  private TokenSource open(Function<PreparedDataset, String> folder, ToLongFunction<Counts> count)
      throws IOException {
    List<TokenSource> sources = new ArrayList<>();
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
    return new JoinedTokenSource(sources);
  }

  /**
   * Those to train on, from RAPIDS's tables, which come in the order that the trainer asks for.
   *
   * @param tables in the device's memory; closed when they are read
   * @param hasDocuments whether batches say which documents tokens are of
   * @throws ConfigException if the rank computes on the processor
   */
  BatchReader trainedOn(Iterator<Object> tables, Device device, boolean hasDocuments) {
    if (!device.isCuda()) {
      throw new ConfigException(
          "train.engine.batches = device needs a GPU, and this rank computes on the processor: this machine lacks %s."
              .formatted(String.join("; ", Torch.missingForCuda())));
    }
    ColumnarTables.Adapter adapter = ColumnarTables.adapter();
    return new DeviceBatches(
        CollectionConverters.IteratorHasAsJava(tables.map(adapted(adapter))).asJava(),
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
}
