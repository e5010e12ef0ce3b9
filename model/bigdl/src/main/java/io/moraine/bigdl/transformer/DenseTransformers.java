package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.nn.InferReshape;
import com.intel.analytics.bigdl.nn.LanguageModel$;
import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.nn.Sequential;
import com.intel.analytics.bigdl.nn.Transformer;
import com.intel.analytics.bigdl.tensor.Tensor;
import com.intel.analytics.bigdl.utils.RandomGenerator$;
import io.moraine.bigdl.BigDlModule;
import io.moraine.bigdl.module.BatchActivities;
import io.moraine.bigdl.module.BigDlModel;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.bigdl.module.Layers;
import io.moraine.model.transformer.ModelConfig;
import java.util.SplittableRandom;
import java.util.function.BiFunction;

/**
 * Makes BigDL's own {@code Transformer}, of its type {@code LanguageModel}, with an output head.
 *
 * <p>It shifts tokens to the right by itself: the row of a token is made of those before it. Its
 * own way to share the embedding with the head forgets the head's gradient; here the head is a
 * {@code Linear}, which may have the embedding's weight as its own.
 */
public final class DenseTransformers implements BiFunction<ModelConfig, Long, BigDlModule> {

  /** What BigDL calls the dropouts of its Transformer are shares that are kept. */
  private static final float ALL_KEPT = 1;

  /** For {@code BigDl}. */
  public DenseTransformers() {}

  /** One model, which must be one that {@code BigDl} supports; the same weights for a seed. */
  @Override
  public BigDlModule apply(ModelConfig config, Long seed) {
    RandomGenerator$.MODULE$.RNG().setSeed(seed);
    Transformer<Object> transformer = transformer(config);
    initialise(transformer.parameters()._1(), config.initStd(), new SplittableRandom(seed));
    Linear<Object> head = Layers.projection(config.dim(), config.vocabularySize());
    if (config.hasTiedEmbeddings()) {
      head.weight().set(transformer.parameters()._1()[0]);
      head.gradWeight().set(transformer.parameters()._2()[0]);
    } else {
      normal(head.weight(), config.initStd(), new SplittableRandom(~seed));
    }
    Sequential<Object> module = new Sequential<>(FloatTensors.TAG, FloatTensors.NUMERIC);
    module.add(transformer);
    module.add(
        new InferReshape<>(
            new int[] {-1, config.dim()}, false, FloatTensors.TAG, FloatTensors.NUMERIC));
    module.add(head);
    return new BigDlModel(module, Layers.crossEntropy(), BatchActivities.ownToken(), seed);
  }

  private static Transformer<Object> transformer(ModelConfig config) {
    return new Transformer<>(
        config.vocabularySize(),
        config.dim(),
        config.attention().heads(),
        config.denseFeedForwardDim(),
        config.layers(),
        ALL_KEPT,
        ALL_KEPT,
        ALL_KEPT,
        Transformer.$lessinit$greater$default$9(),
        false,
        LanguageModel$.MODULE$,
        null,
        FloatTensors.TAG,
        FloatTensors.NUMERIC);
  }

  private static void initialise(Tensor<Object>[] weights, double std, SplittableRandom random) {
    for (Tensor<Object> weight : weights) {
      SplittableRandom own = random.split();
      if (weight.dim() == 2) {
        normal(weight, std, own);
      }
    }
  }

  private static void normal(Tensor<Object> weight, double std, SplittableRandom random) {
    float[] values = FloatTensors.array(weight);
    int from = FloatTensors.offset(weight);
    for (int i = from; i < from + weight.nElement(); i++) {
      values[i] = (float) (std * random.nextGaussian());
    }
  }
}
