package io.moraine.model.transformer;

import io.moraine.model.tensor.Device;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Numbers that are added up in float64 where they are, so that nobody waits for each of them. */
final class RunningSum implements AutoCloseable {

  private final Tensor sum;

  RunningSum(Device device) {
    this.sum = torch.zeros(new long[0], device.options(torch.ScalarType.Double));
  }

  /**
   * Adds a multiple.
   *
   * @param number a scalar; its gradient does not count
   */
  void add(Tensor number, double times) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      sum.add_(number.to(torch.ScalarType.Double).mul(new Scalar(times)));
    }
  }

  /** What was added since the last call; waits for it. */
  double take() {
    double taken = sum.item_double();
    sum.zero_();
    return taken;
  }

  @Override
  public void close() {
    sum.close();
  }
}
