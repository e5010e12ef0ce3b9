package io.moraine.model.collective;

import io.moraine.model.collective.codec.GradientCodec;

/**
 * What a codec has left out of this rank's contributions so far, added to the next one: nothing is
 * lost for good, however coarse the codec.
 *
 * <p>A block of 256 elements that are all zero, as those of an expert without tokens are, is sent
 * as zeros and keeps what it is owed: what an expert learned steps ago is not replayed while it
 * rests.
 *
 * @source Karimireddy et al., Error feedback fixes SignSGD and other gradient compression schemes,
 *     2019, arXiv:1901.09847, algorithm 2
 */
public final class ErrorFeedback {

  private static final int BLOCK = 256;

  private final float[] residual;

  /** Nothing is owed yet. */
  public ErrorFeedback(long elements) {
    this.residual = new float[Math.toIntExact(elements)];
  }

  /** What is owed of each element; this object's own array, which may be filled. */
  public float[] residual() {
    return residual;
  }

  /**
   * Encodes a range of a contribution and what is owed of it.
   *
   * @param from the range's place in the whole, a multiple of 256
   * @param values the contribution; afterwards what was encoded in its place
   * @param dst at least {@link GradientCodec#encodedBytes} long
   * @return bytes written to {@code dst}
   */
  int encode(GradientCodec codec, long from, float[] values, int length, byte[] dst) {
    int place = Math.toIntExact(from);
    boolean[] resting = new boolean[(length + BLOCK - 1) / BLOCK];
    for (int block = 0; block < resting.length; block++) {
      int start = block * BLOCK;
      int end = Math.min(length, start + BLOCK);
      resting[block] = isZero(values, start, end);
      for (int i = start; i < end && !resting[block]; i++) {
        values[i] += residual[place + i];
      }
    }
    int written = codec.encode(values, 0, dst, 0, length);
    float[] decoded = new float[length];
    codec.decode(dst, 0, written, decoded, 0, length);
    for (int i = 0; i < length; i++) {
      if (!resting[i / BLOCK]) {
        residual[place + i] = values[i] - decoded[i];
      }
    }
    return written;
  }

  private static boolean isZero(float[] values, int from, int to) {
    for (int i = from; i < to; i++) {
      if (values[i] != 0) {
        return false;
      }
    }
    return true;
  }
}
