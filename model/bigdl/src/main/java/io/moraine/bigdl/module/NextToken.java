package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.model.data.TokenBatch;

/** Tokens that predict the next one, counted from 1. */
final class NextToken implements BatchActivities {

  @Override
  public Tensor<Object> input(TokenBatch batch) {
    float[] tokens = tokens(batch, 0);
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = Math.max(0, tokens[i]) + 1;
    }
    return FloatTensors.over(tokens, batch.sequences(), batch.length());
  }

  @Override
  public Tensor<Object> target(TokenBatch batch) {
    float[] tokens = tokens(batch, 1);
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] != TokenBatch.PADDING) {
        tokens[i]++;
      }
    }
    return FloatTensors.over(tokens, tokens.length);
  }

  /** The first L tokens of each sequence from a place on. */
  private static float[] tokens(TokenBatch batch, int from) {
    int length = batch.length();
    float[] tokens = new float[batch.sequences() * length];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = batch.tokens()[i / length * (length + 1) + i % length + from];
    }
    return tokens;
  }
}
