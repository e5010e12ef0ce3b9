package io.moraine.jobs.train;

import io.moraine.jobs.config.EngineSettings.BigDlChoice;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.collective.Communicator;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.tensor.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What people are told before a rank trains: settings without effect, and what was chosen. */
final class RankNotices {

  private RankNotices() {}

  /** A line each; often none. */
  static List<String> of(TrainSettings settings, Device device, Communicator communicator) {
    List<String> notices = new ArrayList<>();
    if (settings.samples().areWanted() && settings.experts().isPresent()) {
      notices.add(
          "no samples are written: with train.experts.placement = owners no rank has all experts");
    }
    if (settings.samples().areWanted() && settings.engine().isBigDl()) {
      notices.add("no samples are written: the BigDL engine does not generate");
    }
    if (settings.engine().bigDl().kind() == BigDlChoice.Kind.TRANSFORMER) {
      notices.add(
          "BigDL's Transformer has positions and norms of its own: model.rotary and model.norm-epsilon have no effect");
    }
    about(settings, device).ifPresent(notices::add);
    communicator.whyFlat().ifPresent(why -> notices.add("train.wire.hierarchy: " + why));
    return notices;
  }

  /** Where it computes, if that is not what was to be expected. */
  private static Optional<String> about(TrainSettings settings, Device device) {
    if (device.isCuda()) {
      return Optional.of("computes on " + device);
    }
    List<String> missing =
        settings.engine().isBigDl() || settings.engine().device() == DeviceChoice.CPU
            ? List.of()
            : Torch.missingForCuda();
    return missing.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "train.engine.device = auto: computes on the processor, since this machine lacks "
                + String.join("; ", missing));
  }
}
