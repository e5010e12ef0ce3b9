package io.moraine.bigdl.transformer;

import io.moraine.model.layer.RotaryConfig;
import java.io.Serializable;

/**
 * Rotary position embedding over pairs of elements.
 *
 * @source Su et al., RoFormer, 2021, arXiv:2104.09864, Eq. 34
 */
final class RotaryTurns implements Serializable {

  private static final long serialVersionUID = 1L;

  private final int dim;

  /** Elements from the first of a pair to the second, and from one pair to the next. */
  private final int partner;

  private final int step;

  /** Cosine and sine of each position and pair. */
  private final float[] table;

  RotaryTurns(RotaryConfig config, int dim, int maxSequenceLength) {
    this.dim = dim;
    this.table = config.turns(dim, maxSequenceLength);
    boolean isInterleaved = config.layout() == RotaryConfig.Layout.INTERLEAVED;
    this.partner = isInterleaved ? 1 : dim / 2;
    this.step = isInterleaved ? 2 : 1;
  }

  /** Turns the vector that begins at {@code from} by its position's angles. */
  void turn(float[] x, int from, int position) {
    turn(x, from, position, 1);
  }

  /** The same transposed: takes a gradient of what was turned to that of what it was before. */
  void turnBack(float[] x, int from, int position) {
    turn(x, from, position, -1);
  }

  private void turn(float[] x, int from, int position, int direction) {
    for (int pair = 0; pair < dim / 2; pair++) {
      float cos = table[position * dim + 2 * pair];
      float sin = direction * table[position * dim + 2 * pair + 1];
      int first = from + pair * step;
      float a = x[first];
      float b = x[first + partner];
      x[first] = a * cos - b * sin;
      x[first + partner] = a * sin + b * cos;
    }
  }
}
