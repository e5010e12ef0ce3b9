package io.moraine.model.transformer;

import io.moraine.model.attention.AttentionMask;
import io.moraine.model.collective.CollectiveException;
import io.moraine.model.data.Batch;
import io.moraine.model.data.TensorBatch;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.layer.Rotary;
import io.moraine.model.moe.ExpertExchange;
import io.moraine.model.moe.Router;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Floats;
import io.moraine.model.tensor.Scoped;
import io.moraine.model.tensor.TorchFlatBuffer;
import io.moraine.model.train.ExpertBalance;
import io.moraine.model.train.LossSum;
import io.moraine.model.train.RankParameters;
import io.moraine.model.train.TrainableModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * A DeepSeek-V2/V3 transformer, or a dense one like Llama 3, in libtorch, on one device.
 *
 * <p>Weights and gradients are one contiguous buffer of float32 each, whatever the precision of
 * products; the tensors that libtorch computes with are views into them. One thread per instance;
 * instances are independent of each other, but for those whose experts are on different ranks.
 *
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 2; inference/model.py
 */
public final class Transformer implements TrainableModel {

  /** ATen's numbers for what becomes of the losses of single tokens. */
  private static final long NO_REDUCTION = 0;

  private static final long MEAN = 1;

  private final ModelConfig config;
  private final Device device;
  private final Recompute recompute;
  private final Optional<ExpertExchange> exchange;
  private final HeldWeights held;
  private final TorchFlatBuffer parameters;
  private final TorchFlatBuffer gradients;
  private final Weights weights;
  private final Rotary rotary;
  private final TorchExpertBalance balance;
  private final MultiTokenPrediction furtherModules;
  private final RunningSum losses;
  private long predictions;

  /** The first gradient of each layer. */
  private final List<Long> layerStarts;

  /** A model on the processor whose weights are zero; {@link InitialWeights} are put there. */
  public Transformer(ModelConfig config) {
    this(config, Device.CPU);
  }

  /** A model on a device whose weights are zero. */
  public Transformer(ModelConfig config, Device device) {
    this(config, Recompute.NONE, Optional.empty(), device);
  }

  /**
   * One rank's part of a model whose weights are zero.
   *
   * @param recompute what training computes twice to keep less; changes no result
   * @param exchange with the ranks that own the other routed experts; empty if all are here. With
   *     it all ranks make a pass together; one that has no tokens calls {@link #serveOthers}
   * @param device of all its tensors
   */
  public Transformer(
      ModelConfig config, Recompute recompute, Optional<ExpertExchange> exchange, Device device) {
    this.config = config;
    this.device = device;
    this.recompute = recompute;
    this.exchange = exchange;
    config.precision().requireOn(device);
    this.held =
        exchange
            .map(
                others ->
                    HeldWeights.ofOwner(WeightLayout.of(config), others.placement(), others.rank()))
            .orElseGet(() -> HeldWeights.whole(WeightLayout.of(config)));
    this.parameters = new TorchFlatBuffer(held.parameters(), device);
    this.gradients = new TorchFlatBuffer(held.gradients(), device);
    this.balance = new TorchExpertBalance(config, device);
    this.weights = new Weights(config, parameters, gradients, balance, exchange, device);
    this.rotary =
        new Rotary(
            config.attention().rotaryDim(), config.maxSequenceLength(), config.rotary(), device);
    this.furtherModules = new MultiTokenPrediction(config, weights, rotary, balance, device);
    this.losses = new RunningSum(device);
    this.layerStarts =
        IntStream.range(0, config.layers())
            .mapToObj(layer -> WeightLayout.start(gradients.slices(), layer))
            .toList();
  }

  /** What the model is. */
  public ModelConfig config() {
    return config;
  }

  @Override
  public void learn(Batch batch, double weight) {
    learnBy(UnaryOperator.identity(), batch, weight);
  }

  @Override
  public void learn(Batch batch, double weight, LongConsumer finished) {
    learnBy(
        run -> LayerFinishedHook.announced(run, weights.hooks(), layerStarts, finished),
        batch,
        weight);
  }

  private void learnBy(UnaryOperator<LayerRun> form, Batch batch, double weight) {
    try (PointerScope scope = new PointerScope()) {
      TensorBatch there = batch instanceof TokenBatch here ? placed(here) : (TensorBatch) batch;
      losses.add(pass(form, there, weight), there.predictions());
      predictions += there.predictions();
    }
  }

  @Override
  public LossSum takeLoss() {
    LossSum taken = new LossSum(losses.take(), predictions);
    predictions = 0;
    return taken;
  }

