package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.nn.BatchNormalization;
import com.intel.analytics.bigdl.nn.CrossEntropyCriterion;
import com.intel.analytics.bigdl.nn.InferReshape;
import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.nn.LookupTable;
import com.intel.analytics.bigdl.nn.Sequential;
import com.intel.analytics.bigdl.nn.Tanh;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.nn.abstractnn.Activity;
import com.intel.analytics.bigdl.optim.Regularizer;
import com.intel.analytics.bigdl.utils.RandomGenerator$;
import io.moraine.bigdl.module.BigDlModel;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.bigdl.module.ModuleFactory;
import io.moraine.model.train.TrainableModel;
import java.util.function.Supplier;

/** BigDL's own layers: each of 31 tokens says which one follows. */
public final class WordPairs implements Supplier<TrainableModel> {

  static final int TOKENS = 31;
  static final int WIDTH = 16;

  /** For {@code BigDl}. */
  public WordPairs() {}

  @Override
  public TrainableModel get() {
    RandomGenerator$.MODULE$.RNG().setSeed(5);
    return model(linear(WIDTH, WIDTH), tanh(), linear(WIDTH, TOKENS));
  }

  /** A hidden layer that is applied twice, as two layers that share their weights. */
  public static final class Shared implements Supplier<TrainableModel> {

    /** For {@code BigDl}. */
    public Shared() {}

    @Override
    public TrainableModel get() {
      RandomGenerator$.MODULE$.RNG().setSeed(5);
      Linear<Object> once = linear(WIDTH, WIDTH);
      Linear<Object> again = linear(WIDTH, WIDTH);
      again.weight().set(once.weight());
      again.gradWeight().set(once.gradWeight());
      again.bias().set(once.bias());
      again.gradBias().set(once.gradBias());
      return model(once, tanh(), again, linear(WIDTH, TOKENS));
    }
  }

  /** The same as {@code moraine train} wants it, for any number of tokens. */
  public static final class Factory implements ModuleFactory {

    /** For {@code BigDl}. */
    public Factory() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return WordPairs.module(
          vocabularySize, linear(WIDTH, WIDTH), tanh(), linear(WIDTH, vocabularySize));
    }

    @Override
    public AbstractCriterion<?, ?, Object> criterion() {
      return crossEntropy();
    }
  }

  /** Has running means, which are no parameters. */
  public static final class WithState implements Supplier<TrainableModel> {

    /** For {@code BigDl}. */
    public WithState() {}

    @Override
    public TrainableModel get() {
      return model(
          new BatchNormalization<>(
              WIDTH,
              1e-5,
              0.1,
              true,
              null,
              null,
              null,
              null,
              FloatTensors.TAG,
              FloatTensors.NUMERIC),
          linear(WIDTH, TOKENS));
    }
  }

  /** The module of the example itself, without a model around it. */
  static AbstractModule<Activity, Activity, Object> module() {
    RandomGenerator$.MODULE$.RNG().setSeed(5);
    return module(TOKENS, linear(WIDTH, WIDTH), tanh(), linear(WIDTH, TOKENS));
  }

  @SafeVarargs
  private static TrainableModel model(AbstractModule<?, ?, Object>... layers) {
    return new BigDlModel(module(TOKENS, layers), crossEntropy());
  }

  /** An embedding, then the layers. */
  @SafeVarargs
  private static Sequential<Object> module(int tokens, AbstractModule<?, ?, Object>... layers) {
    Sequential<Object> module = new Sequential<>(FloatTensors.TAG, FloatTensors.NUMERIC);
    module.add(embedding(tokens, Double.MAX_VALUE, null));
    module.add(
        new InferReshape<>(new int[] {-1, WIDTH}, false, FloatTensors.TAG, FloatTensors.NUMERIC));
    for (AbstractModule<?, ?, Object> layer : layers) {
      module.add(layer);
    }
    return module;
  }

  static LookupTable<Object> embedding(
      int tokens, double maxNorm, Regularizer<Object> regularizer) {
    return new LookupTable<>(
        tokens,
        WIDTH,
        0,
        maxNorm,
        2,
        false,
        regularizer,
        false,
        FloatTensors.TAG,
        FloatTensors.NUMERIC);
  }

  static CrossEntropyCriterion<Object> crossEntropy() {
    return new CrossEntropyCriterion<>(null, true, FloatTensors.TAG, FloatTensors.NUMERIC);
  }

  static Linear<Object> linear(int in, int out) {
    return new Linear<>(
        in, out, true, null, null, null, null, null, null, FloatTensors.TAG, FloatTensors.NUMERIC);
  }

  private static Tanh<Object> tanh() {
    return new Tanh<>(FloatTensors.TAG, FloatTensors.NUMERIC);
  }
}
