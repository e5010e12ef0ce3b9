package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.model.attention.LatentConfig;

/**
 * Multi-head latent attention over whole sequences: keys and values of all heads come from one
 * small normalised latent per token, positions from one rotary key that the heads share.
 *
 * @source DeepSeek-AI, DeepSeek-V2, 2024, arXiv:2405.04434, Eq. 9-19
 */
final class LatentAttention extends Composite {

  private final LatentConfig config;
  private final BatchAtHand batch;
  private final RotaryTurns rotary;
  private final float scale;
  private final LatentQueries queries;
  private final Linear<Object> wkvA;
  private final RmsNorm kvNorm;
  private final Linear<Object> wkvB;
  private final Linear<Object> wo;

  /** Of the last forward pass. */
  private Tensor<Object> latent = FloatTensors.zeros(0);

  private Tensor<Object> mixed = FloatTensors.zeros(0);

  /** Rotated; shape (B * L, H * Q). */
  private float[] query = {};

  /** Without and with positions; shape (B * L, H * Q). */
  private float[] key = {};

  /** Attention weights; shape (B * H, L, L). */
  private float[] weights = {};

  /**
   * Makes one.
   *
   * @param softmaxScale of query-key products
   */
  LatentAttention(
      String prefix,
      int dim,
      LatentConfig config,
      RotaryTurns rotary,
      double softmaxScale,
      BatchAtHand batch) {
    this.config = config;
    this.batch = batch;
    this.rotary = rotary;
    this.scale = (float) softmaxScale;
    int keyValueLatentDim = config.keyValueLatentDim();
    queries = has(new LatentQueries(prefix, dim, config), prefix + "queries");
    wkvA = linear(prefix + "wkv_a", dim, keyValueLatentDim + config.rotaryDim());
    kvNorm = has(new RmsNorm(keyValueLatentDim, LatentConfig.NORM_EPSILON), prefix + "kv_norm");
    wkvB = linear(prefix + "wkv_b", keyValueLatentDim, config.heads() * keyAndValueDim());
    wo = linear(prefix + "wo", config.heads() * config.valueDim(), dim);
  }

