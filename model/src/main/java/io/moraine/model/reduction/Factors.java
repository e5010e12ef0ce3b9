package io.moraine.model.reduction;

import io.moraine.model.collective.codec.Products;
import java.util.Arrays;

/**
 * Products of a matrix with thin factors; matrices are row-major, factors have a column of length
 * rows (left) or columns (right) after the other.
 */
final class Factors {

  /** Of a column's length: what is left below it is rounding of what was taken away. */
  private static final double SMALLEST = 1e-12;

  private static final Products PRODUCTS = Products.chosen();

  private Factors() {}

  /**
   * {@code left = matrix right}.
   *
   * @param at place of the left factor in {@code left}, {@code from} of the right one in {@code
   *     right}
   */
  static void left(
      float[] matrix, int offset, Shape shape, float[] right, int from, float[] left, int at) {
    for (int i = 0; i < shape.rows(); i++) {
      int row = offset + i * shape.columns();
      for (int c = 0; c < shape.lowRank(); c++) {
        left[at + c * shape.rows() + i] =
            PRODUCTS.dot(matrix, row, right, from + c * shape.columns(), shape.columns());
      }
    }
  }

  /** {@code right = matrix^T left}. */
  static void right(
      float[] matrix, int offset, Shape shape, float[] left, int from, float[] right, int at) {
    Arrays.fill(right, at, at + shape.lowRank() * shape.columns(), 0);
    for (int i = 0; i < shape.rows(); i++) {
      int row = offset + i * shape.columns();
      for (int c = 0; c < shape.lowRank(); c++) {
        float factor = left[from + c * shape.rows() + i];
        PRODUCTS.addScaled(matrix, row, right, at + c * shape.columns(), shape.columns(), factor);
      }
    }
    PRODUCTS.oneNaN(right, at, shape.lowRank() * shape.columns());
  }

  /** Row i of {@code left right^T}. */
  static void row(
      int i, Shape shape, float[] left, int leftAt, float[] right, int rightAt, float[] row) {
    Arrays.fill(row, 0, shape.columns(), 0);
    for (int c = 0; c < shape.lowRank(); c++) {
      float factor = left[leftAt + c * shape.rows() + i];
      PRODUCTS.addScaled(right, rightAt + c * shape.columns(), row, 0, shape.columns(), factor);
    }
    PRODUCTS.oneNaN(row, 0, shape.columns());
  }

  /**
   * Makes columns orthonormal, one after the other; what depends on those before it becomes zero,
   * what is not finite stays so.
   *
   * @source Gram-Schmidt, each column twice: Giraud et al., 2005, doi:10.1007/s00211-005-0615-4
   */
  static void orthonormalize(float[] columns, int at, int length, int count) {
    double[][] done = new double[count][length];
    for (int c = 0; c < count; c++) {
      double[] column = done[c];
      for (int i = 0; i < length; i++) {
        column[i] = columns[at + c * length + i];
      }
      double before = Math.sqrt(dot(column, column));
      for (int pass = 0; pass < 2; pass++) {
        for (int other = 0; other < c; other++) {
          double share = dot(done[other], column);
          for (int i = 0; i < length; i++) {
            column[i] -= share * done[other][i];
          }
        }
      }
      double norm = Math.sqrt(dot(column, column));
      boolean depends = Double.isFinite(before) && norm <= SMALLEST * before;
      for (int i = 0; i < length; i++) {
        column[i] = depends ? 0 : column[i] / norm;
        columns[at + c * length + i] = (float) column[i];
      }
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
