package io.moraine.model.transformer;

import io.moraine.model.attention.AttentionMask;
import io.moraine.model.data.TensorBatch;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.layer.Rotary;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Scoped;
import io.moraine.model.train.LossSum;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * The training of the modules of multi-token prediction: module k learns at every token i of a
 * sequence whose token i + k + 1 is there and is no padding.
 *
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, Eq. 21-25
 */
final class MultiTokenPrediction implements AutoCloseable {

  /** ATen's number for the sum of the losses of single tokens. */
  private static final long SUM = 2;

  private final ModelConfig config;
  private final Weights weights;
  private final Rotary rotary;
  private final TorchExpertBalance balance;
  private final RunningSum losses;
  private final RunningSum predictions;

  MultiTokenPrediction(
      ModelConfig config,
      Weights weights,
      Rotary rotary,
      TorchExpertBalance balance,
      Device device) {
    this.config = config;
    this.weights = weights;
    this.rotary = rotary;
    this.balance = balance;
    this.losses = new RunningSum(device);
    this.predictions = new RunningSum(device);
  }

  /**
   * What is added to the loss of the main model: {@code lambda / depth * sum_k L_k}, where L_k is
   * the cross-entropy of module k with the balance loss of its router. As in the paper, the sum of
   * the tokens' losses is divided by the number of the main model's predictions, so that
   * micro-batches add up whatever their padding.
   *
   * @param hidden behind the final norm; shape (B * L, D)
   * @param runs how layers are run whose routers are heard
   * @return a scalar; empty without modules
   */
  Optional<Tensor> loss(
      TensorBatch batch,
      AttentionMask mask,
      Tensor tokens,
      Tensor hidden,
      Function<TrainingListener, LayerRun> runs) {
    Optional<Tensor> total = Optional.empty();
    Tensor before = hidden;
    for (int k = 1; k <= config.prediction().depth() && k < batch.length(); k++) {
      int places = batch.length() - k;
      Tensor targets = tokens.narrow(1, k + 1L, places).reshape(-1);
      Optional<Tensor> counted =
          batch.isPadded()
              ? Optional.of(targets.ge(new Scalar(0)).to(torch.ScalarType.Float))
              : Optional.empty();
      int moeLayer = config.moeLayers() - config.prediction().depth() + k - 1;
      TrainingListener listener =
          new TrainingListener(balance, batch.sequences(), counted, Math.max(0, moeLayer));
      before = forward(k, mask, tokens.narrow(1, k, places), before, runs.apply(listener));
      Tensor sum = sumOfLosses(before, targets);
      losses.add(sum, 1);
      predictions.add(targets.ge(new Scalar(0)).sum(), 1);
      Tensor mean = sum.div(new Scalar((double) batch.predictions()));
      Tensor loss = listener.balanceLoss().map(mean::add).orElse(mean);
      total = Optional.of(total.isEmpty() ? loss : total.get().add(loss));
    }
    double weight = config.prediction().lossWeight() / Math.max(1, config.prediction().depth());
    return total.map(sum -> sum.mul(new Scalar(weight)));
  }

  /**
   * The hidden states of module k, behind its norm.
   *
   * @param ids of tokens i + k; padding is some token, nothing that is learned looks at it; shape
   *     (B, L')
   * @param before of the main model or of module k - 1; at least L' places per sequence
   * @shape result (B * L', D)
   */
  Tensor forward(int k, AttentionMask mask, Tensor ids, Tensor before, LayerRun run) {
    PredictionModule module = weights.predictionModules().get(k - 1);
    long places = ids.size(1);
    Tensor hidden =
        before
            .view(mask.count(), -1, config.dim())
            .narrow(1, 0, places)
            .reshape(mask.count() * places, config.dim());
    Tensor embedded =
        torch.embedding(weights.embedding(), ids.reshape(-1).clamp_min(new Scalar(0)));
    Layer layer = module.layer();
    AttentionMask shorter = mask.first(places);
    Tensor h =
        run.forward(layer, module.join(embedded, hidden), AttentionContext.of(shorter, rotary));
    return module.norm().forward(h);
  }

  /** What was learned since the last call. */
  LossSum takeLoss() {
    return config.prediction().depth() == 0
        ? LossSum.NONE
        : new LossSum(losses.take(), (long) predictions.take());
  }

  private Tensor sumOfLosses(Tensor hidden, Tensor targets) {
    return Scoped.result(
        () ->
            torch.cross_entropy_loss(
                weights.head().forward(hidden),
                targets,
                new TensorOptional(),
                SUM,
                TokenBatch.PADDING,
                0.0));
  }

  @Override
  public void close() {
    losses.close();
    predictions.close();
  }
}
