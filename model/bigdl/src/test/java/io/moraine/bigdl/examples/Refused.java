package io.moraine.bigdl.examples;

import com.intel.analytics.bigdl.nn.ConcatTable;
import com.intel.analytics.bigdl.nn.CrossEntropyCriterion;
import com.intel.analytics.bigdl.nn.InferReshape;
import com.intel.analytics.bigdl.nn.MSECriterion;
import com.intel.analytics.bigdl.nn.Sequential;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.optim.L2Regularizer;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.bigdl.module.ModuleFactory;
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
    Sequential<Object> module = new Sequential<>(FloatTensors.TAG, FloatTensors.NUMERIC);
    module.add(embedding);
    module.add(
        new InferReshape<>(
            new int[] {-1, WordPairs.WIDTH}, false, FloatTensors.TAG, FloatTensors.NUMERIC));
    module.add(WordPairs.linear(WordPairs.WIDTH, vocabularySize));
    return module;
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
      embedding.freeze(JavaConversions.asScalaBuffer(java.util.List.<String>of()));
      return scores(embedding, vocabularySize);
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
}
