package io.moraine.model.transformer;

import org.bytedeco.pytorch.Tensor;

/** How a layer is run over whole sequences. */
interface LayerRun {

  /** As it stands, and nobody listens. */
  LayerRun UNHEARD = heardBy(RoutingListener.UNHEARD);

  /** As it stands; autograd keeps what backward needs. */
  static LayerRun heardBy(RoutingListener listener) {
    return (layer, h, context) -> layer.forward(h, context, listener);
  }

  /**
   * The residual stream behind the layer.
   *
   * @shape h (T, D); result (T, D)
   */
  Tensor forward(Layer layer, Tensor h, AttentionContext context);
}
