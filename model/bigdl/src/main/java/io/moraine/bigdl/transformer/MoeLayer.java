package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.transformer.ModelConfig.ExpertsConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * A mixture-of-experts feed-forward: shared experts, if there are any, see every token, routed
 * experts those that chose them. No token is dropped and none is padded: tokens are sorted by
 * expert, and each expert computes one slice.
 *
 * @source Dai et al., DeepSeekMoE, 2024, arXiv:2401.06066, Eq. 9-11
 */
final class MoeLayer extends Composite {

  private final RouterConfig config;
  private final BatchAtHand batch;
  private final RouterBalance balance;
  private final int index;
  private final int dim;
  private final Linear<Object> gate;
  private final List<SwiGlu> experts = new ArrayList<>();

  /** All shared experts as one feed-forward; none or one. */
  private final List<SwiGlu> shared = new ArrayList<>();

  /** Of the last forward pass. */
  private transient Routing routing;

  /** Places among the choices, sorted by expert. */
  private int[] order = {};

  /** Their rows; shape (T * K, D). */
  private float[] rows = {};

  /**
   * Makes one.
   *
   * @param index among the layers with experts
   */
  MoeLayer(
      String prefix,
      int dim,
      RouterConfig config,
      ExpertsConfig sizes,
      int index,
      RouterBalance balance,
      BatchAtHand batch) {
    this.config = config;
    this.batch = batch;
    this.balance = balance;
    this.index = index;
    this.dim = dim;
    int width = sizes.feedForwardDim();
    gate = linear(prefix + "gate", dim, config.routedExperts());
    for (int expert = 0; expert < config.routedExperts(); expert++) {
      String name = prefix + "experts." + expert;
      experts.add(has(new SwiGlu(name + ".", dim, width), name));
    }
    if (sizes.shared() > 0) {
      String name = prefix + "shared_experts";
      shared.add(has(new SwiGlu(name + ".", dim, sizes.shared() * width), name));
    }
  }

  /**
   * The transformed rows.
   *
   * @shape input (T, D); result (T, D)
   */
  @Override
  public Tensor<Object> updateOutput(Tensor<Object> input) {
    int tokens = input.size(1);
    float[] products = FloatTensors.array(gate.forward(input));
    routing = Routing.of(config, products, tokens, balance.biasOf(index));
    if (isTraining()) {
      balance.count(index, routing, batch);
    }
    order = routing.order();
    rows = gathered(input);
    float[] sum = new float[tokens * dim];
    for (SwiGlu always : shared) {
      System.arraycopy(FloatTensors.array(always.forward(input)), 0, sum, 0, sum.length);
    }
    forEachExpert(
        (expert, from, count) ->
            addWeighted(
                FloatTensors.array(expert.forward(rows(rows, from, count))), from, count, sum));
    output_$eq(FloatTensors.over(sum, tokens, dim));
    return output();
  }

  private void addWeighted(float[] results, int from, int count, float[] sum) {
    for (int row = 0; row < count; row++) {
      int place = order[from + row];
      float weight = routing.weights()[place];
      int to = place / config.activeExperts() * dim;
      for (int i = 0; i < dim; i++) {
        sum[to + i] += weight * results[row * dim + i];
      }
    }
  }

  @Override
  public Tensor<Object> backward(Tensor<Object> input, Tensor<Object> gradOutput) {
    float[] sum = new float[input.nElement()];
    for (SwiGlu always : shared) {
      add(FloatTensors.array(always.backward(input, gradOutput)), sum);
    }
    float[] gradient = FloatTensors.array(gradOutput);
    int at = FloatTensors.offset(gradOutput);
    float[] weightGradients = new float[order.length];
    forEachExpert(
        (expert, from, count) -> backward(expert, from, count, gradient, at, weightGradients, sum));
    add(FloatTensors.array(gateBackward(input, weightGradients)), sum);
    gradInput_$eq(FloatTensors.over(sum, input.size(1), dim));
    return gradInput();
  }

  private void backward(
      SwiGlu expert,
      int from,
      int count,
      float[] gradient,
      int at,
      float[] weightGradients,
      float[] sum) {
    float[] results = FloatTensors.array(expert.output());
    float[] scaled = new float[count * dim];
    for (int row = 0; row < count; row++) {
      int place = order[from + row];
      int token = at + place / config.activeExperts() * dim;
      double dot = 0;
      for (int i = 0; i < dim; i++) {
        scaled[row * dim + i] = routing.weights()[place] * gradient[token + i];
        dot += gradient[token + i] * results[row * dim + i];
      }
      weightGradients[place] = (float) dot;
    }
    float[] changes =
        FloatTensors.array(
            expert.backward(rows(rows, from, count), FloatTensors.over(scaled, count, dim)));
    for (int row = 0; row < count; row++) {
      int to = order[from + row] / config.activeExperts() * dim;
      for (int i = 0; i < dim; i++) {
        sum[to + i] += changes[row * dim + i];
      }
    }
  }

  private Tensor<Object> gateBackward(Tensor<Object> input, float[] weightGradients) {
    float[] scores = routing.scoreGradients(weightGradients);
    if (config.sequenceBalanceAlpha() > 0) {
      SequenceBalance.addGradient(routing, batch, scores);
    }
    float[] products = routing.productGradients(scores);
    return gate.backward(input, FloatTensors.over(products, input.size(1), config.routedExperts()));
  }

  /** Something that is done with an expert that has rows: {@code count} of them, from one on. */
  private interface ExpertRows {
    void with(SwiGlu expert, int from, int count);
  }

  private void forEachExpert(ExpertRows work) {
    int from = 0;
    while (from < order.length) {
      int expert = routing.experts()[order[from]];
      int to = from;
      while (to < order.length && routing.experts()[order[to]] == expert) {
        to++;
      }
      work.with(experts.get(expert), from, to - from);
      from = to;
    }
  }

  private float[] gathered(Tensor<Object> input) {
    float[] x = FloatTensors.array(input);
    float[] gathered = new float[order.length * dim];
    for (int row = 0; row < order.length; row++) {
      int token = order[row] / config.activeExperts();
      System.arraycopy(x, FloatTensors.offset(input) + token * dim, gathered, row * dim, dim);
    }
    return gathered;
  }

  private Tensor<Object> rows(float[] values, int from, int count) {
    return FloatTensors.over(values, values.length / dim, dim).narrow(1, from + 1, count);
  }

  private static void add(float[] values, float[] sum) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += values[i];
    }
  }
}
