package io.moraine.model.layer;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * Root-mean-square normalisation over the last dimension: {@code x / sqrt(mean(x^2) + eps) * g}.
 *
 * @param gain g; shape (D)
 * @param epsilon eps
 * @source Zhang, Sennrich, Root mean square layer normalization, 2019, arXiv:1910.07467, Eq. 4
 */
public record RmsNorm(Tensor gain, double epsilon) {

  /**
   * The normalised rows.
   *
   * @shape x (..., D); result (..., D)
   */
  public Tensor forward(Tensor x) {
    return torch.rms_norm(
        x, new long[] {gain.size(0)}, new TensorOptional(gain), new DoubleOptional(epsilon));
  }
}
