package io.moraine.model.reduction;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** {@code sign}, its mean in the order in which the codec's loops add. */
record TensorSigns() implements TensorCodec {

  private static final int SIGN_BYTES = BLOCK / 8;
  private static final int HEADER_BYTES = Float.BYTES + 1;

  /** Sums that the codec's loops have beside each other. */
  private static final int SUMS = 16;

  @Override
  public Tensor encode(Tensor values) {
    Tensor blocks = values.view(-1, BLOCK);
    Tensor largestBits = TensorCodec.largestBits(blocks);
    Tensor isFinite = largestBits.lt(new Scalar(INFINITY));
    Tensor counts = largestBits.ge(new Scalar(SMALLEST)).logical_and(isFinite);
    Tensor place = places(values);
    Tensor last =
        blocks
            .ne(new Scalar(0))
            .to(torch.ScalarType.Long)
            .mul(place.add(new Scalar(1)))
            .amax(new long[] {1}, true);
    Tensor used = last.masked_fill(counts.logical_not(), new Scalar(1));
    Tensor finite = blocks.masked_fill(isFinite.logical_not(), new Scalar(0));
    Tensor scale = mean(finite, place, used).masked_fill(counts.logical_not(), new Scalar(0));
    Tensor scaleBits = TensorCodec.filled(isFinite, scale.view(torch.ScalarType.Int), NAN);
    Tensor isNegative = blocks.view(torch.ScalarType.Int).lt(new Scalar(0)).logical_and(counts);
    return torch
        .cat(
            new TensorVector(
                scaleBits.view(torch.ScalarType.Byte),
                used.sub(new Scalar(1)).to(torch.ScalarType.Byte),
                packed(isNegative, place, used)),
            1)
        .view(-1);
  }

  @Override
  public Tensor decode(Tensor bytes) {
    Tensor blocks = bytes.view(-1, HEADER_BYTES + SIGN_BYTES);
    Tensor scale = TensorCodec.scales(blocks);
    Tensor used = blocks.narrow(1, Float.BYTES, 1).to(torch.ScalarType.Long).add(new Scalar(1));
    Tensor columns = columns(used);
    Tensor place = places(scale);
    Tensor bit = place.floor_divide(columns);
    Tensor signs =
        blocks
            .narrow(1, HEADER_BYTES, SIGN_BYTES)
            .to(torch.ScalarType.Long)
            .gather(1, place.sub(bit.mul(columns)))
            .bitwise_right_shift(bit.clamp_max(new Scalar(7)))
            .bitwise_and(new Scalar(1));
    return torch
        .where(signs.ne(new Scalar(0)), scale.neg(), scale)
        .masked_fill(place.ge(used), new Scalar(0))
        .masked_fill(scale.isfinite().logical_not(), new Scalar(Double.NaN))
        .view(-1);
  }

  /** Numbers of a block's elements, int64. */
  private static Tensor places(Tensor like) {
    return torch.arange(new Scalar(BLOCK), like.options()).to(torch.ScalarType.Long);
  }

  /** Bytes of a block's signs: elements whose signs are the same bit of them stand side by side. */
  private static Tensor columns(Tensor used) {
    return used.add(new Scalar(7)).bitwise_right_shift(new Scalar(3));
  }

  /** Bit k of byte j is the sign of element {@code k * columns + j}. */
  private static Tensor packed(Tensor isNegative, Tensor place, Tensor used) {
    Tensor columns = columns(used);
    Tensor bit = place.bitwise_right_shift(new Scalar(5));
    Tensor column = place.bitwise_and(new Scalar(SIGN_BYTES - 1));
    Tensor element = bit.mul(columns).add(column);
    Tensor isThere = column.lt(columns).logical_and(element.lt(used));
    return isNegative
        .to(torch.ScalarType.Long)
        .gather(1, element.clamp_max(new Scalar(BLOCK - 1)))
        .masked_fill(isThere.logical_not(), new Scalar(0))
        .bitwise_left_shift(bit)
        .view(-1, 8, SIGN_BYTES)
        .sum(1)
        .to(torch.ScalarType.Byte);
  }

  /** Of the absolute values of the elements up to the last one that is not zero. */
  private static Tensor mean(Tensor blocks, Tensor place, Tensor used) {
    Tensor small = blocks.abs().mul(new Scalar(1.0 / BLOCK)); // so that no sum overflows
    Tensor isInRow = place.lt(used.sub(used.bitwise_and(new Scalar(SUMS - 1))));
    Tensor rows = small.masked_fill(isInRow.logical_not(), new Scalar(0)).view(-1, SUMS, SUMS);
    Tensor sums = sum(rows, BLOCK / SUMS);
    for (int each = SUMS / 2; each >= 1; each /= 2) {
      sums = sums.narrow(1, 0, each).add(sums.narrow(1, each, each));
    }
    // Behind the last whole row; zeros behind the last one that counts.
    Tensor rest =
        small.masked_fill(isInRow, new Scalar(0)).view(-1, SUMS, SUMS).amax(new long[] {1}, false);
    Tensor count = used.to(torch.ScalarType.Float);
    return sums.add(sum(rest.view(-1, SUMS, 1), SUMS)).div(count).mul(new Scalar((double) BLOCK));
  }

  /** Over the second dimension, one after the other. */
  private static Tensor sum(Tensor values, int count) {
    Tensor sum = values.select(1, 0);
    for (int i = 1; i < count; i++) {
      sum = sum.add(values.select(1, i));
    }
    return sum;
  }
}
