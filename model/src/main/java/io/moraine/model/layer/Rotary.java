package io.moraine.model.layer;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Rotary position embedding over interleaved pairs, with YaRN's frequencies where the model's
 * maximum length exceeds the original one.
 *
 * @source Su et al., RoFormer, 2021, arXiv:2104.09864, Eq. 34; Peng et al., YaRN, 2023,
 *     arXiv:2309.00071, section 3; DeepSeek-V3 inference/model.py, precompute_freqs_cis
 */
public final class Rotary implements AutoCloseable {

  private final Tensor rotations;

  /**
   * Computes the rotations of all positions.
   *
   * @param dim size of the rotated vectors; even
   * @param maxSequenceLength number of positions
   */
  public Rotary(int dim, int maxSequenceLength, RotaryConfig config) {
    double[] frequencies = frequencies(dim, maxSequenceLength, config);
    float[] table = new float[maxSequenceLength * dim];
    for (int position = 0; position < maxSequenceLength; position++) {
      for (int pair = 0; pair < dim / 2; pair++) {
        float angle = (float) position * (float) frequencies[pair];
        table[position * dim + 2 * pair] = (float) Math.cos(angle);
        table[position * dim + 2 * pair + 1] = (float) Math.sin(angle);
      }
    }
    try (Tensor flat = torch.tensor(table, new TensorOptions(torch.ScalarType.Float));
        Tensor pairs = flat.view(maxSequenceLength, 1, dim / 2, 2)) {
      rotations = torch.view_as_complex(pairs);
    }
  }

  /**
   * Rotates every pair of every vector by its position's angle.
   *
   * @param fromPosition position of the first of the L vectors
   * @shape x (B, L, H, dim), the H heads rotated alike; result the same
   */
  public Tensor rotate(Tensor x, int fromPosition) {
    long batch = x.size(0);
    long length = x.size(1);
    long heads = x.size(2);
    long dim = x.size(3);
    Tensor pairs = torch.view_as_complex(x.reshape(batch, length, heads, dim / 2, 2));
    Tensor rotated = pairs.mul(rotations.narrow(0, fromPosition, length));
    return torch.view_as_real(rotated).reshape(batch, length, heads, dim);
  }

  @Override
  public void close() {
    rotations.close();
  }

  /** Angle per position of each pair; YaRN: see the class's sources. */
  static double[] frequencies(int dim, int maxSequenceLength, RotaryConfig config) {
    double[] frequencies = new double[dim / 2];
    double low = 0;
    double high = 0;
    if (config.isExtended(maxSequenceLength)) {
      low = Math.max(Math.floor(correctionDim(config.betaFast(), dim, config)), 0);
      high = Math.min(Math.ceil(correctionDim(config.betaSlow(), dim, config)), dim - 1);
    }
    for (int pair = 0; pair < frequencies.length; pair++) {
      double plain = 1 / Math.pow(config.theta(), 2.0 * pair / dim);
      if (config.isExtended(maxSequenceLength)) {
        double width = low == high ? 0.001 : high - low;
        double ramp = Math.min(1, Math.max(0, (pair - low) / width));
        frequencies[pair] = plain / config.factor() * ramp + plain * (1 - ramp);
      } else {
        frequencies[pair] = plain;
      }
    }
    return frequencies;
  }

  /** The pair whose frequency makes this many rotations over the original length. */
  private static double correctionDim(double rotations, int dim, RotaryConfig config) {
    double length = config.originalSequenceLength();
    return dim * Math.log(length / (rotations * 2 * Math.PI)) / (2 * Math.log(config.theta()));
  }
}
