package io.moraine.model.optim;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * {@link AdamW} as operations of libtorch, wherever the tensors are: the same bits, since each step
 * of it is an operation of its own, in the same order, nothing is fused, and divisors are tensors.
 */
public final class DeviceAdamW implements AutoCloseable {

  /** Elements at a time: what is between two operations is as large. */
  private static final int AT_ONCE = 1 << 24;

  /** Elements that all decay, or all do not. */
  private record Run(int from, int length, boolean decays) {}

  private final AdamW.Config config;
  private final List<Run> runs;
  private final Tensor moment1;
  private final Tensor moment2;

  /**
   * Moments of zero.
   *
   * @param decays per element of the shard, whether weight decay applies; not kept
   * @param where float32 on the device of the moments
   */
  public DeviceAdamW(AdamW.Config config, boolean[] decays, TensorOptions where) {
    this.config = config;
    this.runs = runs(decays);
    this.moment1 = torch.zeros(new long[] {decays.length}, where);
    this.moment2 = torch.zeros(new long[] {decays.length}, where);
  }

  private static List<Run> runs(boolean[] decays) {
    List<Run> runs = new ArrayList<>();
    for (int from = 0, to; from < decays.length; from = to) {
      to = from + 1;
      while (to < decays.length && to - from < AT_ONCE && decays[to] == decays[from]) {
        to++;
      }
      runs.add(new Run(from, to - from, decays[from]));
    }
    return List.copyOf(runs);
  }

  /** First moments; the tensor itself. */
  public Tensor moment1() {
    return moment1;
  }

  /** Second moments; the tensor itself. */
  public Tensor moment2() {
    return moment2;
  }

  /**
   * One update, as {@link AdamW#update}.
   *
   * @param weights changed in place; one dimension
   * @param gradients of the same length
   * @cost a dozen passes over one or two arrays; nothing waits
   */
  public void update(
      long number, double learningRate, Tensor weights, Tensor gradients, double scale) {
    AdamW.Update by = config.update(number, learningRate, scale);
    try (NoGradGuard noGradient = new NoGradGuard();
        PointerScope ofAll = new PointerScope()) {
      Tensor correction = torch.full(new long[] {1}, scalar(by.correction2()), weights.options());
      for (Run run : runs) {
        try (PointerScope scope = new PointerScope()) {
          update(by, run, correction, of(run, weights), of(run, gradients));
        }
      }
    }
  }

  private void update(
      AdamW.Update by, Run run, Tensor correction2, Tensor weights, Tensor gradients) {
    Tensor first = of(run, moment1);
    Tensor second = of(run, moment2);
    Tensor gradient = gradients.mul(scalar(by.scale()));
    first.mul_(scalar(by.beta1()));
    first.add_(gradient.mul(scalar(by.rate1())));
    Tensor square = gradient.mul(scalar(by.rate2()));
    square.mul_(gradient);
    second.mul_(scalar(by.beta2()));
    second.add_(square);
    Tensor root = second.sqrt();
    root.div_(correction2);
    root.add_(scalar(by.epsilon()));
    if (run.decays()) {
      weights.mul_(scalar(by.decay()));
    }
    Tensor change = first.mul(scalar(by.stepSize()));
    change.div_(root);
    weights.sub_(change);
  }

  private static Tensor of(Run run, Tensor all) {
    return all.narrow(0, run.from(), run.length());
  }

  private static Scalar scalar(float value) {
    return new Scalar((double) value);
  }

  @Override
  public void close() {
    moment1.close();
    moment2.close();
  }
}
