package io.moraine.model.reduction;

import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.HostStaging;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** A state in a device's memory, owed by each rank. */
final class TensorState implements CarriedState, AutoCloseable {

  private final String name;
  private final HostStaging staging;
  private final Tensor tensor;
  private Optional<Tensor> kept = Optional.empty();

  /** Zeros where a buffer is. */
  TensorState(String name, FlatBuffer beside, long elements) {
    this.name = name;
    this.staging = beside.staging().orElseThrow();
    try (Tensor like = beside.onDevice(0, 1).orElseThrow()) {
      this.tensor = torch.zeros(new long[] {elements}, like.options());
    }
  }

  /**
   * A range of the numbers themselves.
   *
   * @shape result (length)
   */
  Tensor range(long from, long length) {
    return tensor.narrow(0, from, length);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Sharing sharing() {
    return Sharing.OWED;
  }

  @Override
  public int length() {
    return Math.toIntExact(tensor.numel());
  }

  @Override
  public float[] values() {
    float[] values = new float[length()];
    staging.get(tensor, 0, values, 0, values.length);
    return values;
  }

  @Override
  public float[] copy() {
    return values();
  }

  @Override
  public void put(float[] values) {
    staging.put(tensor, 0, values, 0, values.length);
  }

  @Override
  public void keep() {
    if (kept.isEmpty()) {
      kept = Optional.of(torch.zeros_like(tensor));
    }
    try (PointerScope scope = new PointerScope()) {
      kept.get().copy_(tensor);
    }
  }

  @Override
  public void putBack() {
    tensor.copy_(kept.orElseThrow());
  }

  @Override
  public void close() {
    tensor.close();
    kept.ifPresent(Tensor::close);
  }
}