  /**
   * The attended rows.
   *
   * @shape input (B * L, D); result the same
   */
  @Override
  public Tensor<Object> updateOutput(Tensor<Object> input) {
    int rows = input.size(1);
    Tensor<Object> compressed = wkvA.forward(input);
    latent = columns(compressed, config.keyValueLatentDim());
    float[] keysAndValues = FloatTensors.array(wkvB.forward(kvNorm.forward(latent)));
    query = FloatTensors.array(queries.forward(input));
    turnHeads(query, rows, false);
    key = keys(keysAndValues, FloatTensors.array(compressed), rows);
    mixed = FloatTensors.zeros(rows, config.heads() * config.valueDim());
    int length = rows / batch.sequences();
    weights = new float[batch.sequences() * config.heads() * length * length];
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      for (int head = 0; head < config.heads(); head++) {
        attend(sequence, head, length, keysAndValues);
      }
    }
    output_$eq(wo.forward(mixed));
    return output();
  }

  private void attend(int sequence, int head, int length, float[] keysAndValues) {
    int row = sequence * length;
    Matrix scores = weights(sequence, head, length);
    scores.productTransposed(
        length, length, config.queryDim(), scale, ofHead(query, row, head), ofHead(key, row, head));
    softmaxUpToItself(scores, length);
    mixedOf(FloatTensors.array(mixed), row, head)
        .product(length, config.valueDim(), length, 1, scores, value(keysAndValues, row, head));
  }

  /** Rows become softmax over the places up to their own, 0 behind it. */
  private static void softmaxUpToItself(Matrix scores, int length) {
    float[] s = scores.values();
    for (int i = 0; i < length; i++) {
      int from = scores.offset() + i * length;
      float largest = Float.NEGATIVE_INFINITY;
      for (int j = 0; j <= i; j++) {
        largest = Math.max(largest, s[from + j]);
      }
      for (int j = 0; j <= i; j++) {
        s[from + j] -= largest;
      }
      FloatTensors.NUMERIC.vExp(i + 1, s, from, s, from);
      double sum = 0;
      for (int j = 0; j <= i; j++) {
        sum += s[from + j];
      }
      float share = (float) (1 / sum);
      for (int j = 0; j < length; j++) {
        s[from + j] = j <= i ? s[from + j] * share : 0;
      }
    }
  }

  @Override
  public Tensor<Object> backward(Tensor<Object> input, Tensor<Object> gradOutput) {
    int rows = input.size(1);
    int length = rows / batch.sequences();
    float[] mixedGradient = FloatTensors.array(wo.backward(mixed, gradOutput));
    float[] keysAndValues = FloatTensors.array(wkvB.output());
    Gradients gradients = new Gradients(rows);
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      for (int head = 0; head < config.heads(); head++) {
        backward(sequence, head, length, mixedGradient, keysAndValues, gradients);
      }
    }
    Tensor<Object> sum = keyValueBackward(input, gradients);
    sum.add(queries.backward(input, queryGradient(gradients.query, rows)));
    gradInput_$eq(sum);
    return sum;
  }

  /** Of queries and keys as the products see them, and of what wkv_b gives. */
  private final class Gradients {

    private final float[] query;
    private final float[] key;
    private final float[] keysAndValues;

    private Gradients(int rows) {
      query = new float[rows * queriesDim()];
      key = new float[rows * queriesDim()];
      keysAndValues = new float[rows * config.heads() * keyAndValueDim()];
    }
  }

  private void backward(
      int sequence,
      int head,
      int length,
      float[] mixedGradient,
      float[] keysAndValues,
      Gradients gradients) {
    int row = sequence * length;
    int width = config.queryDim();
    Matrix attention = weights(sequence, head, length);
    Matrix change = mixedOf(mixedGradient, row, head);
    value(gradients.keysAndValues, row, head)
        .transposedProduct(length, config.valueDim(), length, 1, attention, change);
    Matrix scores = new Matrix(new float[length * length], 0, length);
    scores.productTransposed(
        length, length, config.valueDim(), 1, change, value(keysAndValues, row, head));
    softmaxBackward(attention, scores, length);
    ofHead(gradients.query, row, head)
        .product(length, width, length, scale, scores, ofHead(key, row, head));
    ofHead(gradients.key, row, head)
        .transposedProduct(length, width, length, scale, scores, ofHead(query, row, head));
  }

  /** Gradients of softmax's outputs become those of its inputs: {@code p (dp - sum(p dp))}. */
  private static void softmaxBackward(Matrix weights, Matrix gradients, int length) {
    float[] p = weights.values();
    float[] d = gradients.values();
    for (int i = 0; i < length; i++) {
      int pAt = weights.offset() + i * length;
      int dAt = gradients.offset() + i * length;
      double dot = 0;
      for (int j = 0; j <= i; j++) {
        dot += p[pAt + j] * d[dAt + j];
      }
      for (int j = 0; j < length; j++) {
        d[dAt + j] = j <= i ? p[pAt + j] * (d[dAt + j] - (float) dot) : 0;
      }
    }
  }

  private Tensor<Object> queryGradient(float[] gradient, int rows) {
    turnHeads(gradient, rows, true);
    return FloatTensors.over(gradient, rows, queriesDim());
  }

  /** Through keys, values and latents; a rotary key gets the sum over the heads. */
  private Tensor<Object> keyValueBackward(Tensor<Object> input, Gradients gradients) {
    int rows = input.size(1);
    int latentDim = config.keyValueLatentDim();
    int rotaryDim = config.rotaryDim();
    int noPositionDim = config.noPositionDim();
    int compressedDim = latentDim + rotaryDim;
    float[] compressed = new float[rows * compressedDim];
    for (int row = 0; row < rows; row++) {
      int rotaryAt = row * compressedDim + latentDim;
      for (int head = 0; head < config.heads(); head++) {
        int from = row * queriesDim() + head * config.queryDim();
        System.arraycopy(
            gradients.key,
            from,
            gradients.keysAndValues,
            (row * config.heads() + head) * keyAndValueDim(),
            noPositionDim);
        for (int i = 0; i < rotaryDim; i++) {
          compressed[rotaryAt + i] += gradients.key[from + noPositionDim + i];
        }
      }
      rotary.turnBack(compressed, rotaryAt, row % (rows / batch.sequences()));
    }
    Tensor<Object> keysAndValues =
        FloatTensors.over(gradients.keysAndValues, rows, config.heads() * keyAndValueDim());
    Tensor<Object> latents = kvNorm.backward(latent, wkvB.backward(kvNorm.output(), keysAndValues));
    for (int row = 0; row < rows; row++) {
      System.arraycopy(
          FloatTensors.array(latents), row * latentDim, compressed, row * compressedDim, latentDim);
    }
    return wkvA.backward(input, FloatTensors.over(compressed, rows, compressedDim));
  }

  private void turnHeads(float[] queries, int rows, boolean back) {
    int length = rows / batch.sequences();
    for (int row = 0; row < rows; row++) {
      for (int head = 0; head < config.heads(); head++) {
        int at = row * queriesDim() + head * config.queryDim() + config.noPositionDim();
        if (back) {
          rotary.turnBack(queries, at, row % length);
        } else {
          rotary.turn(queries, at, row % length);
        }
      }
    }
  }

  private float[] keys(float[] keysAndValues, float[] compressed, int rows) {
    int compressedDim = config.keyValueLatentDim() + config.rotaryDim();
    int noPositionDim = config.noPositionDim();
    float[] keys = new float[rows * queriesDim()];
    for (int row = 0; row < rows; row++) {
      int rotaryAt = row * compressedDim + config.keyValueLatentDim();
      rotary.turn(compressed, rotaryAt, row % (rows / batch.sequences()));
      for (int head = 0; head < config.heads(); head++) {
        int to = row * queriesDim() + head * config.queryDim();
        int from = (row * config.heads() + head) * keyAndValueDim();
        System.arraycopy(keysAndValues, from, keys, to, noPositionDim);
        System.arraycopy(compressed, rotaryAt, keys, to + noPositionDim, config.rotaryDim());
      }
    }
    return keys;
  }

  private int keyAndValueDim() {
    return config.noPositionDim() + config.valueDim();
  }

  private int queriesDim() {
    return config.heads() * config.queryDim();
  }

  private Matrix weights(int sequence, int head, int length) {
    int at = (sequence * config.heads() + head) * length * length;
    return new Matrix(weights, at, length);
  }

  private Matrix ofHead(float[] queriesOrKeys, int row, int head) {
    return Matrix.within(queriesOrKeys, queriesDim(), row, head * config.queryDim());
  }

  private Matrix value(float[] keysAndValues, int row, int head) {
    return Matrix.within(
        keysAndValues,
        config.heads() * keyAndValueDim(),
        row,
        head * keyAndValueDim() + config.noPositionDim());
  }

  private Matrix mixedOf(float[] heads, int row, int head) {
    return Matrix.within(heads, config.heads() * config.valueDim(), row, head * config.valueDim());
  }

  /** A copy of the first columns. */
  private static Tensor<Object> columns(Tensor<Object> matrix, int columns) {
    return matrix.narrow(2, 1, columns).clone();
  }
}
