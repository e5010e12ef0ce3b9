package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.Container;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import io.moraine.bigdl.ModuleRequest;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import scala.collection.JavaConversions;

/**
 * What a module that somebody else wrote does with a few tokens, before it is trained: what would
 * end training later, or would make it wrong in silence, is said in a line now.
 */
final class ModuleTrial {

  /** Of a mean of float32 losses against the mean of the same, one by one. */
  private static final double LOSS_TOLERANCE = 1e-4;

  /** Of sums of float32 that are made in another order, relative to the sum of their sizes. */
  private static final double GRADIENT_TOLERANCE = 1e-2;

  /** Of the mean gradient: what is smaller may be nothing but rounding. */
  private static final double NEXT_TO_NOTHING = 1e-3;

  /**
   * Largest change of the weights: behind those that begin at zero others have no gradient. So
   * small that products of some thousand elements stay near one.
   */
  private static final double PERTURBATION = 0.02;

  private static final int SEQUENCES = 2;

  private final BigDlModel model;
  private final String name;
  private final int vocabularySize;
  private final TokenBatch batch;

  ModuleTrial(BigDlModel model, ModuleRequest request) {
    this.model = model;
    this.name = model.module().getName();
    this.vocabularySize = request.vocabularySize();
    this.batch = batch(vocabularySize - 1, request.sequenceLength());
  }

  /** Tokens in turn from one on, behind the last one the first; the second sequence ends early. */
  private TokenBatch batch(int from, int length) {
    int[] tokens = new int[SEQUENCES * (length + 1)];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = (from + i) % vocabularySize;
    }
    tokens[tokens.length - 1] = TokenBatch.PADDING;
    return new TokenBatch(SEQUENCES, length, tokens);
  }

  /**
   * Tries it.
   *
   * @throws IllegalArgumentException if it cannot be trained
   */
  void run() {
    float[] weights = all(model.parameters());
    requireLosses();
    requireUnchanged(weights);
    requireNothingFrozen(model.module());
    float[] others = perturbed(weights);
    model.parameters().put(0, others, 0, others.length);
    requireGradientsOfTheLossAlone();
    requireGradientsThatAddUp();
    requireGradientsOfAll();
    requireUnchanged(others);
    model.parameters().put(0, weights, 0, weights.length);
  }

  private void requireUnchanged(float[] weights) {
    if (!Arrays.equals(weights, all(model.parameters()))) {
      throw new IllegalArgumentException(
          "%s changes its own weights in a pass, as LookupTable does with maxNorm: ranks would diverge"
              .formatted(name));
    }
  }

  /** None of them is zero. */
  private static float[] perturbed(float[] weights) {
    SplittableRandom random = new SplittableRandom(1);
    float[] perturbed = new float[weights.length];
    for (int i = 0; i < weights.length; i++) {
      perturbed[i] = weights[i] + (float) (PERTURBATION * (2 * random.nextDouble() - 1));
    }
    return perturbed;
  }

  /** What BigDL makes of a batch; its failures are said in a line. */
  private <T> T computed(String what, Callable<T> work) {
    try {
      return work.call();
    } catch (Exception e) { // Scala throws checked ones that it does not declare
      throw new IllegalArgumentException(
          "%s and its criterion compute no %s of tokens: %s. A module gets (B, L) = (%d, %d) tokens counted from 1, as float32, and gives a row of scores for each"
              .formatted(name, what, Causes.innermost(e), SEQUENCES, batch.length()),
          e);
    }
  }

  private void requireLosses() {
    double mean = computed("loss", () -> model.meanLoss(batch));
    float[] losses = computed("loss", () -> model.tokenLosses(batch));
    double sum = 0;
    for (float loss : losses) {
      sum += loss;
    }
    double expected = sum / batch.predictions();
    if (!(Math.abs(mean - expected) <= LOSS_TOLERANCE * (1 + Math.abs(expected)))) {
      throw new IllegalArgumentException(
          "%s gives %s for tokens whose losses have the mean %s: a criterion must be a mean over all rows whose class is not %d, without weights of classes"
              .formatted(model.criterionName(), mean, expected, TokenBatch.PADDING));
    }
  }

  private static void requireNothingFrozen(AbstractModule<?, ?, Object> module) {
    if (module.getScaleW() == 0 || module.getScaleB() == 0) {
      throw new IllegalArgumentException(
          "%s is frozen: weight decay would change it all the same. Leave frozen layers out of the module"
              .formatted(module.getName()));
    }
    if (module instanceof Container<?, ?, Object> container) {
      JavaConversions.seqAsJavaList(container.modules()).forEach(ModuleTrial::requireNothingFrozen);
    }
  }

  private void requireGradientsOfTheLossAlone() {
    computed(
        "gradient",
        () -> {
          model.passWithoutLoss(batch);
          return batch;
        });
    for (float gradient : all(model.gradients())) {
      if (gradient != 0) {
        throw new IllegalArgumentException(
            "%s has gradients that are not the loss's, as of a layer's regularizer: train.adam.weight-decay takes its place"
                .formatted(name));
      }
    }
  }

  /** A step adds the gradients of several passes. */
  private void requireGradientsThatAddUp() {
    float[] once = gradients(batch);
    float[] twice = gradients(batch);
    model.zeroGradients();
    double mean = size(once, 0, once.length) / once.length;
    for (Slice slice : model.gradients().slices()) {
      int from = Math.toIntExact(slice.offsetElements());
      int to = from + Math.toIntExact(slice.length());
      double difference = 0;
      for (int i = from; i < to; i++) {
        difference += Math.abs(twice[i] - 2.0 * once[i]);
      }
      double size = size(once, from, to) + NEXT_TO_NOTHING * mean * slice.length();
      if (!(difference <= GRADIENT_TOLERANCE * size)) {
        throw new IllegalArgumentException(
            "the gradient of %s of %s does not double when a pass is repeated: its layer puts one gradient in the place of another instead of adding it, or draws random numbers that are not BigDL's"
                .formatted(slice, name));
      }
    }
  }

  /** Sum of the absolute values in a range. */
  private static double size(float[] values, int from, int to) {
    double size = 0;
    for (int i = from; i < to; i++) {
      size += Math.abs(values[i]);
    }
    return size;
  }

  /** After one pass more. */
  private float[] gradients(TokenBatch tokens) {
    computed("gradient", () -> model.forwardBackward(tokens, 1));
    return all(model.gradients());
  }

  /** All tokens are tried, until each slice has had a gradient. */
  private void requireGradientsOfAll() {
    List<Slice> without = model.gradients().slices();
    for (int from = 0; from < vocabularySize && !without.isEmpty(); ) {
      TokenBatch tokens = batch(from, batch.length());
      float[] gradients = gradients(tokens);
      without = without.stream().filter(slice -> isZero(gradients, slice)).toList();
      from += tokens.tokens().length;
    }
    model.zeroGradients();
    if (!without.isEmpty()) {
      throw new IllegalArgumentException(
          "%s of %s has no gradient, whatever the tokens: weight decay would change it all the same. Leave what is frozen, or has no part in the loss, out of the module"
              .formatted(without.get(0), name));
    }
  }

  private static boolean isZero(float[] gradients, Slice slice) {
    int from = Math.toIntExact(slice.offsetElements());
    return size(gradients, from, from + Math.toIntExact(slice.length())) == 0;
  }

  private static float[] all(FlatBuffer buffer) {
    float[] values = new float[Math.toIntExact(buffer.length())];
    buffer.get(0, values, 0, values.length);
    return values;
  }
}
