package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.nn.Container;
import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;
import com.intel.analytics.bigdl.nn.abstractnn.Activity;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.bigdl.module.Layers;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/** A module of tensors that is made of others, which it calls forward and backward itself. */
abstract class Composite extends Container<Tensor<Object>, Tensor<Object>, Object> {

  private static final ClassTag<Tensor<Object>> TENSORS = ClassTag$.MODULE$.apply(Tensor.class);

  Composite() {
    super(TENSORS, TENSORS, FloatTensors.TAG, FloatTensors.NUMERIC);
  }

  /** Makes a module a part of this one. */
  @SuppressWarnings("unchecked")
  final <M extends AbstractModule<?, ?, Object>> M has(M part, String name) {
    part.setName(name);
    modules().$plus$eq((AbstractModule<Activity, Activity, Object>) (AbstractModule<?, ?, ?>) part);
    return part;
  }

  /** Makes a linear map without bias a part; its weight's shape is (out, in). */
  final Linear<Object> linear(String name, int in, int out) {
    return has(Layers.projection(in, out), name);
  }

  /** Gradients of the input and of all parameters. */
  @Override
  public abstract Tensor<Object> backward(Tensor<Object> input, Tensor<Object> gradOutput);

  @Override
  public final Tensor<Object> updateGradInput(Tensor<Object> input, Tensor<Object> gradOutput) {
    throw new UnsupportedOperationException("backward computes both gradients at once");
  }
}
