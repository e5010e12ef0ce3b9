package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.CrossEntropyCriterion;
import com.intel.analytics.bigdl.nn.Linear;

/**
 * BigDL's layers and criteria of float32 as most want them: without regularizers and first weights.
 */
public final class Layers {

  private Layers() {}

  /** A linear layer with a bias. */
  public static Linear<Object> linear(int in, int out) {
    return linear(in, out, true);
  }

  /** A linear layer without a bias. */
  public static Linear<Object> projection(int in, int out) {
    return linear(in, out, false);
  }

  private static Linear<Object> linear(int in, int out, boolean hasBias) {
    return new Linear<>(
        in,
        out,
        hasBias,
        null,
        null,
        null,
        null,
        null,
        null,
        FloatTensors.TAG,
        FloatTensors.NUMERIC);
  }

  /** Of scores of any size and classes; a mean over rows whose class is not -1. */
  public static CrossEntropyCriterion<Object> crossEntropy() {
    return new CrossEntropyCriterion<>(null, true, FloatTensors.TAG, FloatTensors.NUMERIC);
  }
}
