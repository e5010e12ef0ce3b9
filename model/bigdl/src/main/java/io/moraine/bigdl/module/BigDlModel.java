package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.nn.abstractnn.Activity;
import com.intel.analytics.bigdl.tensor.Tensor;
import com.intel.analytics.bigdl.utils.LayerException;
import com.intel.analytics.bigdl.utils.RandomGenerator$;
import io.moraine.bigdl.BigDlModule;
import io.moraine.model.data.Batch;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import io.moraine.model.train.ExpertBalance;
import io.moraine.model.train.LossSum;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Supplier;

/**
 * A BigDL module and its criterion. Parameters and gradients are one Java array each, at which the
 * module's tensors look: nothing is copied in a step.
 *
 * <p>The module gives a row of scores for each class, (B * L, V) or (B, L, V); the criterion gets
 * them as (B * L, V) and averages over rows whose class is not {@code -1} ({@code
 * ClassNLLCriterion}, {@code CrossEntropyCriterion}). Every rank makes a module of its own, with
 * the same weights. What a module draws in a step (dropout) comes from BigDL's random numbers,
 * which are seeded before each pass: with other numbers for other tokens and other weights, so for
 * each rank and step, and with the same ones in a run that is resumed. One thread per instance.
 */
public final class BigDlModel implements BigDlModule {

  private final AbstractModule<Activity, Activity, Object> module;
  private final AbstractCriterion<Activity, Activity, Object> criterion;
  private final BatchActivities activities;
  private final FlatParameters parameters;
  private final long seed;
  private LossSum learned = LossSum.NONE;

  /**
   * A model of tokens that predict the next one.
   *
   * @param module gets (B, L) tokens, counted from 1; gives scores of the next ones
   * @param criterion of these and the next tokens, counted from 1
   * @param seed of the random numbers in passes; the same on all ranks
   * @throws IllegalArgumentException if the module has no parameters, or keeps more than these from
   *     step to step
   */
  public BigDlModel(
      AbstractModule<?, ?, Object> module, AbstractCriterion<?, ?, Object> criterion, long seed) {
    this(module, criterion, BatchActivities.nextToken(), seed);
  }

  /**
   * A model of what {@code activities} makes of tokens.
   *
   * @param seed of the random numbers in passes; the same on all ranks
   * @throws IllegalArgumentException if the module has no parameters, or keeps more than these from
   *     step to step
   */
  public BigDlModel(
      AbstractModule<?, ?, Object> module,
      AbstractCriterion<?, ?, Object> criterion,
      BatchActivities activities,
      long seed) {
    this(module, criterion, activities, FlatParameters.of(module), seed);
  }

  /**
   * A model of tokens that predict the next one, whose weights lie at given places; it draws no
   * random numbers.
   *
   * @param slices the places
   * @param names of the slice for each of the module's parameters, in its order
   */
  public BigDlModel(
      AbstractModule<?, ?, Object> module,
      AbstractCriterion<?, ?, Object> criterion,
      List<Slice> slices,
      List<String> names) {
    this(
        module,
        criterion,
        BatchActivities.nextToken(),
        FlatParameters.of(module, slices, names),
        0);
  }

  @SuppressWarnings("unchecked")
  private BigDlModel(
      AbstractModule<?, ?, Object> module,
      AbstractCriterion<?, ?, Object> criterion,
      BatchActivities activities,
      FlatParameters parameters,
      long seed) {
    this.module = (AbstractModule<Activity, Activity, Object>) module;
    this.criterion = (AbstractCriterion<Activity, Activity, Object>) criterion;
    this.activities = activities;
    this.parameters = parameters;
    this.seed = seed;
  }

  @Override
  public void learn(Batch batch, double weight) {
    TokenBatch tokens = TokenBatch.of(batch);
    double loss = Inside.call(() -> pass(tokens, weight));
    learned = learned.plus(loss, tokens.predictions());
  }

  @Override
  public LossSum takeLoss() {
    LossSum taken = learned;
    learned = LossSum.NONE;
    return taken;
  }

  /** Forward and backward; the mean loss. */
  private double pass(TokenBatch batch, double weight) {
    RandomGenerator$.MODULE$.RNG().setSeed(seedOf(batch));
    Activity input = activities.input(batch);
    Tensor<Object> target = tensor(activities.target(batch));
    module.training();
    Tensor<Object> output = scores(input);
    Tensor<Object> rows = rows(output, target);
    float loss = (Float) criterion.forward(rows, target);
    Tensor<Object> gradient = tensor(criterion.backward(rows, target));
    gradient.mul((float) weight);
    backward(input, gradient.view(output.size()));
    return loss;
  }

