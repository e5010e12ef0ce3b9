package io.moraine.model.transformer;

import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/** How a layer is run over whole sequences. */
interface LayerRun {

  /** As it stands, and nobody listens. */
  LayerRun UNHEARD = heardBy(RoutingListener.UNHEARD);

  /** As it stands; autograd keeps what backward needs. */
  static LayerRun heardBy(RoutingListener listener) {
    return (layer, h, attend) -> layer.forward(h, attend, listener);
  }

  /**
   * The residual stream behind the layer.
   *
   * @shape h (T, D); result (T, D)
   */
  Tensor forward(Weights.Layer layer, Tensor h, UnaryOperator<Tensor> attend);
}
