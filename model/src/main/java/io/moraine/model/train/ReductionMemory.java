package io.moraine.model.train;

import io.moraine.model.reduction.StateTensor;
import java.util.ArrayList;
import java.util.List;

/**
 * What a reduction carried before a step: reducing has changed it by the time that the step is
 * known to be bad.
 */
final class ReductionMemory {

  private final List<float[]> kept = new ArrayList<>();

  void keep(List<StateTensor> state) {
    if (kept.isEmpty()) {
      state.forEach(tensor -> kept.add(new float[tensor.values().length]));
    }
    for (int i = 0; i < kept.size(); i++) {
      System.arraycopy(state.get(i).values(), 0, kept.get(i), 0, kept.get(i).length);
    }
  }

  void putBack(List<StateTensor> state) {
    for (int i = 0; i < kept.size(); i++) {
      System.arraycopy(kept.get(i), 0, state.get(i).values(), 0, kept.get(i).length);
    }
  }
}
