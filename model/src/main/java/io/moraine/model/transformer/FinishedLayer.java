package io.moraine.model.transformer;

import java.util.Iterator;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;

/**
 * Tells when backward has finished a layer and all behind it. The hook sits on a view of the
 * layer's input: backward runs later operations first, and what the layer does with its weights
 * comes after that view. A weight of an earlier layer that is used behind it again stands in front
 * of it.
 */
final class FinishedLayer extends VoidTensorHook {

  private final LongConsumer finished;
  private final long from;

  private FinishedLayer(LongConsumer finished, long from) {
    this.finished = finished;
    this.from = from;
  }

  /**
   * Runs all layers in order, within a scope that lasts until backward is done.
   *
   * @param starts the first gradient of each layer
   */
  static LayerRun announced(LayerRun run, List<Long> starts, LongConsumer finished) {
    Iterator<Long> next = starts.iterator();
    return (layer, h, context) -> {
      Tensor input = h.view_as(h);
      input.register_hook(new FinishedLayer(finished, next.next()));
      return run.forward(layer, input, context);
    };
  }

  @Override
  public void call(TensorBase gradient) {
    finished.accept(from);
  }
}
