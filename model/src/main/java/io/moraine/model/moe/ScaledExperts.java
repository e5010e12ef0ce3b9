package io.moraine.model.moe;

import io.moraine.model.precision.GroupedScaledLinear;
import io.moraine.model.precision.ScaledInput;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Experts of this rank on matrices of E4M3, whose rows are rounded all at once. Waits for the load:
 * there is a product for each expert.
 *
 * @param count E
 * @param w1 gates; (E, F, D)
 * @param w2 down; (E, D, F)
 * @param w3 up; (E, F, D)
 */
public record ScaledExperts(
    int count, GroupedScaledLinear w1, GroupedScaledLinear w2, GroupedScaledLinear w3)
    implements Experts {

  @Override
  public Tensor forward(Tensor x, Tensor load) {
    ScaledInput input = ScaledInput.ofExperts(x, Router.onHost(load), load);
    Tensor gated = torch.silu(w1.forward(input)).mul(w3.forward(input));
    return w2.forward(input.with(gated));
  }
}
