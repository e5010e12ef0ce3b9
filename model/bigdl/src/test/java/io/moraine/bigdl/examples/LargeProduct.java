package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.nn.Linear;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.bigdl.module.Layers;

/** A product that is large enough for several threads of MKL. */
public final class LargeProduct implements Runnable {

  private static final int SIZE = 1024;

  private final Linear<Object> linear = Layers.linear(SIZE, SIZE);

  /** For {@code BigDl}. */
  public LargeProduct() {}

  @Override
  public void run() {
    linear.forward(FloatTensors.zeros(SIZE, SIZE));
  }
}
