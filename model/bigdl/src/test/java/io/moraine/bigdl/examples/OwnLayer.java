package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.nn.Sequential;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.nn.abstractnn.TensorModule;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.bigdl.module.ModuleFactory;

/** Has a layer that BigDL's format knows nothing of. */
public final class OwnLayer implements ModuleFactory {

  /** For {@code BigDl}. */
  public OwnLayer() {}

  @Override
  public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
    Sequential<Object> module = new Sequential<>(FloatTensors.TAG, FloatTensors.NUMERIC);
    module.add(new WordPairs.Factory().module(vocabularySize, sequenceLength));
    module.add(new Half(0.5f));
    module.setName("own");
    return module;
  }

  @Override
  public AbstractCriterion<?, ?, Object> criterion() {
    return WordPairs.crossEntropy();
  }

  /** Scales. */
  private static final class Half extends TensorModule<Object> {

    private final float half;

    Half(float half) {
      super(FloatTensors.TAG, FloatTensors.NUMERIC);
      this.half = half;
    }

    @Override
    public Tensor<Object> updateOutput(Tensor<Object> input) {
      output_$eq(input.clone().mul(half));
      return output();
    }

    @Override
    public Tensor<Object> updateGradInput(Tensor<Object> input, Tensor<Object> gradOutput) {
      gradInput_$eq(gradOutput.clone().mul(half));
      return gradInput();
    }
  }
}
