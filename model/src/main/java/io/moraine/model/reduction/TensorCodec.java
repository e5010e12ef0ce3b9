package io.moraine.model.reduction;

import io.moraine.model.collective.codec.GradientCodec;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * What a codec does to whole blocks, as operations of libtorch: the same bytes for every input,
 * wherever the tensors are.
 *
 * <p>The same because each step is one that float32 defines exactly and that is an operation of its
 * own: a maximum of integers, a sum in the codec's order, a division, a product, a rounding to
 * nearest, ties to even. Divisors are tensors, not numbers: with a number a GPU multiplies by its
 * inverse.
 */
public sealed interface TensorCodec permits TensorBlocks, TensorBf16, TensorFp32, TensorSigns {

  /** Elements of a block. */
  int BLOCK = GradientCodec.BLOCK;

  /** As float32's bits: all but the sign, infinity and the one NaN that is sent. */
  int ABSOLUTE = 0x7fffffff;

  int INFINITY = 0x7f800000;
  int NAN = 0x7fc00000;

  /** 2^-100 as float32's bits: below, a block is sent as zeros. */
  int SMALLEST = 127 - 100 << 23;

  /** For a codec that has this form. */
  static Optional<TensorCodec> of(GradientCodec codec) {
    return switch (codec.name()) {
      case "fp32" -> Optional.of(new TensorFp32());
      case "bf16" -> Optional.of(new TensorBf16());
      case "int8" -> Optional.of(new TensorBlocks(127));
      case "int4" -> Optional.of(new TensorBlocks(7));
      case "sign" -> Optional.of(new TensorSigns());
      default -> Optional.empty();
    };
  }

  /**
   * Encodes.
   *
   * @param values float32, whole blocks; one dimension, contiguous
   * @return as the codec writes them, uint8; one dimension; may be the same memory
   */
  Tensor encode(Tensor values);

  /**
   * Decodes.
   *
   * @param bytes of whole blocks, uint8; one dimension, contiguous
   * @return float32; one dimension; may be the same memory
   */
  Tensor decode(Tensor bytes);

  /** The largest of each block's bits without signs. */
  static Tensor largestBits(Tensor blocks) {
    return blocks
        .view(torch.ScalarType.Int)
        .bitwise_and(new Scalar(ABSOLUTE))
        .amax(new long[] {1}, true);
  }

  /** Integers where a condition holds, else a number. */
  static Tensor filled(Tensor condition, Tensor integers, int otherwise) {
    return integers.masked_fill(condition.logical_not(), new Scalar(otherwise));
  }

  /** The scales that blocks of so many bytes begin with. */
  static Tensor scales(Tensor blocks) {
    Tensor bytes = blocks.narrow(1, 0, Float.BYTES).reshape(-1); // of one block with its stride
    return bytes.view(torch.ScalarType.Float).view(-1, 1);
  }
}
