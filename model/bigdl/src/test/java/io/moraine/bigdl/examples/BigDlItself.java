package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.nn.Module$;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.nn.abstractnn.Activity;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Supplier;

/** What BigDL does with files of modules, through nothing but its own interface. */
public final class BigDlItself {

  private BigDlItself() {}

  /** Hadoop, through which BigDL opens files, finds its classes by the thread's class loader. */
  private static <T> T withHadoop(Supplier<T> work) {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(BigDlItself.class.getClassLoader());
    try {
      return work.get();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /** {@code saveModule}: to a path, with the weights in a file of their own if it has a name. */
  public static final class Save implements BiConsumer<String, String> {

    /** For {@code BigDl}. */
    public Save() {}

    @Override
    public void accept(String path, String weights) {
      withHadoop(
          () ->
              WordPairs.module()
                  .evaluate()
                  .saveModule(path, weights.isEmpty() ? null : weights, false));
    }
  }

  /** {@code loadModule} and a forward pass: from a path and (2, n) tokens, counted from 1. */
  public static final class Outputs implements BiFunction<String, float[], float[]> {

    /** For {@code BigDl}. */
    public Outputs() {}

    @Override
    @SuppressWarnings("unchecked")
    public float[] apply(String path, float[] tokens) {
      AbstractModule<Activity, Activity, Object> module =
          withHadoop(
              () -> Module$.MODULE$.loadModule(path, null, FloatTensors.TAG, FloatTensors.NUMERIC));
      if (module.isTraining()) {
        throw new IllegalStateException("the module is in training mode");
      }
      Tensor<Object> output =
          (Tensor<Object>) module.forward(FloatTensors.over(tokens, 2, tokens.length / 2));
      return FloatTensors.array(output.contiguous().clone());
    }
  }
}
