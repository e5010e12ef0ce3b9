package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.nn.Dropout;
import io.moraine.bigdl.module.BigDlModel;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.model.data.TokenBatch;
import java.util.function.BiFunction;

/** Which units a pass over tokens leaves out, behind a first weight: their factors. */
public final class DropoutMasks implements BiFunction<TokenBatch, Float, float[]> {

  private final Dropout<Object> dropout = WordPairs.dropout();
  private final BigDlModel model =
      new BigDlModel(
          WordPairs.module(
              WordPairs.TOKENS, dropout, WordPairs.linear(WordPairs.WIDTH, WordPairs.TOKENS)),
          WordPairs.crossEntropy(),
          5);

  /** For {@code BigDl}. */
  public DropoutMasks() {
    float[] zeros = new float[Math.toIntExact(model.parameters().length())];
    model.parameters().put(0, zeros, 0, zeros.length);
  }

  @Override
  public float[] apply(TokenBatch batch, Float weight) {
    model.parameters().put(0, new float[] {weight}, 0, 1);
    model.forwardBackward(batch, 1);
    return FloatTensors.values(dropout.noise());
  }
}
