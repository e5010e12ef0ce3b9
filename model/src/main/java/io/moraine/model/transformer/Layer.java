package io.moraine.model.transformer;

import io.moraine.model.attention.Attention;
import io.moraine.model.layer.RmsNorm;
import io.moraine.model.layer.SwiGlu;
import io.moraine.model.moe.MoeLayer;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * One transformer layer; exactly one of {@code dense} and {@code experts} is present.
 *
 * @param attentionNorm before attention
 * @param attention latent or grouped-query
 * @param feedForwardNorm before the feed-forward
 * @param dense ordinary feed-forward
 * @param experts mixture of experts
 */
record Layer(
    RmsNorm attentionNorm,
    Attention attention,
    RmsNorm feedForwardNorm,
    Optional<SwiGlu> dense,
    Optional<MoeLayer> experts) {

  /**
   * The residual stream behind the layer.
   *
   * @param context what the layer's attention looks at
   * @shape h (T, D); result (T, D)
   */
  Tensor forward(Tensor h, AttentionContext context, RoutingListener listener) {
    Tensor attended = h.add(context.attend(attention, attentionNorm.forward(h)));
    Tensor x = feedForwardNorm.forward(attended);
    if (dense.isPresent()) {
      return attended.add(dense.get().forward(x));
    }
    MoeLayer moe = experts.orElseThrow();
    MoeLayer.Result result = moe.forward(x);
    listener.accept(moe.router(), result);
    return attended.add(result.output());
  }
}
