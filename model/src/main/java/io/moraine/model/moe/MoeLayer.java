package io.moraine.model.moe;

import io.moraine.model.layer.SwiGlu;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A mixture-of-experts feed-forward: shared experts, if there are any, see every token, routed
 * experts those that chose them. No token is dropped and none is padded.
 *
 * @param router picks routed experts
 * @param routed E experts, on this rank or on their owners
 * @param shared the shared experts as one feed-forward; empty without any
 * @source Dai et al., DeepSeekMoE, 2024, arXiv:2401.06066, Eq. 9-11
 */
public record MoeLayer(Router router, Experts routed, Optional<SwiGlu> shared) {

  /**
   * What a layer gives for T tokens.
   *
   * @param output shape (T, D)
   * @param choice the router's
   * @param load tokens per expert, int64; shape (E)
   */
  public record Result(Tensor output, Router.Choice choice, Tensor load) {}

  /**
   * Sends each token to its experts: tokens are sorted by expert, each expert computes one slice,
   * and the weighted results are added back, in the order of experts.
   *
   * @shape x (T, D)
   */
  public Result forward(Tensor x) {
    Router.Choice choice = router.choose(x);
    int k = router.config().activeExperts();
    Tensor flatExperts = choice.experts().reshape(-1);
    Tensor load = Router.load(flatExperts, routed.count());

    Tensor order = torch.argsort(flatExperts, true, 0, false);
    Tensor token = torch.floor_divide(order, new Scalar(k));
    Tensor results = routed.forward(x.index_select(0, token), load);
    Tensor weight = choice.weights().reshape(-1).index_select(0, order).unsqueeze(1);
    Tensor weighted = results.mul(weight);
    Tensor sum = shared.map(always -> always.forward(x)).orElseGet(() -> torch.zeros_like(x));
    Tensor output = sum.index_add(0, token, weighted);
    return new Result(output, choice, load);
  }
}
