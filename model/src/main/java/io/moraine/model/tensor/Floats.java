package io.moraine.model.tensor;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Between float32 tensors in host memory and arrays; both ways copy. Tensors without elements have
 * no memory.
 */
public final class Floats {

  private Floats() {}

  /** A tensor's elements, row-major. */
  public static float[] of(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.numel())];
    if (values.length > 0) {
      try (Tensor dense = tensor.contiguous();
          FloatPointer memory = dense.data_ptr_float()) {
        memory.get(values);
      }
    }
    return values;
  }

  /** A tensor of these elements, without gradient. */
  public static Tensor tensor(float[] values, long... shape) {
    Tensor tensor = torch.zeros(shape, new TensorOptions(torch.ScalarType.Float));
    if (values.length > 0) {
      try (FloatPointer memory = tensor.data_ptr_float()) {
        memory.put(values);
      }
    }
    return tensor;
  }
}
