package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.Container;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import io.moraine.bigdl.ModuleRequest;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.tensor.FlatBuffer;
import java.util.Arrays;
import scala.collection.JavaConversions;

/**
 * What a module that somebody else wrote does with a few tokens, before it is trained: what would
 * end training later, or would make it wrong in silence, is said in a line now.
 */
final class ModuleTrial {

  /** Of a mean of float32 losses against the mean of the same, one by one. */
  private static final double TOLERANCE = 1e-4;

  private static final int SEQUENCES = 2;

  private final BigDlModel model;
  private final TokenBatch batch;

  ModuleTrial(BigDlModel model, ModuleRequest request) {
    this.model = model;
    this.batch = batch(request.vocabularySize(), request.sequenceLength());
  }

  /** All tokens in turn, the last one of the vocabulary too; the second sequence ends early. */
  private static TokenBatch batch(int vocabularySize, int length) {
    int[] tokens = new int[SEQUENCES * (length + 1)];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = (vocabularySize - 1 + i) % vocabularySize;
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
    requireNothingFrozen(model.module());
    requireGradientsOfTheLossAlone();
    if (!Arrays.equals(weights, all(model.parameters()))) {
      throw new IllegalArgumentException(
          "%s changes its own weights in a pass, as LookupTable does with maxNorm: ranks would diverge"
              .formatted(model.module().getName()));
    }
  }

  private void requireLosses() {
    double mean;
    float[] losses;
    try {
      mean = model.meanLoss(batch);
      losses = model.tokenLosses(batch);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          "%s and its criterion compute no loss of tokens: %s. A module gets (B, L) = (%d, %d) tokens counted from 1, as float32, and gives a row of scores for each"
              .formatted(model.module().getName(), Causes.innermost(e), SEQUENCES, batch.length()),
          e);
    }
    double sum = 0;
    for (float loss : losses) {
      sum += loss;
    }
    double expected = sum / batch.predictions();
    if (!(Math.abs(mean - expected) <= TOLERANCE * (1 + Math.abs(expected)))) {
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
    model.passWithoutLoss(batch);
    for (float gradient : all(model.gradients())) {
      if (gradient != 0) {
        throw new IllegalArgumentException(
            "%s has gradients that are not the loss's, as of a layer's regularizer: train.adam.weight-decay takes its place"
                .formatted(model.module().getName()));
      }
    }
  }

  private static float[] all(FlatBuffer buffer) {
    float[] values = new float[Math.toIntExact(buffer.length())];
    buffer.get(0, values, 0, values.length);
    return values;
  }
}
