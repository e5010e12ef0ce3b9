package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;

/**
 * A row-major matrix within an array.
 *
 * @param values the array
 * @param offset of the first element
 * @param stride elements from one row to the next
 */
record Matrix(float[] values, int offset, int stride) {

  /** The columns from {@code column} on of the rows from {@code row} on. */
  static Matrix within(float[] values, int stride, int row, int column) {
    return new Matrix(values, row * stride + column, stride);
  }

  /** Of a whole tensor of two dimensions. */
  static Matrix of(Tensor<Object> tensor) {
    return new Matrix(FloatTensors.array(tensor), FloatTensors.offset(tensor), tensor.size(2));
  }

  /**
   * Becomes {@code factor * a b}.
   *
   * @shape this (rows, columns); a (rows, inner); b (inner, columns)
   */
  void product(int rows, int columns, int inner, float factor, Matrix a, Matrix b) {
    gemm('n', 'n', rows, columns, inner, factor, a, b);
  }

  /**
   * Becomes {@code factor * a b'}.
   *
   * @shape this (rows, columns); a (rows, inner); b (columns, inner)
   */
  void productTransposed(int rows, int columns, int inner, float factor, Matrix a, Matrix b) {
    gemm('n', 't', rows, columns, inner, factor, a, b);
  }

  /**
   * Becomes {@code factor * a' b}.
   *
   * @shape this (rows, columns); a (inner, rows); b (inner, columns)
   */
  void transposedProduct(int rows, int columns, int inner, float factor, Matrix a, Matrix b) {
    gemm('t', 'n', rows, columns, inner, factor, a, b);
  }

  /** BLAS sees columns where we see rows, hence the transposed product of both in turn. */
  private void gemm(
      char aForm, char bForm, int rows, int columns, int inner, float factor, Matrix a, Matrix b) {
    FloatTensors.NUMERIC.gemm(
        bForm, aForm, columns, rows, inner, factor, b.values, b.offset, b.stride, a.values,
        a.offset, a.stride, 0f, values, offset, stride);
  }
}
