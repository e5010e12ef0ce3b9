package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.nn.Container;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import io.moraine.bigdl.module.BigDlModel;
import io.moraine.bigdl.module.Layers;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import io.moraine.model.train.TrainableModel;
import io.moraine.model.transformer.ModelConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import scala.collection.JavaConversions;

/** Makes language models in BigDL's layers, weights zero. */
public final class Transformers implements Function<ModelConfig, TrainableModel> {

  /** For {@code BigDl}. */
  public Transformers() {}

  /** One model, which must be one that {@code BigDl} supports. */
  @Override
  public TrainableModel apply(ModelConfig config) {
    BatchAtHand batch = new BatchAtHand();
    RouterBalance balance = new RouterBalance(config.moeLayers(), config.router());
    LanguageModel module = new LanguageModel(config, balance, batch);
    List<String> names = new ArrayList<>();
    addNames(module, names);
    BigDlModel model = new BigDlModel(module, Layers.crossEntropy(), config.weights(), names);
    clear(model.parameters());
    return new BigDlTransformer(model, batch, balance);
  }

  /** Of the slice for each parameter, in the order in which BigDL has them. */
  private static void addNames(AbstractModule<?, ?, Object> module, List<String> names) {
    if (module instanceof Container<?, ?, Object> container) {
      for (AbstractModule<?, ?, Object> part : JavaConversions.seqAsJavaList(container.modules())) {
        addNames(part, names);
      }
    } else {
      names.add(module.getName() + ".weight");
    }
  }

  private static void clear(FlatBuffer buffer) {
    for (Slice slice : buffer.slices()) {
      int length = Math.toIntExact(slice.length());
      buffer.put(slice.offsetElements(), new float[length], 0, length);
    }
  }
}
