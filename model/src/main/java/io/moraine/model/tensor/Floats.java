package io.moraine.model.tensor;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;

/** The elements of float32 tensors, wherever these are, in arrays. */
public final class Floats {

  private Floats() {}

  /** A tensor's elements, row-major; copied. */
  public static float[] of(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.numel())];
    if (values.length > 0) { // without elements there is no memory
      try (Tensor dense = tensor.contiguous();
          Tensor here = dense.cpu();
          FloatPointer memory = here.data_ptr_float()) {
        memory.get(values);
      }
    }
    return values;
  }
}
