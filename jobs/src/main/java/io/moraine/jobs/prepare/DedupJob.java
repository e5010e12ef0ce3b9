package io.moraine.jobs.prepare;

import io.moraine.jobs.config.DedupSettings;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.prepare.Manifest.FunnelStage;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import java.io.IOException;
import java.util.List;
import org.apache.spark.sql.SparkSession;

/** Deduplication alone: no rule cleans or rejects a text; cuts only where settings ask for them. */
public final class DedupJob {

  private final SparkSession spark;
  private final DedupSettings settings;
  private final Progress progress;

  public DedupJob(SparkSession spark, DedupSettings settings, Progress progress) {
    this.spark = spark;
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * Writes documents/, removed/, quarantine/, report/, the index and the manifest.
   *
   * @param tasks how many tasks read the input; changes no result
   * @throws CorpusException if the input is missing or holds no document
   */
  public DedupManifest run(DatasetPaths paths, int tasks) throws IOException {
    return HeldLeases.during(spark, progress, leases -> dedup(leases, paths, tasks));
  }

  private DedupManifest dedup(HeldLeases leases, DatasetPaths paths, int tasks) throws IOException {
    String key =
        RunKey.of(
            leases.hadoop(),
            "dedup",
            settings.digest(),
            settings.documents().decontamination(),
            paths.inputs(),
            "");
    DatasetRun run =
        DatasetRun.begin(
            leases, spark, settings.documents(), ResultKind.DEDUPLICATED, paths, key, progress);
    DocumentStages.Remaining remaining = run.stages().remaining(paths.inputs(), tasks);
    run.tables()
        .write(
            remaining.texts().select("id", "source", "url", "metadata", "text"),
            run.dataset().documents(),
            List.of("id"));
    List<FunnelStage> funnel = run.funnel().stages();
    DedupManifest manifest =
        new DedupManifest(
            Manifest.FORMAT_VERSION,
            settings.digest(),
            funnel,
            run.funnel().passedOver(),
            funnel.get(funnel.size() - 1).out(),
            settings.rendered());
    run.publish(manifest.rendered(), remaining.summary(), List.of());
    return manifest;
  }
}