  /** Of a pass's random numbers; BigDL takes 32 bits. */
  private int seedOf(TokenBatch batch) {
    long pass =
        ((long) parameters.values().sampled() << Integer.SIZE) ^ Arrays.hashCode(batch.tokens());
    return new SplittableRandom(new SplittableRandom(seed).nextLong() ^ pass).nextInt();
  }

  private void backward(Activity input, Tensor<Object> gradient) {
    inLayers(() -> module.backward(input, gradient));
    parameters.gather();
  }

  @Override
  public float[] tokenLosses(TokenBatch batch) {
    return Inside.call(() -> evaluatedLosses(batch));
  }

  private float[] evaluatedLosses(TokenBatch batch) {
    Tensor<Object> target = tensor(activities.target(batch));
    Tensor<Object> rows = evaluatedRows(batch, target);
    float[] classes = FloatTensors.values(target);
    int unpredicted = unpredicted(batch, classes.length);
    float[] losses = new float[batch.sequences() * batch.length()];
    for (int token = 0; token < losses.length; token++) {
      int row = token + unpredicted * (token / batch.length() + 1);
      if (classes[row] != TokenBatch.PADDING) {
        Tensor<Object> own = FloatTensors.over(new float[] {classes[row]}, 1);
        losses[token] = (Float) criterion.forward(rows.narrow(1, row + 1, 1), own);
      }
    }
    return losses;
  }

  /** Rows of a sequence before the first one that is predicted: none or one. */
  private static int unpredicted(TokenBatch batch, int rows) {
    int unpredicted = rows / batch.sequences() - batch.length();
    if (rows % batch.sequences() > 0 || unpredicted < 0 || unpredicted > 1) {
      throw new IllegalArgumentException(
          "%d classes for %d sequences of %d predicted tokens: there must be one for each, or for each of the %d tokens"
              .formatted(rows, batch.sequences(), batch.length(), batch.length() + 1));
    }
    return unpredicted;
  }

  /** What the criterion makes of a whole batch, without gradients. */
  double meanLoss(TokenBatch batch) {
    return Inside.call(
        () -> {
          Tensor<Object> target = tensor(activities.target(batch));
          return (double) (Float) criterion.forward(evaluatedRows(batch, target), target);
        });
  }

  /** A pass in training whose loss is nothing. */
  void passWithoutLoss(TokenBatch batch) {
    Inside.call(
        () -> {
          Activity input = activities.input(batch);
          module.training();
          backward(input, FloatTensors.zeros(scores(input).size()));
          return batch;
        });
  }

  private Tensor<Object> evaluatedRows(TokenBatch batch, Tensor<Object> target) {
    module.evaluate();
    return rows(scores(activities.input(batch)), target);
  }

  private Tensor<Object> scores(Activity input) {
    Activity output = inLayers(() -> module.forward(input));
    if (!output.isTensor()) {
      throw new IllegalArgumentException(
          "%s gives %s, not a tensor of scores"
              .formatted(module.getName(), output.getClass().getSimpleName()));
    }
    return tensor(output).contiguous();
  }

  private Activity inLayers(Supplier<Activity> work) {
    try {
      return work.get();
    } catch (LayerException e) {
      throw new IllegalStateException("%s: %s".formatted(module.getName(), Causes.innermost(e)), e);
    }
  }

  /**
   * Rows of scores, one for each class.
   *
   * @shape scores (B * L, V) or (B, L, V); target (B * L); result (B * L, V)
   */
  private Tensor<Object> rows(Tensor<Object> scores, Tensor<Object> target) {
    int width = scores.size(scores.dim());
    if (scores.dim() < 2 || scores.nElement() != (long) width * target.nElement()) {
      throw new IllegalArgumentException(
          "%s gives scores of shape %s for %d classes, where (B * L, V) or (B, L, V) was expected"
              .formatted(module.getName(), Arrays.toString(scores.size()), target.nElement()));
    }
    return scores.view(new int[] {target.nElement(), width});
  }

  @Override
  public void write(OutputStream out) throws IOException {
    Inside.call(
        () -> {
          module.evaluate();
          ModuleFormat.write(module, out);
          return out;
        });
  }

  AbstractModule<Activity, Activity, Object> module() {
    return module;
  }

  String criterionName() {
    return criterion.getClass().getSimpleName();
  }

  @Override
  public FlatBuffer parameters() {
    return parameters.values();
  }

  @Override
  public FlatBuffer gradients() {
    return parameters.gradients();
  }

  @Override
  public void zeroGradients() {
    parameters.gradients().clear();
  }

  @Override
  public Optional<ExpertBalance> expertBalance() {
    return Optional.empty();
  }

  /** Nothing to do: all memory is the JVM's. */
  @Override
  public void close() {}

  @SuppressWarnings("unchecked")
  private static Tensor<Object> tensor(Activity activity) {
    return (Tensor<Object>) activity;
  }
}
