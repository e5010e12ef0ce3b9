package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.nn.abstractnn.TensorModule;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import scala.Tuple2;

/**
 * A layer of a user's own: multiplies by one weight. The others do something that is not allowed.
 */
class Gain extends TensorModule<Object> {

  final Tensor<Object> weight = FloatTensors.over(new float[] {1}, 1);
  final Tensor<Object> gradient = FloatTensors.zeros(1);

  Gain() {
    super(FloatTensors.TAG, FloatTensors.NUMERIC);
    setName(getClass().getSimpleName());
  }

  private float gain() {
    return FloatTensors.values(weight)[0];
  }

  @Override
  public Tensor<Object> updateOutput(Tensor<Object> input) {
    output_$eq(input.clone().mul(gain()));
    return output();
  }

  @Override
  public Tensor<Object> updateGradInput(Tensor<Object> input, Tensor<Object> gradOutput) {
    gradInput_$eq(gradOutput.clone().mul(gain()));
    return gradInput();
  }

  @Override
  public void accGradParameters(Tensor<Object> input, Tensor<Object> gradOutput) {
    gradient.add(ofPass(input, gradOutput));
  }

  static Tensor<Object> ofPass(Tensor<Object> input, Tensor<Object> gradOutput) {
    return FloatTensors.over(new float[] {(Float) input.dot(gradOutput)}, 1);
  }

  @Override
  public Tuple2<Tensor<Object>[], Tensor<Object>[]> parameters() {
    return both(weight, gradient);
  }

  @SuppressWarnings("unchecked")
  private static Tuple2<Tensor<Object>[], Tensor<Object>[]> both(
      Tensor<Object> weight, Tensor<Object> gradient) {
    return new Tuple2<>(
        (Tensor<Object>[]) new Tensor<?>[] {weight}, (Tensor<Object>[]) new Tensor<?>[] {gradient});
  }

  /** Keeps the gradient of the last pass alone. */
  static final class Overwriting extends Gain {

    @Override
    public void accGradParameters(Tensor<Object> input, Tensor<Object> gradOutput) {
      gradient.copy(ofPass(input, gradOutput));
    }
  }

  /** Gives a new gradient away in each pass, as BigDL's {@code LayerNormalization} does. */
  static final class Replacing extends Gain {

    private Tensor<Object> replaced = gradient;

    @Override
    public void accGradParameters(Tensor<Object> input, Tensor<Object> gradOutput) {
      replaced = ofPass(input, gradOutput);
    }

    @Override
    public Tuple2<Tensor<Object>[], Tensor<Object>[]> parameters() {
      return both(weight, replaced);
    }
  }

  /** Gives copies of its tensors away. */
  static final class Copied extends Gain {

    @Override
    public Tuple2<Tensor<Object>[], Tensor<Object>[]> parameters() {
      return both(weight.clone(), gradient.clone());
    }
  }

  /** Lets its gradient look elsewhere in each pass. */
  static final class ElsewhereGradient extends Gain {

    @Override
    public void accGradParameters(Tensor<Object> input, Tensor<Object> gradOutput) {
      gradient.set(ofPass(input, gradOutput));
    }
  }

  /** Lets its weight look elsewhere. */
  static final class ElsewhereWeight extends Gain {

    @Override
    public void accGradParameters(Tensor<Object> input, Tensor<Object> gradOutput) {
      super.accGradParameters(input, gradOutput);
      weight.set(FloatTensors.over(new float[] {1}, 1));
    }
  }

  /** Has a gradient for another number of weights. */
  static final class TwoGradients extends Gain {

    @Override
    public Tuple2<Tensor<Object>[], Tensor<Object>[]> parameters() {
      return both(weight, FloatTensors.zeros(2));
    }
  }

  /** Has no gradient. */
  static final class NoGradient extends Gain {

    @Override
    public Tuple2<Tensor<Object>[], Tensor<Object>[]> parameters() {
      return both(weight, null);
    }
  }

  /** Cannot go backward. */
  static final class Forward extends Gain {

    @Override
    public Tensor<Object> updateGradInput(Tensor<Object> input, Tensor<Object> gradOutput) {
      throw new UnsupportedOperationException("there is no way back");
    }
  }

  /** Needs something that is not there. */
  static final class Unlinked extends Gain {

    @Override
    public Tensor<Object> updateOutput(Tensor<Object> input) {
      throw new NoSuchMethodError("org.example.Missing.method()");
    }
  }

  /** Draws from random numbers of its own. */
  static final class OwnRandom extends Gain {

    private final java.util.Random random = new java.util.Random(1);

    @Override
    public Tensor<Object> updateOutput(Tensor<Object> input) {
      output_$eq(super.updateOutput(input).mul(isTraining() ? random.nextFloat() : 1f));
      return output();
    }
  }
}
