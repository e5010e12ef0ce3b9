package io.moraine.model.reduction;

import io.moraine.model.collective.codec.GradientCodec;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * What the codecs {@code int8} and {@code int4} do to whole blocks of 256 elements, as operations
 * of libtorch: the same bytes for every input, wherever the tensors are.
 *
 * <p>The same because each step is one that float32 defines exactly and that is an operation of its
 * own: a maximum of integers, a division, a product, a rounding to nearest, ties to even. Divisors
 * are tensors, not numbers: with a number a GPU multiplies by its inverse.
 *
 * @param levels largest code
 */
record TensorBlocks(int levels) {

  /** Elements of a block. */
  static final int BLOCK = 256;

  private static final int ABSOLUTE = 0x7fffffff;
  private static final int INFINITY = 0x7f800000;
  private static final int NAN = 0x7fc00000;

  /** 2^-100 as float32's bits: below, a block is sent as zeros. */
  private static final int SMALLEST = 127 - 100 << 23;

  /**
   * Encoded blocks.
   *
   * @param bytes as the codec writes them, uint8; one dimension
   * @param decoded what they stand for, float32; one dimension
   */
  record Encoded(Tensor bytes, Tensor decoded) {}

  /** For a codec that has this form. */
  static Optional<TensorBlocks> of(GradientCodec codec) {
    return switch (codec.name()) {
      case "int8" -> Optional.of(new TensorBlocks(127));
      case "int4" -> Optional.of(new TensorBlocks(7));
      default -> Optional.empty();
    };
  }

  /** Bytes of so many elements. */
  int encodedBytes(int elements) {
    return elements / BLOCK * (Float.BYTES + (levels > 7 ? BLOCK : BLOCK / 2));
  }

  /**
   * Encodes.
   *
   * @param values float32, whole blocks; one dimension
   */
  Encoded encode(Tensor values) {
    Tensor blocks = values.view(-1, BLOCK);
    Tensor bits = blocks.view(torch.ScalarType.Int).bitwise_and(new Scalar(ABSOLUTE));
    Tensor largestBits = bits.amax(new long[] {1}, true);
    Tensor isFinite = largestBits.lt(new Scalar(INFINITY));
    Tensor counts = largestBits.ge(new Scalar(SMALLEST)).logical_and(isFinite);
    // Where nothing is divided by: 1, whose results are not used.
    Tensor largest = filled(counts, largestBits, 0x3f800000).view(torch.ScalarType.Float);
    Tensor most = torch.full(new long[] {1}, new Scalar((double) levels), values.options());
    Tensor scale = largest.div(most).masked_fill(counts.logical_not(), new Scalar(0));
    Tensor inverse = most.div(largest).masked_fill(counts.logical_not(), new Scalar(0));
    Tensor product = blocks.mul(inverse).masked_fill(isFinite.logical_not(), new Scalar(1));
    Tensor codes = product.round().to(torch.ScalarType.Int);
    Tensor scaleBits = filled(isFinite, scale.view(torch.ScalarType.Int), NAN);
    Tensor bytes =
        torch
            .cat(new TensorVector(scaleBits.view(torch.ScalarType.Byte), written(codes)), 1)
            .view(-1);
    Tensor decoded =
        codes.to(torch.ScalarType.Float).mul(scaleBits.view(torch.ScalarType.Float)).view(-1);
    return new Encoded(bytes, decoded);
  }

  /** Integers where a condition holds, else a number. */
  private static Tensor filled(Tensor condition, Tensor integers, int otherwise) {
    return integers.masked_fill(condition.logical_not(), new Scalar(otherwise));
  }

  /** Codes as bytes; half of a byte each: the first half of a block low, the second high. */
  private Tensor written(Tensor codes) {
    if (levels > 7) {
      return codes.bitwise_and(new Scalar(0xff)).to(torch.ScalarType.Byte);
    }
    Tensor low = codes.narrow(1, 0, BLOCK / 2).bitwise_and(new Scalar(0xf));
    Tensor high = codes.narrow(1, BLOCK / 2, BLOCK / 2).bitwise_and(new Scalar(0xf));
    return low.bitwise_or(high.mul(new Scalar(16))).to(torch.ScalarType.Byte);
  }
}
