package io.moraine.model.transformer;

import io.moraine.model.moe.ExpertPlacement;
import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.TorchFlatBuffer;
import io.moraine.model.train.RankParameters;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * What of a model's weights a rank has, and where.
 *
 * @param rankParameters in the trainer's terms
 * @param parameters first those that every rank has, then those of the rank's own experts
 * @param gradients likewise, but of own experts once for each rank whose tokens come to them
 */
record HeldWeights(RankParameters rankParameters, List<Slice> parameters, List<Slice> gradients) {

  /** All of them. */
  static HeldWeights whole(List<Slice> all) {
    return new HeldWeights(RankParameters.whole(all), all, all);
  }

  /** Those of all but routed experts, and of these a rank's own. */
  static HeldWeights ofOwner(List<Slice> all, ExpertPlacement placement, int rank) {
    Placing parameters = new Placing();
    List<Slice> own = new ArrayList<>();
    for (Slice slice : all) {
      OptionalInt expert = WeightLayout.expert(slice);
      if (expert.isEmpty()) {
        parameters.add(slice.name(), slice);
      } else if (placement.owns(rank, expert.getAsInt())) {
        own.add(slice);
      }
    }
    Placing gradients = new Placing(parameters);
    long common = parameters.next;
    own.forEach(slice -> parameters.add(slice.name(), slice));
    for (int source = 0; source < placement.worldSize(); source++) {
      for (Slice slice : own) {
        gradients.add(slice.name() + ofSource(source), slice);
      }
    }
    return new HeldWeights(new RankParameters(all, common), parameters.slices, gradients.slices);
  }

  /** Ends the name of the gradient that a rank's tokens give an expert on another one. */
  static String ofSource(int source) {
    return "@" + source;
  }

  /** The name of a gradient's parameter. */
  static String parameter(String gradient) {
    return gradient.replaceFirst("@\\d+$", "");
  }

  /** Slices one behind the other. */
  private static final class Placing {

    private final List<Slice> slices;
    private long next;

    Placing() {
      this.slices = new ArrayList<>();
    }

    Placing(Placing before) {
      this.slices = new ArrayList<>(before.slices);
      this.next = before.next;
    }

    void add(String name, Slice like) {
      slices.add(new Slice(name, next, like.shape()));
      next = TorchFlatBuffer.aligned(next + like.length());
    }
  }
}