  /**
   * Forward and backward, within a scope.
   *
   * @param form in which the main model's layers are run
   * @return the mean loss, a scalar
   */
  private Tensor pass(UnaryOperator<LayerRun> form, TensorBatch batch, double weight) {
    Tensor tokens = tokens(batch);
    TrainingListener listener =
        new TrainingListener(balance, batch.sequences(), counted(batch, tokens), 0);
    AttentionMask mask = mask(batch);
    Tensor hidden = hiddenStates(inputs(tokens), mask, form.apply(run(listener)));
    Tensor loss = crossEntropy(hidden, tokens, MEAN);
    Tensor balanced = listener.balanceLoss().map(loss::add).orElse(loss);
    Tensor total =
        furtherModules
            .loss(batch, mask, tokens, hidden, this::run)
            .map(balanced::add)
            .orElse(balanced);
    backward(total.mul(new Scalar(weight)));
    return loss;
  }

  /**
   * With tokens that are all padding: no loss, no load, and gradients of zero, but rows for the
   * experts as any.
   */
  @Override
  public void serveOthers(boolean isTraining, int length) {
    if (exchange.isEmpty() || config.moeLayers() == 0) {
      return;
    }
    int enough = Math.min(length, config.prediction().depth() + 1); // to run as many modules
    int[] padding = new int[enough + 1];
    Arrays.fill(padding, TokenBatch.PADDING);
    TokenBatch batch = new TokenBatch(1, enough, padding);
    if (!isTraining) {
      tokenLosses(batch);
      return;
    }
    try (PointerScope scope = new PointerScope()) {
      pass(UnaryOperator.identity(), placed(batch), 0);
    }
  }

  @Override
  public float[] tokenLosses(TokenBatch batch) {
    return tokenLosses(batch, LayerRun.UNHEARD);
  }

  /** {@link #tokenLosses}, and which experts each token was sent to. */
  public RoutedLosses routedLosses(TokenBatch batch) {
    List<long[]> experts = new ArrayList<>();
    LayerRun run =
        LayerRun.heardBy((router, result) -> experts.add(chosenExperts(result.choice())));
    return new RoutedLosses(tokenLosses(batch, run), experts);
  }

  /**
   * Losses of predicted tokens and routes of those that they were predicted from.
   *
   * @param losses nats; 0 where the target is padding; shape (B * L)
   * @param experts chosen ones of each MoE layer; shape (B * L, K) each
   */
  public record RoutedLosses(float[] losses, List<long[]> experts) {}

