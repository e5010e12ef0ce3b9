package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.model.data.TokenBatch;

/** Whole sequences, counted from 1; each token is the class of its own row, but for the first. */
final class OwnToken implements BatchActivities {

  @Override
  public Tensor<Object> input(TokenBatch batch) {
    float[] tokens = new float[batch.tokens().length];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = Math.max(0, batch.tokens()[i]) + 1;
    }
    return FloatTensors.over(tokens, batch.sequences(), batch.length() + 1);
  }

  @Override
  public Tensor<Object> target(TokenBatch batch) {
    float[] classes = new float[batch.tokens().length];
    for (int i = 0; i < classes.length; i++) {
      int token = batch.tokens()[i];
      boolean isPredicted = i % (batch.length() + 1) > 0 && token != TokenBatch.PADDING;
      classes[i] = isPredicted ? token + 1 : TokenBatch.PADDING;
    }
    return FloatTensors.over(classes, classes.length);
  }
}
