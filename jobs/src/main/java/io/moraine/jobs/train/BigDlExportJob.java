package io.moraine.jobs.train;

import io.moraine.bigdl.BigDlModule;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.tensor.Slice;
import io.moraine.model.train.CheckpointWeights;
import io.moraine.model.train.TrainableModel;
import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** A run's newest checkpoint as a module in BigDL's own format; needs no Spark. */
public final class BigDlExportJob {

  private BigDlExportJob() {}

  /**
   * What was exported.
   *
   * @param step of the checkpoint
   * @param parameters all weights
   */
  public record Exported(long step, long parameters) {}

  /**
   * Writes the file, whole or not at all.
   *
   * @param output a file, which is replaced
   * @param progress is told of newer checkpoints that are damaged
   * @throws TryLaterException if another process writes it
   * @throws ConfigException if the run trains no module of BigDL's, or its format cannot hold it
   */
  public static Exported export(
      Configuration hadoop, RunFolder run, String output, BigDlJars jars, Progress progress)
      throws IOException {
    TrainSettings settings = run.recordedSettings(hadoop);
    if (settings.configuredModel().isPresent()) {
      throw new ConfigException(
          "%s trains the model of its settings, whose layers BigDL does not have. Export it without --format bigdl."
              .formatted(run.root()));
    }
    return HeldLeases.during(
        hadoop, progress, leases -> write(leases, run, settings, output, jars, progress));
  }

  private static Exported write(
      HeldLeases leases,
      RunFolder run,
      TrainSettings settings,
      String output,
      BigDlJars jars,
      Progress progress)
      throws IOException {
    Configuration hadoop = leases.hadoop();
    Path named = new Path(output);
    FileSystem files = named.getFileSystem(hadoop);
    Path target = files.makeQualified(named);
    Desk desk = leases.replacing(output, "--output");
    desk.restore(ModelFolder.STAGING, target);
    if (files.exists(target) && files.getFileStatus(target).isDirectory()) {
      throw new ConfigException("--output %s is a folder, a file is wanted.".formatted(output));
    }
    desk.deleteEarlier();
    Checkpoints checkpoints = new Checkpoints(new HadoopStorage(hadoop, run.root()));
    Checkpoint newest = TrainedModel.newest(run, checkpoints, progress);
    try (TrainableModel model =
        BigDlModels.of(
            hadoop, run, settings, run.sequenceLength(hadoop), jars.classPath("--format bigdl"))) {
      requireSameSize(run, newest, model);
      ModuleSlices.requireSame(hadoop, run, model);
      CheckpointWeights.load(model, checkpoints, newest, settings.train().wire().weights());
      try {
        LeasedWriter.holder(hadoop, target.getParent(), desk)
            .replace(target, ((BigDlModule) model)::write);
      } catch (IllegalArgumentException e) {
        throw new ConfigException("%s.".formatted(e.getMessage()), e);
      } finally {
        files.delete(new Path(desk.drafts(), target.getName()), false);
      }
      long parameters = model.parameters().slices().stream().mapToLong(Slice::length).sum();
      return new Exported(newest.step(), parameters);
    }
  }

  private static void requireSameSize(RunFolder run, Checkpoint checkpoint, TrainableModel model) {
    if (checkpoint.state().length() != model.parameters().length()) {
      throw new ConfigException(
          "%s has a checkpoint of %,d elements, and the module has %,d now: it is another one."
              .formatted(run.root(), checkpoint.state().length(), model.parameters().length()));
    }
  }
}
