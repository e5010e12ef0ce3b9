package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.nn.abstractnn.Activity;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import io.moraine.model.train.ExpertBalance;
import io.moraine.model.train.TrainableModel;
import java.util.List;
import java.util.Optional;

/**
 * A BigDL module and its criterion. Parameters and gradients are one Java array each, at which the
 * module's tensors look: nothing is copied in a step.
 *
 * <p>The module gives a row of scores for each token; the criterion averages over rows whose class
 * is not {@code -1} ({@code ClassNLLCriterion}, {@code CrossEntropyCriterion}). Every rank makes a
 * module of its own, with the same weights. A module that draws random numbers in a step (dropout)
 * trains, but a run that is resumed draws others: its weights are then not those of one that was
 * never stopped. One thread per instance.
 */
public final class BigDlModel implements TrainableModel {

  private final AbstractModule<Activity, Activity, Object> module;
  private final AbstractCriterion<Activity, Activity, Object> criterion;
  private final BatchActivities activities;
  private final FlatParameters parameters;

  /**
   * A model of tokens that predict the next one.
   *
   * @param module gets (B, L) tokens, counted from 1; gives (B * L, V)
   * @param criterion of these and the next tokens, counted from 1
   * @throws IllegalArgumentException if the module has no parameters, or keeps more than these from
   *     step to step
   */
  public BigDlModel(
      AbstractModule<?, ?, Object> module, AbstractCriterion<?, ?, Object> criterion) {
    this(module, criterion, BatchActivities.nextToken());
  }

  /**
   * A model of what {@code activities} makes of tokens.
   *
   * @throws IllegalArgumentException if the module has no parameters, or keeps more than these from
   *     step to step
   */
  public BigDlModel(
      AbstractModule<?, ?, Object> module,
      AbstractCriterion<?, ?, Object> criterion,
      BatchActivities activities) {
    this(module, criterion, activities, FlatParameters.of(module));
  }

  /**
   * A model of tokens that predict the next one, whose weights lie at given places.
   *
   * @param slices the places
   * @param names of the slice for each of the module's parameters, in its order
   */
  public BigDlModel(
      AbstractModule<?, ?, Object> module,
      AbstractCriterion<?, ?, Object> criterion,
      List<Slice> slices,
      List<String> names) {
    this(module, criterion, BatchActivities.nextToken(), FlatParameters.of(module, slices, names));
  }

  @SuppressWarnings("unchecked")
  private BigDlModel(
      AbstractModule<?, ?, Object> module,
      AbstractCriterion<?, ?, Object> criterion,
      BatchActivities activities,
      FlatParameters parameters) {
    this.module = (AbstractModule<Activity, Activity, Object>) module;
    this.criterion = (AbstractCriterion<Activity, Activity, Object>) criterion;
    this.activities = activities;
    this.parameters = parameters;
  }

  @Override
  public double forwardBackward(TokenBatch batch, double weight) {
    Activity input = activities.input(batch);
    Activity target = activities.target(batch);
    module.training();
    Activity output = module.forward(input);
    float loss = (Float) criterion.forward(output, target);
    Tensor<Object> gradient = tensor(criterion.backward(output, target));
    gradient.mul((float) weight);
    module.backward(input, gradient);
    return loss;
  }

  @Override
  public float[] tokenLosses(TokenBatch batch) {
    module.evaluate();
    Tensor<Object> output = tensor(module.forward(activities.input(batch)));
    float[] classes = FloatTensors.array(tensor(activities.target(batch)));
    float[] losses = new float[classes.length];
    for (int row = 0; row < losses.length; row++) {
      if (classes[row] != TokenBatch.PADDING) {
        Tensor<Object> target = FloatTensors.over(new float[] {classes[row]}, 1);
        losses[row] = (Float) criterion.forward(output.narrow(1, row + 1, 1), target);
      }
    }
    return losses;
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
