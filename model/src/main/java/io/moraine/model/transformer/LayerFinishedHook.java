package io.moraine.model.transformer;

import io.moraine.model.tensor.GradientHook;
import io.moraine.model.tensor.Hooks;
import java.util.Iterator;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Tensor;

/**
 * Tells when backward has finished a layer and all behind it. The hook sits on a view of the
 * layer's input: backward runs later operations first, and what the layer does with its weights
 * comes after that view. A weight of an earlier layer that is used behind it again stands in front
 * of it.
 */
final class LayerFinishedHook extends GradientHook {

  private final LongConsumer finished;
  private final long from;

  private LayerFinishedHook(Hooks hooks, LongConsumer finished, long from) {
    super(hooks);
    this.finished = finished;
    this.from = from;
  }

  /**
   * Runs all layers in order.
   *
   * @param starts the first gradient of each layer
   */
  static LayerRun announced(LayerRun run, Hooks hooks, List<Long> starts, LongConsumer finished) {
    Iterator<Long> next = starts.iterator();
    return (layer, h, context) -> {
      Tensor input = h.view_as(h);
      hooks.put(new LayerFinishedHook(hooks, finished, next.next()), input);
      return run.forward(layer, input, context);
    };
  }

  @Override
  protected Tensor answer(Tensor gradient) {
    finished.accept(from);
    return gradient;
  }
}
