package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.tensor.Storage$;
import com.intel.analytics.bigdl.tensor.Tensor;
import com.intel.analytics.bigdl.tensor.Tensor$;
import com.intel.analytics.bigdl.tensor.TensorNumericMath.TensorNumeric;
import java.util.Arrays;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * BigDL's tensors of float32, as Java sees them: Scala's {@code Float} is {@code Object} there, and
 * implicit parameters are ordinary ones.
 */
public final class FloatTensors {

  /** What BigDL asks for as {@code ClassTag[Float]}. */
  @SuppressWarnings("unchecked")
  public static final ClassTag<Object> TAG = (ClassTag<Object>) (Object) ClassTag$.MODULE$.Float();

  /** What BigDL asks for as {@code TensorNumeric[Float]}. */
  public static final TensorNumeric<Object> NUMERIC = numeric();

  private FloatTensors() {}

  /** A tensor over an array, which is not copied. */
  public static Tensor<Object> over(float[] values, int... size) {
    return Tensor$.MODULE$.apply(
        Storage$.MODULE$.apply((Object) values, TAG), 1, size, null, TAG, NUMERIC);
  }

  /** A tensor of zeros. */
  public static Tensor<Object> zeros(int... size) {
    int elements = 1;
    for (int extent : size) {
      elements = Math.multiplyExact(elements, extent);
    }
    return over(new float[elements], size);
  }

  /** The array that a tensor looks at, from {@link #offset} on. */
  public static float[] array(Tensor<Object> tensor) {
    if (tensor.storage().array() instanceof float[] values) {
      return values;
    }
    throw new IllegalArgumentException(
        "a tensor of float32 in a Java array is needed, got %s".formatted(tensor.getClass()));
  }

  /** A copy of a tensor's elements, in its order. */
  public static float[] values(Tensor<Object> tensor) {
    Tensor<Object> dense = tensor.contiguous();
    int from = offset(dense);
    return Arrays.copyOfRange(array(dense), from, from + dense.nElement());
  }

  /** Index of a tensor's first element in its {@link #array}. */
  public static int offset(Tensor<Object> tensor) {
    return tensor.storageOffset() - 1;
  }

  /** A Scala object within a Scala object: Java has no name for it. */
  @SuppressWarnings("unchecked")
  private static TensorNumeric<Object> numeric() {
    try {
      return (TensorNumeric<Object>)
          Class.forName(TensorNumeric.class.getName() + "$NumericFloat$")
              .getField("MODULE$")
              .get(null);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("BigDL without float32", e);
    }
  }
}
