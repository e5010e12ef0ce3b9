package io.moraine.model.reduction;

import io.moraine.model.collective.ShardLayout;
import io.moraine.model.tensor.FlatBuffer;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * {@link io.moraine.model.collective.ErrorFeedback} for gradients in a device's memory, where
 * residual and velocity are too: the same numbers, but for the bits of a NaN.
 */
final class TensorFeedback implements AutoCloseable {

  private final float momentum;
  private final TensorState residual;
  private final Optional<TensorState> velocity;

  /**
   * Nothing is owed yet.
   *
   * @param momentum of the velocity, in [0, 1); 0 for none
   */
  TensorFeedback(FlatBuffer gradients, long elements, float momentum) {
    this.momentum = momentum;
    this.residual = new TensorState("residual", gradients, elements);
    this.velocity =
        momentum > 0
            ? Optional.of(new TensorState("velocity", gradients, elements))
            : Optional.empty();
  }

  /** What is carried from step to step. */
  List<CarriedState> state() {
    return Stream.<CarriedState>concat(Stream.of(residual), velocity.stream()).toList();
  }

  /**
   * Encodes a contribution to a bucket and what is owed of it.
   *
   * @param values the contribution; one dimension
   */
  Tensor encode(DeviceForm form, Tensor values, ShardLayout bucket) {
    Tensor owed = blocks(residual, bucket);
    Tensor own = values.view(-1, TensorCodec.BLOCK);
    Tensor rests = own.eq(new Scalar(0)).all(1, true);
    Tensor due = torch.where(rests, own, accelerated(own, rests, bucket).add(owed));
    Tensor bytes = form.encode(due.view(-1), bucket);
    Tensor decoded = form.decode(bytes, bucket).view(-1, TensorCodec.BLOCK);
    owed.copy_(torch.where(rests, owed, due.sub(decoded)));
    velocity.ifPresent(state -> blocks(state, bucket).masked_fill_(isSent(decoded), new Scalar(0)));
    return bytes;
  }

  /** What a contribution makes of the velocity, but for blocks that rest. */
  private Tensor accelerated(Tensor own, Tensor rests, ShardLayout bucket) {
    if (velocity.isEmpty()) {
      return own;
    }
    Tensor before = blocks(velocity.get(), bucket);
    Tensor after = before.mul(new Scalar(momentum)).add(own);
    before.copy_(torch.where(rests, before, after));
    return after;
  }

  private static Tensor isSent(Tensor decoded) {
    return decoded.ne(new Scalar(0));
  }

  private static Tensor blocks(TensorState state, ShardLayout bucket) {
    return state.range(bucket.start(), bucket.length()).view(-1, TensorCodec.BLOCK);
  }

  @Override
  public void close() {
    residual.close();
    velocity.ifPresent(TensorState::close);
  }
}
