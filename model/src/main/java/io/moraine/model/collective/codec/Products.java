package io.moraine.model.collective.codec;

/**
 * The loops of products of matrices with thin ones, in a form for vectors and one for every JVM
 * that give the same bits for every input.
 */
public interface Products {

  /** Partial sums of a dot product: those of two vectors of 256 bits, or of one of 512. */
  int SUMS = 16;

  /** What this JVM multiplies with. */
  static Products chosen() {
    return Kernels.chosen();
  }

  /**
   * The dot product. Sum j of 16 takes every 16th product from the j-th on, then sums 8 apart are
   * added, of these sums 4 apart, 2 apart and 1 apart; in the end the sum of what is left of the
   * length, one product after the other. NaN is {@link Float#NaN}.
   */
  float dot(float[] a, int aOffset, float[] b, int bOffset, int length);

  /** Multiplies and adds; a sum may be any NaN, which {@link #oneNaN} settles in the end. */
  void addScaled(float[] src, int srcOffset, float[] dst, int dstOffset, int length, float factor);

  /** Makes every NaN {@link Float#NaN}. */
  void oneNaN(float[] values, int offset, int length);
}
