package io.moraine.jobs.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.model.checkpoint.CorruptDataException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.apache.hadoop.conf.Configuration;

/**
 * {@code data.json}: what a run is trained on, in order. More may come behind it; what is there
 * stays.
 */
record RunData(List<Entry> datasets) {

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /**
   * A dataset.
   *
   * @param path where it was; it may move
   * @param sequences to train on
   * @param sequenceLength tokens of each that the model sees
   * @param content what tells it from others: digests of settings and tokenizer, and its counts
   */
  record Entry(String path, long sequences, int sequenceLength, String content) {}

  RunData {
    datasets = List.copyOf(datasets);
  }

  static RunData of(Configuration hadoop, List<String> data) throws IOException {
    List<Entry> entries = new ArrayList<>();
    for (String path : data) {
      Manifest manifest = PreparedDataset.at(path).manifest(hadoop);
      entries.add(
          new Entry(
              path, manifest.counts().sequences(), manifest.sequenceLength(), content(manifest)));
    }
    return new RunData(entries);
  }

  private static String content(Manifest manifest) {
    return "%s-%s-%08x"
        .formatted(
            manifest.configurationDigest().substring(0, 16),
            manifest.tokenizerDigest().substring(0, 16),
            Objects.hash(manifest.counts().toString(), manifest.funnel().toString()));
  }

  static RunData parse(String text, String origin) throws CorruptDataException {
    try {
      return JSON.readValue(text, RunData.class);
    } catch (JsonProcessingException e) {
      throw new CorruptDataException(
          "%s is damaged: %s.".formatted(origin, e.getOriginalMessage()));
    }
  }

  String rendered() {
    try {
      return JSON.writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError("unreachable: a list of plain data", e);
    }
  }

  /** Tokens of a sequence that the model sees; the same in all datasets. */
  int sequenceLength() {
    return datasets.get(0).sequenceLength();
  }

  long sequences() {
    return datasets.stream().mapToLong(Entry::sequences).sum();
  }

  /**
   * Refuses to go on with a run on other data.
   *
   * @param now what it is given this time
   */
  void requireBeginningOf(RunData now, RunFolder run) {
    for (int i = 0; i < datasets.size(); i++) {
      Entry before = datasets.get(i);
      if (i >= now.datasets.size()) {
        throw new ConfigException(
            "the run %s was trained on %d datasets, this time it is given %d: --data %s is missing. Give all, in the same order, new ones behind them."
                .formatted(run.root(), datasets.size(), now.datasets.size(), before.path()));
      }
      Entry here = now.datasets.get(i);
      if (!before.content().equals(here.content()) || before.sequences() != here.sequences()) {
        throw new ConfigException(
            "--data %s is not the dataset that the run %s was trained on as number %d, then at %s (%,d sequences, here %,d). Give the same ones, in the same order, new ones behind them; or use another --run, or --resume never."
                .formatted(
                    here.path(),
                    run.root(),
                    i + 1,
                    before.path(),
                    before.sequences(),
                    here.sequences()));
      }
    }
  }
}
