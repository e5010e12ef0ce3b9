package io.moraine.model.transformer;

import io.moraine.model.data.TokenBatch;
import io.moraine.model.layer.Rotary;
import io.moraine.model.moe.Router;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.TorchFlatBuffer;
import io.moraine.model.train.ExpertRouting;
import io.moraine.model.train.TrainableModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * A DeepSeek-V2/V3 transformer, or a dense one like Llama 3, in libtorch, float32, in host memory.
 *
 * <p>Weights and gradients are one contiguous buffer each; the tensors that libtorch computes with
 * are views into them. One thread per instance; instances are independent of each other.
 *
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 2; inference/model.py
 */
public final class Transformer implements TrainableModel {

  /** ATen's numbers for what becomes of the losses of single tokens. */
  private static final long NO_REDUCTION = 0;

  private static final long MEAN = 1;

  private final ModelConfig config;
  private final TorchFlatBuffer parameters;
  private final TorchFlatBuffer gradients;
  private final Weights weights;
  private final Rotary rotary;
  private final ExpertLoad routing;

  /** A model whose weights are zero; see {@link #initialize(long)}. */
  public Transformer(ModelConfig config) {
    this.config = config;
    List<Slice> layout = WeightLayout.of(config);
    this.parameters = new TorchFlatBuffer(layout);
    this.gradients = new TorchFlatBuffer(layout);
    this.routing = new ExpertLoad(config);
    this.weights = new Weights(config, parameters, gradients, routing);
    this.rotary =
        new Rotary(config.attention().rotaryDim(), config.maxSequenceLength(), config.rotary());
  }

  /** What the model is. */
  public ModelConfig config() {
    return config;
  }

  /**
   * Sets all weights: matrices normal with the configured standard deviation, norms one. The same
   * bits for the same seed and configuration on every machine.
   */
  public void initialize(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (Slice slice : parameters.slices()) {
      SplittableRandom own = random.split();
      float[] values = new float[Math.toIntExact(slice.length())];
      for (int i = 0; i < values.length; i++) {
        boolean norm = slice.shape().size() == 1;
        values[i] = norm ? 1 : (float) (config.initStd() * own.nextGaussian());
      }
      parameters.put(slice.offsetElements(), values, 0, values.length);
    }
  }

  @Override
  public double forwardBackward(TokenBatch batch, double weight) {
    try (PointerScope scope = new PointerScope()) {
      Output output = forward(inputs(batch), batch.sequences(), learned(batch), true);
      Tensor loss = crossEntropy(output.logits(), batch, MEAN);
      Tensor total = loss;
      for (Tensor balance : output.balanceLosses()) {
        total = total.add(balance);
      }
      total.mul(new Scalar(weight)).backward();
      return loss.item_float();
    }
  }

  @Override
  public double loss(TokenBatch batch) {
    double sum = 0;
    for (float loss : tokenLosses(batch)) {
      sum += loss;
    }
    return sum / batch.predictions();
  }

