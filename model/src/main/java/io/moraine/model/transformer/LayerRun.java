package io.moraine.model.transformer;

import io.moraine.model.tensor.Scoped;
import org.bytedeco.pytorch.Tensor;

/** How a layer is run over whole sequences. */
interface LayerRun {

  /** As it stands, and nobody listens. */
  LayerRun UNHEARD = heardBy(RoutingListener.UNHEARD);

  /** As it stands; autograd alone keeps what backward needs, of every layer. */
  static LayerRun heardBy(RoutingListener listener) {
    return (layer, h, context) -> Scoped.result(() -> layer.forward(h, context, listener));
  }

  /**
   * The residual stream behind the layer.
   *
   * @shape h (T, D); result (T, D)
   */
  Tensor forward(Layer layer, Tensor h, AttentionContext context);
}
