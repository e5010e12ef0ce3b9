package io.moraine.model.collective;

import io.moraine.model.collective.codec.GradientCodec;

/**
 * What a codec has left out of this rank's contributions so far, added to the next one: nothing is
 * lost for good, however coarse the codec. Of gradients in a device's memory: {@code
 * TensorFeedback} of the package {@code reduction}, with the same numbers.
 *
 * <p>A block of {@link GradientCodec#BLOCK} elements that are all zero, as those of an expert
 * without tokens are, is sent as zeros and keeps what it is owed: what an expert learned steps ago
 * is not replayed while it rests.
 *
 * <p>With momentum, for sparse codecs: what is added to the residual is not the contribution but
 * {@code velocity = momentum * velocity + contribution}, so that an element that waits for k steps
 * arrives as it would have with momentum in each of them; the velocity of what is sent is set to
 * zero, so that old directions are not followed twice.
 *
 * @source Karimireddy et al., Error feedback fixes SignSGD and other gradient compression schemes,
 *     2019, arXiv:1901.09847, algorithm 2; momentum correction and factor masking: Lin et al., Deep
 *     gradient compression, 2017, arXiv:1712.01887, algorithm 4
 */
public final class ErrorFeedback {

  private static final int BLOCK = GradientCodec.BLOCK;

  private final float momentum;
  private final float[] residual;
  private final float[] velocity;

  /** Nothing is owed yet. */
  public ErrorFeedback(long elements) {
    this(elements, 0);
  }

  /**
   * Nothing is owed yet.
   *
   * @param momentum of the velocity, in [0, 1); 0 for none
   */
  public ErrorFeedback(long elements, float momentum) {
    if (!(momentum >= 0 && momentum < 1)) {
      throw new IllegalArgumentException("momentum must be in [0, 1), got " + momentum);
    }
    this.momentum = momentum;
    this.residual = new float[Math.toIntExact(elements)];
    this.velocity = new float[momentum > 0 ? residual.length : 0];
  }

  /** What is owed of each element; this object's own array, which may be filled. */
  public float[] residual() {
    return residual;
  }

  /** The velocity of each element, likewise; empty without momentum. */
  public float[] velocity() {
    return velocity;
  }

  /**
   * Encodes a range of a contribution and what is owed of it.
   *
   * @param from the range's place in the whole, a multiple of {@link GradientCodec#BLOCK}
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
        values[i] = accelerated(place + i, values[i]) + residual[place + i];
      }
    }
    int written = codec.encode(values, 0, dst, 0, length);
    float[] decoded = new float[length];
    codec.decode(dst, 0, written, decoded, 0, length);
    for (int i = 0; i < length; i++) {
      if (!resting[i / BLOCK]) {
        residual[place + i] = values[i] - decoded[i];
        if (momentum > 0 && decoded[i] != 0) {
          velocity[place + i] = 0;
        }
      }
    }
    return written;
  }

  /**
   * Adds what is owed of a range that another rank encodes from now on, and owes it no more; such
   * debts are taken over from a run with other ranks. A velocity stays behind.
   *
   * @param from the range's place in the whole, a multiple of {@link GradientCodec#BLOCK}
   * @param values the contribution; afterwards with what was owed
   */
  void handOver(long from, float[] values, int offset, int length) {
    int place = Math.toIntExact(from);
    for (int start = 0; start < length; start += BLOCK) {
      int end = Math.min(length, start + BLOCK);
      if (!isZero(values, offset + start, offset + end)) {
        for (int i = start; i < end; i++) {
          values[offset + i] += residual[place + i];
          residual[place + i] = 0;
          if (momentum > 0) {
            velocity[place + i] = 0;
          }
        }
      }
    }
  }

  private float accelerated(int place, float value) {
    if (momentum == 0) {
      return value;
    }
    velocity[place] = momentum * velocity[place] + value;
    return velocity[place];
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