  @Override
  public float[] tokenLosses(TokenBatch batch) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Output output = forward(inputs(batch), batch.sequences(), learned(batch), false);
      return floats(crossEntropy(output.logits(), batch, NO_REDUCTION));
    }
  }

  /**
   * Logits of the tokens of whole sequences, without gradients.
   *
   * @param tokens B * L ids
   * @return row-major; shape (B * L, V)
   */
  public float[] logits(int[] tokens, int sequences) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      return floats(forward(ids(tokens), sequences, Optional.empty(), false).logits());
    }
  }

  /**
   * Logits of the token that follows one sequence, without gradients.
   *
   * @param tokens at most {@code maxSequenceLength} ids
   * @shape result (V)
   */
  public float[] nextLogits(int[] tokens) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor h = hiddenStates(ids(tokens), 1, Optional.empty(), false).normalised();
      return floats(torch.linear(h.narrow(0, tokens.length - 1, 1), weights.head()));
    }
  }

  /**
   * The routers' choices for whole sequences, one per MoE layer; for tests against a reference.
   *
   * @param tokens B * L ids
   */
  List<RouterChoice> routerChoices(int[] tokens, int sequences) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      List<RouterChoice> choices = new ArrayList<>();
      Hidden hidden = hiddenStates(ids(tokens), sequences, Optional.empty(), false);
      for (Router.Choice choice : hidden.choices()) {
        long[] experts = new long[Math.toIntExact(choice.experts().numel())];
        choice.experts().contiguous().data_ptr_long().get(experts);
        choices.add(new RouterChoice(experts, floats(choice.weights())));
      }
      return choices;
    }
  }

  /** Chosen experts and their weights, row-major; shape (T, K) each. */
  record RouterChoice(long[] experts, float[] weights) {}

  @Override
  public FlatBuffer parameters() {
    return parameters;
  }

  @Override
  public FlatBuffer gradients() {
    return gradients;
  }

  @Override
  public void zeroGradients() {
    gradients.clear();
  }

  @Override
  public Optional<ExpertRouting> routing() {
    return config.moeLayers() == 0 ? Optional.empty() : Optional.of(routing);
  }

  @Override
  public void close() {
    rotary.close();
    weights.close();
    routing.close();
    parameters.close();
    gradients.close();
  }

  private record Output(Tensor logits, List<Tensor> balanceLosses) {}

  private record Hidden(
      Tensor normalised, List<Router.Choice> choices, List<Tensor> balanceLosses) {}

  private Output forward(Tensor ids, int sequences, Optional<Tensor> learned, boolean training) {
    Hidden hidden = hiddenStates(ids, sequences, learned, training);
    return new Output(torch.linear(hidden.normalised(), weights.head()), hidden.balanceLosses());
  }

  /**
   * Embedding, layers, final norm.
   *
   * @param learned the places whose routing counts, 1 or 0; empty if all do; shape (B * L)
   */
  private Hidden hiddenStates(
      Tensor ids, int sequences, Optional<Tensor> learned, boolean training) {
    List<Router.Choice> choices = new ArrayList<>();
    List<Tensor> balanceLosses = new ArrayList<>();
    Tensor h = torch.embedding(weights.embedding(), ids);
    for (Weights.Layer layer : weights.layers()) {
      Tensor attended =
          layer.attention().forward(layer.attentionNorm().forward(h), sequences, rotary);
      h = h.add(attended);
      Tensor x = layer.feedForwardNorm().forward(h);
      if (layer.dense().isPresent()) {
        h = h.add(layer.dense().get().forward(x));
      } else {
        var result = layer.experts().orElseThrow().forward(x);
        h = h.add(result.output());
        Router.Choice choice = result.choice();
        if (training) {
          Router router = layer.experts().get().router();
          long[] load = learned.isEmpty() ? result.load() : router.load(choice, learned.get());
          routing.count(choices.size(), load);
          if (config.router().sequenceBalanceAlpha() > 0) {
            balanceLosses.add(router.sequenceBalanceLoss(choice.scores(), sequences, learned));
          }
        }
        choices.add(choice);
      }
    }
    return new Hidden(weights.norm().forward(h), choices, balanceLosses);
  }

  /** Padding is some token: nothing that is learned looks at it. */
  private static Tensor inputs(TokenBatch batch) {
    return batchTokens(batch).narrow(1, 0, batch.length()).reshape(-1).clamp_min(new Scalar(0));
  }

  /** 1 where a prediction is learned from, 0 where the target is padding; empty without padding. */
  private static Optional<Tensor> learned(TokenBatch batch) {
    return batch.isPadded()
        ? Optional.of(targets(batch).ge(new Scalar(0)).to(torch.ScalarType.Float))
        : Optional.empty();
  }

  private static Tensor crossEntropy(Tensor logits, TokenBatch batch, long reduction) {
    return torch.cross_entropy_loss(
        logits, targets(batch), new TensorOptional(), reduction, TokenBatch.PADDING, 0.0);
  }

  private static Tensor targets(TokenBatch batch) {
    return batchTokens(batch).narrow(1, 1, batch.length()).reshape(-1);
  }

  private static Tensor batchTokens(TokenBatch batch) {
    return ids(batch.tokens()).view(batch.sequences(), batch.length() + 1L);
  }

  private static Tensor ids(int[] tokens) {
    long[] ids = new long[tokens.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = tokens[i];
    }
    return torch.tensor(ids, new TensorOptions(torch.ScalarType.Long));
  }

  private static float[] floats(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.numel())];
    try (FloatPointer memory = tensor.contiguous().data_ptr_float()) {
      memory.get(values);
    }
    return values;
  }
}
