package io.moraine.model.reduction;

import io.moraine.model.tensor.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Which parts of the flat gradients are matrices that go as two factors, and where these lie.
 *
 * <p>A slice of two dimensions is a matrix, one of more dimensions as many as its outer ones say.
 * Vectors, and matrices whose factors would not be smaller, are sent as they are, behind all left
 * factors.
 *
 * @param matrices sent as factors
 * @param plain sent as they are
 * @param leftLength elements of all left factors and what is plain
 * @param rightLength elements of all right factors
 */
record LowRankLayout(List<Matrix> matrices, List<Plain> plain, int leftLength, int rightLength) {

  /**
   * A matrix, row-major in the flat gradients; its factors have a column after the other.
   *
   * @param offset in the flat gradients
   * @param left place of the left factor, {@code rows * lowRank}
   * @param right place of the right factor, {@code columns * lowRank}
   */
  record Matrix(long offset, int rows, int columns, int left, int right) {

    int length() {
      return Math.multiplyExact(rows, columns);
    }
  }

  /**
   * A range.
   *
   * @param offset in the flat gradients
   * @param place behind the left factors
   */
  record Plain(long offset, int length, int place) {}

  LowRankLayout {
    matrices = List.copyOf(matrices);
    plain = List.copyOf(plain);
  }

  static LowRankLayout of(List<Slice> slices, int lowRank) {
    List<Matrix> matrices = new ArrayList<>();
    List<Slice> others = new ArrayList<>();
    int left = 0;
    int right = 0;
    for (Slice slice : slices) {
      List<Long> shape = slice.shape();
      int rows = Math.toIntExact(shape.size() < 2 ? 1 : shape.get(shape.size() - 2));
      int columns = Math.toIntExact(shape.isEmpty() ? 1 : shape.get(shape.size() - 1));
      if (lowRank * ((long) rows + columns) >= (long) rows * columns) {
        others.add(slice);
        continue;
      }
      long size = (long) rows * columns;
      for (long from = 0; from < slice.length(); from += size) {
        matrices.add(new Matrix(slice.offsetElements() + from, rows, columns, left, right));
        left = Math.addExact(left, rows * lowRank);
        right = Math.addExact(right, columns * lowRank);
      }
    }
    List<Plain> plain = new ArrayList<>();
    for (Slice slice : others) {
      int length = Math.toIntExact(slice.length());
      plain.add(new Plain(slice.offsetElements(), length, left));
      left = Math.addExact(left, length);
    }
    return new LowRankLayout(matrices, plain, left, right);
  }

  /** Behind the last element of all in the flat gradients; 0 if there is none. */
  long end() {
    return LongStream.concat(
            matrices.stream().mapToLong(m -> m.offset() + m.length()),
            plain.stream().mapToLong(range -> range.offset() + range.length()))
        .max()
        .orElse(0);
  }

  /** Elements of the largest matrix. */
  int largest() {
    return matrices.stream().mapToInt(Matrix::length).max().orElse(0);
  }
}
