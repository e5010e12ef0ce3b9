package io.moraine.model.train;

import io.moraine.model.collective.Communicator;
import io.moraine.model.tensor.FlatBuffer;
import java.nio.ByteBuffer;

/**
 * A digest of the bits of all weights: of those that every rank has, and of what each has alone.
 */
final class WeightsDigest {

  private static final int COPIED_AT_ONCE = 1 << 20;

  private WeightsDigest() {}

  /** Of this rank's common weights and every rank's own; all ranks call it together. */
  static long of(FlatBuffer parameters, RankParameters rankParameters, Communicator communicator) {
    long digest = of(parameters, 0, rankParameters.replicated());
    if (rankParameters.isWhole()) {
      return digest;
    }
    long own = of(parameters, rankParameters.replicated(), parameters.length());
    byte[] bytes = ByteBuffer.allocate(Long.BYTES).putLong(own).array();
    for (byte[] ofRank : communicator.allGatherBytes(bytes)) {
      digest = mixed(digest, ByteBuffer.wrap(ofRank).getLong());
    }
    return digest;
  }

  private static long of(FlatBuffer parameters, long from, long to) {
    float[] chunk = new float[(int) Math.min(COPIED_AT_ONCE, to - from)];
    long digest = 0;
    for (long at = from; at < to; at += COPIED_AT_ONCE) {
      int count = (int) Math.min(COPIED_AT_ONCE, to - at);
      parameters.get(at, chunk, 0, count);
      for (int i = 0; i < count; i++) {
        digest = mixed(digest, Float.floatToRawIntBits(chunk[i]) + 1L);
      }
    }
    return digest;
  }

  private static long mixed(long digest, long value) {
    long product = digest * 0x9e3779b97f4a7c15L + value;
    return product ^ product >>> 29;
  }
}
