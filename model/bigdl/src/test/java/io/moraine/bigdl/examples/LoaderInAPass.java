package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.BigDlModel;
import io.moraine.model.data.TokenBatch;
import java.util.function.BooleanSupplier;

/** Whether a thread has BigDL's class loader in a pass. */
public final class LoaderInAPass implements BooleanSupplier {

  private final Seen seen = new Seen();
  private final BigDlModel model =
      new BigDlModel(
          WordPairs.module(
              WordPairs.TOKENS, seen, WordPairs.linear(WordPairs.WIDTH, WordPairs.TOKENS)),
          WordPairs.crossEntropy(),
          5);

  /** For {@code BigDl}. */
  public LoaderInAPass() {}

  @Override
  public boolean getAsBoolean() {
    model.forwardBackward(new TokenBatch(1, 2, new int[] {1, 2, 3}), 1);
    return seen.loader == getClass().getClassLoader();
  }

  /** Looks for it. */
  private static final class Seen extends Gain {

    private ClassLoader loader;

    @Override
    public Tensor<Object> updateOutput(Tensor<Object> input) {
      loader = Thread.currentThread().getContextClassLoader();
      return super.updateOutput(input);
    }
  }
}
