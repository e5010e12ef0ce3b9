package io.moraine.model.layer;

import io.moraine.model.precision.Linear;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Feed-forward with a gated unit: {@code w2 (silu(w1 x) * w3 x)}.
 *
 * @param w1 gate; shape (F, D)
 * @param w2 down; shape (D, F)
 * @param w3 up; shape (F, D)
 * @source Shazeer, GLU variants improve transformer, 2020, arXiv:2002.05202, Eq. 6
 */
public record SwiGlu(Linear w1, Linear w2, Linear w3) {

  /**
   * The transformed rows.
   *
   * @shape x (T, D); result (T, D)
   */
  public Tensor forward(Tensor x) {
    Tensor gated = torch.silu(w1.forward(x)).mul(w3.forward(x));
    return w2.forward(gated);
  }
}
