package io.moraine.bigdl.transformer;

import io.moraine.bigdl.module.FloatTensors;

/** {@code 1 / (1 + exp(-x))}. */
final class Sigmoid {

  private Sigmoid() {}

  /** Of n elements from a place on. */
  static float[] of(float[] x, int from, int n) {
    float[] y = new float[n];
    for (int i = 0; i < n; i++) {
      y[i] = -x[from + i];
    }
    FloatTensors.NUMERIC.vExp(n, y, 0, y, 0);
    for (int i = 0; i < n; i++) {
      y[i] = 1 / (1 + y[i]);
    }
    return y;
  }
}
