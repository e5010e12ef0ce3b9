package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.EngineSettings.BigDlChoice;
import io.moraine.jobs.config.ModelSettings;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.train.TrainConfig;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;

/** What must hold before a run is trained: of its data, of the cluster, of what it was before. */
final class TrainRequirements {

  private final SparkSession spark;
  private final Configuration hadoop;
  private final TrainSettings settings;

  TrainRequirements(SparkSession spark, TrainSettings settings) {
    this.spark = spark;
    this.hadoop = spark.sparkContext().hadoopConfiguration();
    this.settings = settings;
  }

  /**
   * The datasets, if they can be trained on together by these settings.
   *
   * @throws ConfigException if they cannot
   */
  RunData data(List<String> data) throws IOException {
    RunData given = RunData.of(hadoop, data);
    Manifest first = PreparedDataset.at(data.get(0)).manifest(hadoop);
    requireFit(data.get(0), first);
    for (String path : data.subList(1, data.size())) {
      requireAlike(path, PreparedDataset.at(path).manifest(hadoop), data.get(0), first);
    }
    if (given.sequences() == 0) {
      throw new ConfigException(
          "%s holds no sequence to train on: prepare more text, or a smaller held-out.fraction."
              .formatted(String.join(", ", data)));
    }
    return given;
  }

  private void requireFit(String data, Manifest manifest) {
    if (settings.engine().bigDl().isUsers()) {
      return;
    }
    if (settings.model().vocabularySize() < manifest.vocabularySize()) {
      throw new ConfigException(
          "model.vocabulary-size must be at least the dataset's %d, got %d. Change it, or prepare %s with --vocab-size %d."
              .formatted(
                  manifest.vocabularySize(),
                  settings.model().vocabularySize(),
                  data,
                  settings.model().vocabularySize()));
    }
    if (settings.model().maxSequenceLength() < manifest.sequenceLength()) {
      throw new ConfigException(
          "model.max-sequence-length must be at least the dataset's %d, got %d."
              .formatted(manifest.sequenceLength(), settings.model().maxSequenceLength()));
    }
  }

  private static void requireAlike(
      String data, Manifest manifest, String first, Manifest expected) {
    if (!manifest.tokenizerDigest().equals(expected.tokenizerDigest())
        || manifest.sequenceLength() != expected.sequenceLength()) {
      throw new ConfigException(
          "--data %s has another tokenizer or sequence length than %s. Prepare it with --tokenizer %s and the same sequences.length."
              .formatted(data, first, PreparedDataset.at(first).tokenizer()));
    }
  }

  /**
   * Requires settings with which all ranks can run at once, in local mode slots for them too (of a
   * cluster's {@link SlotWait} waits), and work for each in every step.
   *
   * @throws ConfigException if not
   */
  void requireSlots(int ranks) {
    SparkContext context = spark.sparkContext();
    int slots = LocalThreads.slots(context);
    if (context.getConf().getBoolean("spark.dynamicAllocation.enabled", false)) {
      throw new ConfigException(
          "all ranks begin at once, which Spark does with a fixed number of executors alone: set spark.dynamicAllocation.enabled to false.");
    }
    if (ranks < 1) {
      throw new ConfigException("--ranks must be at least 1, got %d.".formatted(ranks));
    }
    if (context.isLocal() && ranks > slots) {
      throw new ConfigException(
          "--ranks %d need as many slots at once, --master %s has %d. Use --master 'local[%d]' or fewer ranks."
              .formatted(
                  ranks, context.master(), slots, ranks * LocalThreads.coresPerTask(context)));
    }
    if (settings.train().batch().smallest() < ranks) {
      throw new ConfigException(
          "%s must be at least the number of ranks, got %d and %d."
              .formatted(
                  settings.train().batch().rampTokens() > 0
                      ? "train.batch-ramp.from"
                      : "train.sequences-per-step",
                  settings.train().batch().smallest(),
                  ranks));
    }
  }

  /**
   * Requires that a run can be gone on with: it has the same model, and once it has begun the same
   * order of the same data, behind which more may come.
   *
   * @param checkpoints of the run
   * @param given what it is given this time
   * @throws ConfigException if it is another one
   */
  void requireSame(RunFolder run, Checkpoints checkpoints, RunData given) throws IOException {
    TrainSettings before =
        TrainSettings.recorded(run.read(hadoop, run.settings()), run.settings().toString());
    requireEqual(
        run, "model", ModelSettings.of(before.model()), ModelSettings.of(settings.model()));
    if (checkpoints.hasBegun()) {
      BigDlChoice there = before.engine().bigDl();
      BigDlChoice here = settings.engine().bigDl();
      requireEqual(run, "model", there.kindAsSetting(), here.kindAsSetting());
      requireEqual(run, "model", there.asSettings(), here.asSettings());
      requireEqual(run, "order of the data", order(before.train()), order(settings.train()));
      if (run.data().getFileSystem(hadoop).exists(run.data())) {
        RunData.parse(run.read(hadoop, run.data()), run.data().toString())
            .requireBeginningOf(given, run);
      }
    }
  }

  /** What decides which sequences are in which step. */
  private static Map<String, Object> order(TrainConfig train) {
    TrainConfig.Batch batch = train.batch();
    Map<String, Object> order = new HashMap<>();
    order.put("train.seed", train.seed());
    order.put("train.sequences-per-step", batch.sequencesPerStep());
    order.put("train.batch-ramp.tokens", batch.rampTokens());
    if (batch.rampTokens() > 0) {
      order.put("train.batch-ramp.from", batch.rampFrom());
    }
    return order;
  }

  private static void requireEqual(
      RunFolder run, String what, Map<String, Object> before, Map<String, Object> now) {
    TreeSet<String> keys = new TreeSet<>(before.keySet());
    keys.addAll(now.keySet());
    for (String key : keys) {
      Object there = before.getOrDefault(key, "unused");
      Object here = now.getOrDefault(key, "unused");
      if (!there.equals(here)) {
        throw new ConfigException(
            "the run %s has another %s: %s is %s there and %s here. Set it back, use another --run, or --resume never."
                .formatted(run.root(), what, key, there, here));
      }
    }
  }
}
