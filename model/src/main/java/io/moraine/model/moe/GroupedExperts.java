package io.moraine.model.moe;

import io.moraine.model.precision.GroupedLinear;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Experts of this rank, all in the same three operations.
 *
 * @param count E
 * @param w1 gates; (E, F, D)
 * @param w2 down; (E, D, F)
 * @param w3 up; (E, F, D)
 */
public record GroupedExperts(int count, GroupedLinear w1, GroupedLinear w2, GroupedLinear w3)
    implements Experts {

  @Override
  public Tensor forward(Tensor x, Tensor load) {
    Tensor ends = load.cumsum(0, new ScalarTypeOptional(torch.ScalarType.Int));
    Tensor rows = x.to(torch.ScalarType.BFloat16);
    Tensor gated = torch.silu(w1.forward(rows, load, ends)).mul(w3.forward(rows, load, ends));
    return w2.forward(gated, load, ends);
  }
}
