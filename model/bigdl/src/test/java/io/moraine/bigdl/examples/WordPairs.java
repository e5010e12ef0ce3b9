package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.nn.BatchNormalization;
import com.intel.analytics.bigdl.nn.CrossEntropyCriterion;
import com.intel.analytics.bigdl.nn.Dropout;
import com.intel.analytics.bigdl.nn.Graph;
import com.intel.analytics.bigdl.nn.Graph$;
import com.intel.analytics.bigdl.nn.InferReshape;
import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.nn.LookupTable;
import com.intel.analytics.bigdl.nn.Sequential;
import com.intel.analytics.bigdl.nn.Tanh;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.nn.abstractnn.Activity;
import com.intel.analytics.bigdl.optim.Regularizer;
import com.intel.analytics.bigdl.tensor.Tensor;
import com.intel.analytics.bigdl.utils.Node;
import com.intel.analytics.bigdl.utils.RandomGenerator$;
import io.moraine.bigdl.module.BatchActivities;
import io.moraine.bigdl.module.BigDlModel;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.bigdl.module.Layers;
import io.moraine.bigdl.module.ModuleFactory;
import io.moraine.model.data.TokenBatch;
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

  /** The same as a graph. */
  public static final class InGraph implements ModuleFactory {

    /** For {@code BigDl}. */
    public InGraph() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return graph(vocabularySize);
    }

    @Override
    public AbstractCriterion<?, ?, Object> criterion() {
      return crossEntropy();
    }
  }

  /** Begins with scores that are all zero, behind which nothing has a gradient. */
  public static final class FromZero implements ModuleFactory {

    /** For {@code BigDl}. */
    public FromZero() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      Linear<Object> head = linear(WIDTH, vocabularySize);
      head.weight().zero();
      return WordPairs.module(vocabularySize, linear(WIDTH, WIDTH), tanh(), head);
    }

    @Override
    public AbstractCriterion<?, ?, Object> criterion() {
      return crossEntropy();
    }
  }

  /** Is given classes that are a part of a greater tensor, behind its first elements. */
  public static final class Later implements ModuleFactory, BatchActivities {

    /** For {@code BigDl}. */
    public Later() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return new Factory().module(vocabularySize, sequenceLength);
    }

    @Override
    public AbstractCriterion<?, ?, Object> criterion() {
      return crossEntropy();
    }

    @Override
    public BatchActivities activities() {
      return this;
    }

    @Override
    public Activity input(TokenBatch batch) {
      return BatchActivities.nextToken().input(batch);
    }

    @Override
    public Activity target(TokenBatch batch) {
      Tensor<Object> classes =
          BatchActivities.nextToken().target(batch).toTensor(FloatTensors.NUMERIC);
      int rows = classes.nElement();
      Tensor<Object> greater = FloatTensors.zeros(rows + 3);
      Tensor<Object> part = greater.narrow(1, 3, rows);
      part.copy(classes);
      return part;
    }
  }

  /** Makes another module from one day to the next, in which layers have other places. */
  public static final class Turning implements ModuleFactory {

    /** For {@code BigDl}. */
    public Turning() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      Linear<Object> hidden = linear(WIDTH, WIDTH);
      Linear<Object> head = linear(WIDTH, vocabularySize);
      return Boolean.getBoolean("moraine.test.turned")
          ? WordPairs.module(vocabularySize, hidden, new Gain(), head)
          : WordPairs.module(vocabularySize, new Gain(), hidden, head);
    }

    @Override
    public AbstractCriterion<?, ?, Object> criterion() {
      return crossEntropy();
    }
  }

  /** With layers of a user's own, one of which gives a new gradient away in each pass. */
  public static final class WithGains implements ModuleFactory {

    /** For {@code BigDl}. */
    public WithGains() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return WordPairs.module(
          vocabularySize, new Gain(), new Gain.Replacing(), linear(WIDTH, vocabularySize));
    }

    @Override
    public AbstractCriterion<?, ?, Object> criterion() {
      return crossEntropy();
    }
  }

  /** Leaves units out in training. */
  public static final class WithDropout implements Supplier<TrainableModel> {

    /** For {@code BigDl}. */
    public WithDropout() {}

    @Override
    public TrainableModel get() {
      RandomGenerator$.MODULE$.RNG().setSeed(5);
      return model(linear(WIDTH, WIDTH), dropout(), tanh(), linear(WIDTH, TOKENS));
    }
  }

  static Dropout<Object> dropout() {
    return new Dropout<>(0.3, false, true, FloatTensors.TAG, FloatTensors.NUMERIC);
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
    return new BigDlModel(module(TOKENS, layers), crossEntropy(), 5);
  }

  /** An embedding, then the layers. */
  @SafeVarargs
  static Sequential<Object> module(int tokens, AbstractModule<?, ?, Object>... layers) {
    return scores(embedding(tokens, Double.MAX_VALUE, null), layers);
  }

  @SafeVarargs
  static Sequential<Object> scores(
      AbstractModule<?, ?, Object> embedding, AbstractModule<?, ?, Object>... layers) {
    Sequential<Object> module = new Sequential<>(FloatTensors.TAG, FloatTensors.NUMERIC);
    module.add(embedding);
    module.add(rows());
    for (AbstractModule<?, ?, Object> layer : layers) {
      module.add(layer);
    }
    return module;
  }

  private static InferReshape<Object> rows() {
    return new InferReshape<>(new int[] {-1, WIDTH}, false, FloatTensors.TAG, FloatTensors.NUMERIC);
  }

  /** The same layers as a graph; the one in the middle is named {@code hidden}. */
  static Graph<Object> graph(int tokens) {
    LookupTable<Object> embedding = embedding(tokens, Double.MAX_VALUE, null);
    Node<AbstractModule<Activity, Activity, Object>> input = embedding.inputs(none());
    Node<AbstractModule<Activity, Activity, Object>> hidden =
        linear(WIDTH, WIDTH).setName("hidden").inputs(one(rows().inputs(one(input))));
    Node<AbstractModule<Activity, Activity, Object>> scores =
        linear(WIDTH, tokens).inputs(one(tanh().inputs(one(hidden))));
    return Graph$.MODULE$.apply(input, scores, FloatTensors.TAG, FloatTensors.NUMERIC);
  }

  @SuppressWarnings("unchecked")
  private static Node<AbstractModule<Activity, Activity, Object>>[] none() {
    return (Node<AbstractModule<Activity, Activity, Object>>[]) new Node<?>[0];
  }

  @SuppressWarnings("unchecked")
  private static Node<AbstractModule<Activity, Activity, Object>>[] one(
      Node<AbstractModule<Activity, Activity, Object>> node) {
    return (Node<AbstractModule<Activity, Activity, Object>>[]) new Node<?>[] {node};
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
    return Layers.crossEntropy();
  }

  static Linear<Object> linear(int in, int out) {
    return Layers.linear(in, out);
  }

  private static Tanh<Object> tanh() {
    return new Tanh<>(FloatTensors.TAG, FloatTensors.NUMERIC);
  }
}
