package io.moraine.model.tensor;

import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Tensor;

/** Operations of libtorch that its Java classes have no method for, by their names. */
public final class Operator {

  private Operator() {}

  /**
   * Calls one that gives a tensor.
   *
   * @param name with its namespace, such as {@code aten::_grouped_mm}
   * @param arguments all of its schema, in order; an empty value for an optional one left out
   * @throws RuntimeException with libtorch's text if there is no such operation or it refuses
   */
  public static Tensor call(String name, IValue... arguments) {
    OperatorHandle operation = Dispatcher.singleton().findSchemaOrThrow(name, "");
    IValueVector stack = new IValueVector(arguments);
    operation.callBoxed(stack);
    return stack.get(0).toTensor();
  }
}
