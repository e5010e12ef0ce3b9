package io.moraine.model.reduction;

import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.HostStaging;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * {@link io.moraine.model.collective.ErrorFeedback} without momentum for gradients in a device's
 * memory, where the residual is too: the same numbers.
 */
final class TensorFeedback implements CarriedState, AutoCloseable {

  private final HostStaging staging;
  private final Tensor residual;
  private Optional<Tensor> kept = Optional.empty();

  /** Nothing is owed yet. */
  TensorFeedback(FlatBuffer gradients, long elements) {
    try (Tensor like = gradients.onDevice(0, 1).orElseThrow()) {
      this.residual = torch.zeros(new long[] {elements}, like.options());
    }
    this.staging = gradients.staging().orElseThrow();
  }

  /**
   * Encodes a range of a contribution and what is owed of it.
   *
   * @param values the contribution; one dimension
   * @param from the range's place in the whole, a multiple of {@link TensorCodec#BLOCK}
   */
  Tensor encode(TensorCodec codec, Tensor values, long from) {
    Tensor owed = residual.narrow(0, from, values.numel()).view(-1, TensorCodec.BLOCK);
    Tensor own = values.view(-1, TensorCodec.BLOCK);
    Tensor rests = own.eq(new Scalar(0)).all(1, true);
    Tensor due = torch.where(rests, own, own.add(owed));
    Tensor bytes = codec.encode(due.view(-1));
    Tensor decoded = codec.decode(bytes).view(-1, TensorCodec.BLOCK);
    owed.copy_(torch.where(rests, owed, due.sub(decoded)));
    return bytes;
  }

  @Override
  public String name() {
    return "residual";
  }

  @Override
  public Sharing sharing() {
    return Sharing.OWED;
  }

  @Override
  public int length() {
    return Math.toIntExact(residual.numel());
  }

  @Override
  public float[] values() {
    float[] values = new float[length()];
    staging.get(residual, 0, values, 0, values.length);
    return values;
  }

  @Override
  public float[] copy() {
    return values();
  }

  @Override
  public void put(float[] values) {
    staging.put(residual, 0, values, 0, values.length);
  }

  @Override
  public void keep() {
    if (kept.isEmpty()) {
      kept = Optional.of(torch.zeros_like(residual));
    }
    try (PointerScope scope = new PointerScope()) {
      kept.get().copy_(residual);
    }
  }

  @Override
  public void putBack() {
    residual.copy_(kept.orElseThrow());
  }

  @Override
  public void close() {
    residual.close();
    kept.ifPresent(Tensor::close);
  }
}