  private float[] tokenLosses(TokenBatch batch, LayerRun run) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      TensorBatch placed = placed(batch);
      Tensor tokens = tokens(placed);
      Tensor hidden = hiddenStates(inputs(tokens), mask(placed), run);
      return Floats.of(crossEntropy(hidden, tokens, NO_REDUCTION));
    }
  }

  private static long[] chosenExperts(Router.Choice choice) {
    long[] experts = new long[Math.toIntExact(choice.experts().numel())];
    choice.experts().contiguous().cpu().data_ptr_long().get(experts);
    return experts;
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
      Tensor hidden = hiddenStates(ids(tokens), AttentionMask.whole(sequences), LayerRun.UNHEARD);
      return Floats.of(weights.head().forward(hidden));
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
      Tensor h = hiddenStates(ids(tokens), AttentionMask.whole(1), LayerRun.UNHEARD);
      return Floats.of(weights.head().forward(h.narrow(0, tokens.length - 1, 1)));
    }
  }

  /**
   * Reads one text piece by piece, for generating; the caller closes it.
   *
   * @param draftDepth modules of multi-token prediction that draft; 0 for none
   */
  public Decoder decoder(int draftDepth) {
    if (exchange.isPresent()) {
      throw new IllegalStateException("a rank that has a part of the experts cannot generate");
    }
    Objects.checkFromIndexSize(0, draftDepth, config.prediction().depth());
    return new Decoder(config, weights, rotary, draftDepth, device);
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
      hiddenStates(
          ids(tokens),
          AttentionMask.whole(sequences),
          LayerRun.heardBy(
              (router, result) ->
                  choices.add(
                      new RouterChoice(
                          chosenExperts(result.choice()), Floats.of(result.choice().weights())))));
      return choices;
    }
  }

  /**
   * Logits of what module k of multi-token prediction sees in whole sequences; for tests against a
   * reference.
   *
   * @param tokens B * L ids
   * @return of the tokens i + k + 1 for every i with a token i + k; shape (B * (L - k), V)
   */
  float[] furtherLogits(int[] tokens, AttentionMask mask, int k) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor rows = ids(tokens).view(mask.count(), -1);
      Tensor hidden = hiddenStates(rows.reshape(-1), mask, LayerRun.UNHEARD);
      for (int module = 1; module <= k; module++) {
        Tensor further = rows.narrow(1, module, rows.size(1) - module);
        hidden = furtherModules.forward(module, mask, further, hidden, LayerRun.UNHEARD);
      }
      return Floats.of(weights.head().forward(hidden));
    }
  }

  /** Chosen experts and their weights, row-major; shape (T, K) each. */
  record RouterChoice(long[] experts, float[] weights) {}

  @Override
  public FlatBuffer parameters() {
    return parameters;
  }

  @Override
  public RankParameters rankParameters() {
    return held.rankParameters();
  }

  @Override
  public FlatBuffer gradients() {
    return gradients;
  }

  @Override
  public LossSum takeFurtherLoss() {
    return furtherModules.takeLoss();
  }

  @Override
  public void zeroGradients() {
    gradients.clear();
  }

  @Override
  public Optional<ExpertBalance> expertBalance() {
    return config.moeLayers() == 0 ? Optional.empty() : Optional.of(balance);
  }

  @Override
  public void close() {
    losses.close();
    furtherModules.close();
    rotary.close();
    weights.close();
    balance.close();
    parameters.close();
    gradients.close();
  }

  /**
   * Embedding, layers, final norm.
   *
   * @shape ids (B * L); result (B * L, D)
   */
  private Tensor hiddenStates(Tensor ids, AttentionMask mask, LayerRun run) {
    Tensor h = torch.embedding(weights.embedding(), ids);
    AttentionContext context = AttentionContext.of(mask, rotary);
    for (Layer layer : weights.layers()) {
      h = run.forward(layer, h, context);
    }
    return weights.norm().forward(h);
  }

  /** What ends a transfer comes through libtorch as a text; the exchange knows what it was. */
  private void backward(Tensor loss) {
    try {
      loss.backward();
    } catch (RuntimeException e) {
      Optional<CollectiveException> failure = exchange.flatMap(ExpertExchange::failure);
      failure.ifPresent(first -> first.addSuppressed(e));
      throw failure.map(RuntimeException.class::cast).orElse(e);
    }
  }

  private LayerRun run(TrainingListener listener) {
    return switch (recompute) {
      case NONE -> LayerRun.heardBy(listener);
      case LAYERS -> RecomputeHook.heardBy(listener, weights.hooks());
    };
  }

  private Tensor ids(int[] tokens) {
    return device.tensor(tokens, tokens.length);
  }

  /** A batch where the model is. */
  private TensorBatch placed(TokenBatch batch) {
    long[] rows = {batch.sequences(), batch.length() + 1L};
    boolean isSpanLimited = config.span() == ModelConfig.AttentionSpan.WITHIN_DOCUMENTS;
    return new TensorBatch(
        batch.sequences(),
        batch.length(),
        batch.predictions(),
        device.tensor(batch.tokens(), rows),
        isSpanLimited && batch.documents().length > 0
            ? Optional.of(device.tensor(batch.documents(), rows))
            : Optional.empty());
  }

  private AttentionMask mask(TensorBatch batch) {
    boolean isSpanLimited = config.span() == ModelConfig.AttentionSpan.WITHIN_DOCUMENTS;
    return batch
        .documents()
        .filter(documents -> isSpanLimited)
        .map(documents -> AttentionMask.ofDocuments(documents.narrow(1, 0, batch.length())))
        .orElseGet(() -> AttentionMask.whole(batch.sequences()));
  }

  /** A batch's ids as int64; shape (B, L + 1). */
  private static Tensor tokens(TensorBatch batch) {
    return batch.tokens().to(torch.ScalarType.Long);
  }

  /** Padding is some token: nothing that is learned looks at it. */
  private static Tensor inputs(Tensor tokens) {
    return tokens.narrow(1, 0, tokens.size(1) - 1).reshape(-1).clamp_min(new Scalar(0));
  }

  private static Tensor targets(Tensor tokens) {
    return tokens.narrow(1, 1, tokens.size(1) - 1).reshape(-1);
  }

  /** 1 where a prediction is learned from, 0 where the target is padding; empty without padding. */
  private static Optional<Tensor> counted(TensorBatch batch, Tensor tokens) {
    return batch.isPadded()
        ? Optional.of(targets(tokens).ge(new Scalar(0)).to(torch.ScalarType.Float))
        : Optional.empty();
  }

  private Tensor crossEntropy(Tensor hidden, Tensor tokens, long reduction) {
    return Scoped.result(
        () ->
            torch.cross_entropy_loss(
                weights.head().forward(hidden),
                targets(tokens),
                new TensorOptional(),
                reduction,
                TokenBatch.PADDING,
                0.0));
  }
}
