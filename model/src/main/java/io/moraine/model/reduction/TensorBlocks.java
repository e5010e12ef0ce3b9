package io.moraine.model.reduction;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * {@code int8} and {@code int4}.
 *
 * @param levels largest code
 */
record TensorBlocks(int levels) implements TensorCodec {

  private static final int HALF = BLOCK / 2;
  private static final int LOW = 0xf;
  private static final int HIGH_STEP = 16;
  private static final int SIGN_OF_HALF = 8;

  @Override
  public Tensor encode(Tensor values) {
    Tensor blocks = values.view(-1, BLOCK);
    Tensor largestBits = TensorCodec.largestBits(blocks);
    Tensor isFinite = largestBits.lt(new Scalar(INFINITY));
    Tensor counts = largestBits.ge(new Scalar(SMALLEST)).logical_and(isFinite);
    // Where nothing is divided by: 1, whose results are not used.
    Tensor largest =
        TensorCodec.filled(counts, largestBits, 0x3f800000).view(torch.ScalarType.Float);
    Tensor most = torch.full(new long[] {1}, new Scalar((double) levels), values.options());
    Tensor scale = largest.div(most).masked_fill(counts.logical_not(), new Scalar(0));
    Tensor inverse = most.div(largest).masked_fill(counts.logical_not(), new Scalar(0));
    Tensor product = blocks.mul(inverse).masked_fill(isFinite.logical_not(), new Scalar(1));
    Tensor codes = product.round().to(torch.ScalarType.Int);
    Tensor scaleBits = TensorCodec.filled(isFinite, scale.view(torch.ScalarType.Int), NAN);
    return torch
        .cat(new TensorVector(scaleBits.view(torch.ScalarType.Byte), written(codes)), 1)
        .view(-1);
  }

  @Override
  public Tensor decode(Tensor bytes) {
    Tensor blocks = bytes.view(-1, Float.BYTES + (hasBytes() ? BLOCK : HALF));
    Tensor codes = read(blocks.narrow(1, Float.BYTES, hasBytes() ? BLOCK : HALF));
    return codes.to(torch.ScalarType.Float).mul(TensorCodec.scales(blocks)).view(-1);
  }

  private boolean hasBytes() {
    return levels > 7;
  }

  /** Codes as bytes; half of a byte each: the first half of a block low, the second high. */
  private Tensor written(Tensor codes) {
    if (hasBytes()) {
      return codes.bitwise_and(new Scalar(0xff)).to(torch.ScalarType.Byte);
    }
    Tensor low = codes.narrow(1, 0, HALF).bitwise_and(new Scalar(LOW));
    Tensor high = codes.narrow(1, HALF, HALF).bitwise_and(new Scalar(LOW));
    return low.bitwise_or(high.mul(new Scalar(HIGH_STEP))).to(torch.ScalarType.Byte);
  }

  private Tensor read(Tensor written) {
    if (hasBytes()) {
      return written.view(torch.ScalarType.Char);
    }
    Tensor both = written.to(torch.ScalarType.Int);
    Tensor low = both.bitwise_and(new Scalar(LOW));
    Tensor high = both.bitwise_right_shift(new Scalar(4));
    Tensor codes = torch.cat(new TensorVector(low, high), 1);
    return codes.bitwise_xor(new Scalar(SIGN_OF_HALF)).sub(new Scalar(SIGN_OF_HALF));
  }
}
