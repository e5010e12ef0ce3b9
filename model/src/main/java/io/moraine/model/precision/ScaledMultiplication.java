package io.moraine.model.precision;

import io.moraine.model.tensor.Operator;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Multiplies matrices of E4M3 with their scales. */
interface ScaledMultiplication {

  /**
   * {@code a b'}, without the padding of either.
   *
   * @param type of the result: bfloat16 or float32
   * @shape a (M, K), b (N, K); result (M, N)
   */
  Tensor multiply(ScaledMatrix a, ScaledMatrix b, torch.ScalarType type);

  /** On tensor cores, sums promoted to float32 as cuBLAS does for scales of 1 x 128. */
  ScaledMultiplication ON_TENSOR_CORES =
      (a, b, type) ->
          Operator.call(
                  "aten::_scaled_mm",
                  new IValue(a.codes()),
                  new IValue(b.codes().t()),
                  new IValue(a.scales()),
                  new IValue(b.scales().t()),
                  new IValue(),
                  new IValue(),
                  new IValue(type),
                  new IValue(false))
              .narrow(0, 0, a.rows())
              .narrow(1, 0, b.rows());

  /** In float32, as a processor without such cores does it. */
  ScaledMultiplication EMULATED = (a, b, type) -> torch.matmul(a.values(), b.values().t()).to(type);
}
