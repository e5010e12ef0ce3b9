package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.tensor.Slice;
import io.moraine.model.train.TrainableModel;
import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;

/**
 * Where a run's checkpoints have the weights of a module of BigDL's: a line for each of its slices.
 * The settings do not say it, and a user's class may make another module by now.
 */
final class ModuleSlices {

  private ModuleSlices() {}

  /** Writes them into the run's folder, unless it has checkpoints of them. */
  static void record(LeasedWriter writer, RunFolder run, TrainableModel model) throws IOException {
    if (!areRecorded(writer.hadoop(), run)) {
      writer.replace(run.moduleSlices(), String.join("\n", lines(model)) + "\n");
    }
  }

  /**
   * Requires that a module is the one that the run's checkpoints are of.
   *
   * @throws ConfigException if it has other slices, or the same in another order
   */
  static void requireSame(Configuration hadoop, RunFolder run, TrainableModel model)
      throws IOException {
    if (!areRecorded(hadoop, run)) {
      return;
    }
    List<String> before = run.read(hadoop, run.moduleSlices()).lines().toList();
    List<String> now = lines(model);
    for (int i = 0; i < Math.max(before.size(), now.size()); i++) {
      String there = i < before.size() ? before.get(i) : "nothing";
      String here = i < now.size() ? now.get(i) : "nothing";
      if (!there.equals(here)) {
        throw new ConfigException(
            "the run %s has checkpoints of another module: slice %d of its weights is %s there and %s here. Set the module back, use another --run, or --resume never."
                .formatted(run.root(), i, there, here));
      }
    }
  }

  private static boolean areRecorded(Configuration hadoop, RunFolder run) throws IOException {
    return new Checkpoints(new HadoopStorage(hadoop, run.root())).hasBegun()
        && run.moduleSlices().getFileSystem(hadoop).exists(run.moduleSlices());
  }

  private static List<String> lines(TrainableModel model) {
    return model.parameters().slices().stream().map(Slice::toString).toList();
  }
}
