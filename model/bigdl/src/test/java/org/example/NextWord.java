package org.example;

import com.intel.analytics.bigdl.nn.CrossEntropyCriterion;
import com.intel.analytics.bigdl.nn.LSTM;
import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.nn.LookupTable;
import com.intel.analytics.bigdl.nn.Recurrent;
import com.intel.analytics.bigdl.nn.Sequential;
import com.intel.analytics.bigdl.nn.TimeDistributed;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.tensor.TensorNumericMath.TensorNumeric;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.bigdl.module.ModuleFactory;
import scala.reflect.ClassTag;

/** BigDL's language model of its example "PTB": an embedding, an LSTM, scores of each token. */
public final class NextWord implements ModuleFactory {

  private static final int WIDTH = 32;
  private static final ClassTag<Object> TAG = FloatTensors.TAG;
  private static final TensorNumeric<Object> NUMERIC = FloatTensors.NUMERIC;

  @Override
  public AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength) {
    Sequential<Object> module = new Sequential<>(TAG, NUMERIC);
    module.add(
        new LookupTable<>(
            vocabularySize, WIDTH, 0, Double.MAX_VALUE, 2, false, null, false, TAG, NUMERIC));
    module.add(
        new Recurrent<>(null, false, TAG, NUMERIC)
            .add(new LSTM<>(WIDTH, WIDTH, 0, null, null, null, null, null, TAG, NUMERIC)));
    module.add(
        new TimeDistributed<>(
            new Linear<>(
                WIDTH, vocabularySize, true, null, null, null, null, null, null, TAG, NUMERIC),
            false,
            TAG,
            NUMERIC));
    return module;
  }

  @Override
  public AbstractCriterion<?, ?, Object> criterion() {
    return new CrossEntropyCriterion<>(null, true, TAG, NUMERIC);
  }
}
