package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.nn.ConcatTable;
import com.intel.analytics.bigdl.nn.CrossEntropyCriterion;
import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.nn.MSECriterion;
import com.intel.analytics.bigdl.nn.Sequential;
import com.intel.analytics.bigdl.nn.TimeDistributed;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.optim.L2Regularizer;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.bigdl.module.ModuleFactory;
import java.util.function.Supplier;
import scala.collection.JavaConversions;

/** Modules and criteria that cannot be trained on tokens. */
public abstract sealed class Refused implements ModuleFactory {

  Refused() {}

  @Override
  public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
    return scores(WordPairs.embedding(vocabularySize, Double.MAX_VALUE, null), vocabularySize);
  }

  @Override
  public AbstractCriterion<?, ?, Object> criterion() {
    return WordPairs.crossEntropy();
  }

  private static AbstractModule<?, ?, Object> scores(
      AbstractModule<?, ?, Object> embedding, int vocabularySize) {
    return WordPairs.scores(embedding, WordPairs.linear(WordPairs.WIDTH, vocabularySize));
  }

  /** Of pictures of 784 numbers. */
  public static final class OfPictures extends Refused {

    /** For {@code BigDl}. */
    public OfPictures() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return WordPairs.linear(784, 10);
    }
  }

  /** Gives one row for a sequence. */
  public static final class OneRow extends Refused {

    /** For {@code BigDl}. */
    public OneRow() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return WordPairs.linear(sequenceLength, vocabularySize);
    }
  }

  /** Gives two tensors. */
  public static final class Tables extends Refused {

    /** For {@code BigDl}. */
    public Tables() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      ConcatTable<Object> module = new ConcatTable<>(FloatTensors.TAG, FloatTensors.NUMERIC);
      module.add(super.module(vocabularySize, sequenceLength));
      module.add(super.module(vocabularySize, sequenceLength));
      return module;
    }
  }

  /** Knows fewer tokens than the dataset has. */
  public static final class FewTokens extends Refused {

    /** For {@code BigDl}. */
    public FewTokens() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return super.module(vocabularySize - 1, sequenceLength);
    }
  }

  /** A criterion that sums. */
  public static final class Sum extends Refused {

    /** For {@code BigDl}. */
    public Sum() {}

    @Override
    public AbstractCriterion<?, ?, Object> criterion() {
      return new CrossEntropyCriterion<>(null, false, FloatTensors.TAG, FloatTensors.NUMERIC);
    }
  }

  /** A criterion of numbers, not of classes. */
  public static final class OfNumbers extends Refused {

    /** For {@code BigDl}. */
    public OfNumbers() {}

    @Override
    public AbstractCriterion<?, ?, Object> criterion() {
      return new MSECriterion<>(FloatTensors.TAG, FloatTensors.NUMERIC);
    }
  }

  /** Weights that shall stay as they are. */
  public static final class Frozen extends Refused {

    /** For {@code BigDl}. */
    public Frozen() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      AbstractModule<?, ?, Object> embedding =
          WordPairs.embedding(vocabularySize, Double.MAX_VALUE, null).setName("frozen");
      return scores(frozen(embedding), vocabularySize);
    }
  }

  /** Weights that are drawn to zero by the layer itself. */
  public static final class Regularized extends Refused {

    /** For {@code BigDl}. */
    public Regularized() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return scores(
          WordPairs.embedding(
              vocabularySize,
              Double.MAX_VALUE,
              new L2Regularizer<>(0.1, FloatTensors.TAG, FloatTensors.NUMERIC)),
          vocabularySize);
    }
  }

  /** Weights that are cut down in each pass. */
  public static final class CutDown extends Refused {

    /** For {@code BigDl}. */
    public CutDown() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return scores(WordPairs.embedding(vocabularySize, 0.1, null), vocabularySize);
    }
  }

  private static AbstractModule<?, ?, Object> frozen(AbstractModule<?, ?, Object> layer) {
    layer.freeze(JavaConversions.asScalaBuffer(java.util.List.<String>of()));
    return layer;
  }

  /** Frozen weights within a layer that is no container. */
  public static final class FrozenInTime extends Refused {

    /** For {@code BigDl}. */
    public FrozenInTime() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      Sequential<Object> module = new Sequential<>(FloatTensors.TAG, FloatTensors.NUMERIC);
      module.add(WordPairs.embedding(vocabularySize, Double.MAX_VALUE, null));
      module.add(
          new TimeDistributed<>(
              tensors(frozen(WordPairs.linear(WordPairs.WIDTH, vocabularySize))),
              false,
              FloatTensors.TAG,
              FloatTensors.NUMERIC));
      return module;
    }
  }

  @SuppressWarnings("unchecked")
  private static AbstractModule<Tensor<Object>, Tensor<Object>, Object> tensors(
      AbstractModule<?, ?, Object> layer) {
    return (AbstractModule<Tensor<Object>, Tensor<Object>, Object>) layer;
  }

  /** Weights behind which a graph stops the gradient. */
  public static final class Stopped extends Refused {

    /** For {@code BigDl}. */
    public Stopped() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return WordPairs.graph(vocabularySize).stopGradient(new String[] {"hidden"});
    }
  }

  /** A bias that begins at zero, and is drawn there by the layer itself. */
  public static final class RegularizedBias extends Refused {

    /** For {@code BigDl}. */
    public RegularizedBias() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      Linear<Object> head =
          new Linear<>(
              WordPairs.WIDTH,
              vocabularySize,
              true,
              null,
              new L2Regularizer<>(0.1, FloatTensors.TAG, FloatTensors.NUMERIC),
              null,
              FloatTensors.zeros(vocabularySize),
              null,
              null,
              FloatTensors.TAG,
              FloatTensors.NUMERIC);
      return WordPairs.scores(WordPairs.embedding(vocabularySize, Double.MAX_VALUE, null), head);
    }
  }

  /** Two square matrices that share their values, one of them turned. */
  public static final class SquareTurned extends Refused {

    /** For {@code BigDl}. */
    public SquareTurned() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      Linear<Object> once = WordPairs.linear(WordPairs.WIDTH, WordPairs.WIDTH);
      Linear<Object> turned = WordPairs.linear(WordPairs.WIDTH, WordPairs.WIDTH);
      turned.weight().set(once.weight().t());
      return WordPairs.module(
          vocabularySize, once, turned, WordPairs.linear(WordPairs.WIDTH, vocabularySize));
    }
  }

  /** Needs a class that is not there. */
  public static final class Missing extends Refused {

    /** For {@code BigDl}. */
    public Missing() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      throw new NoClassDefFoundError("org/example/Missing");
    }
  }

  /** Fails without a word. */
  public static final class Wordless extends Refused {

    /** For {@code BigDl}. */
    public Wordless() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      throw new IllegalArgumentException();
    }
  }

  /** Makes no module. */
  public static final class Nothing extends Refused {

    /** For {@code BigDl}. */
    public Nothing() {}

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return null;
    }
  }

  /** Cannot be made. */
  public static final class Unmade extends Refused {

    /** For {@code BigDl}. */
    public Unmade() {
      throw new IllegalStateException("no such file: weights.txt");
    }
  }

  /** Has a layer of a user's own. */
  private abstract static sealed class WithLayer extends Refused {

    private final Supplier<Gain> layer;

    WithLayer(Supplier<Gain> layer) {
      this.layer = layer;
    }

    @Override
    public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
      return WordPairs.module(
              vocabularySize, layer.get(), WordPairs.linear(WordPairs.WIDTH, vocabularySize))
          .setName("elsewhere");
    }
  }

  /** Gradient of one pass in the place of another's. */
  public static final class Overwriting extends WithLayer {

    /** For {@code BigDl}. */
    public Overwriting() {
      super(Gain.Overwriting::new);
    }
  }

  /** Copies of parameters. */
  public static final class Copied extends WithLayer {

    /** For {@code BigDl}. */
    public Copied() {
      super(Gain.Copied::new);
    }
  }

  /** Gradients elsewhere. */
  public static final class ElsewhereGradient extends WithLayer {

    /** For {@code BigDl}. */
    public ElsewhereGradient() {
      super(Gain.ElsewhereGradient::new);
    }
  }

  /** Weights elsewhere. */
  public static final class ElsewhereWeight extends WithLayer {

    /** For {@code BigDl}. */
    public ElsewhereWeight() {
      super(Gain.ElsewhereWeight::new);
    }
  }

  /** Too many gradients. */
  public static final class TwoGradients extends WithLayer {

    /** For {@code BigDl}. */
    public TwoGradients() {
      super(Gain.TwoGradients::new);
    }
  }

  /** No gradients. */
  public static final class NoGradient extends WithLayer {

    /** For {@code BigDl}. */
    public NoGradient() {
      super(Gain.NoGradient::new);
    }
  }

  /** No backward pass. */
  public static final class Forward extends WithLayer {

    /** For {@code BigDl}. */
    public Forward() {
      super(Gain.Forward::new);
    }
  }

  /** A method that is missing. */
  public static final class Unlinked extends WithLayer {

    /** For {@code BigDl}. */
    public Unlinked() {
      super(Gain.Unlinked::new);
    }
  }

  /** Random numbers that are not BigDL's. */
  public static final class OwnRandom extends WithLayer {

    /** For {@code BigDl}. */
    public OwnRandom() {
      super(Gain.OwnRandom::new);
    }
  }
}
