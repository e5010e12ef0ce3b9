package io.moraine.jobs.train;

import io.moraine.model.tensor.Device;
import java.util.Arrays;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.DeviceGuardImplInterface;
import org.bytedeco.pytorch.global.torch;

/**
 * How long a device takes for what it is asked for. A GPU writes the times itself, as events in the
 * order of its work, so that rounds follow each other as they do in training and nothing waits for
 * the host; the processor has the host's clock.
 */
final class DeviceClock {

  private static final int WARM_UP = 3;

  private DeviceClock() {}

  /** Median of rounds, behind some that do not count. */
  static double seconds(Device device, int rounds, Runnable work) {
    for (int round = 0; round < WARM_UP; round++) {
      work.run();
    }
    device.synchronize();
    double[] seconds = device.isCuda() ? byEvents(device, rounds, work) : byHost(rounds, work);
    Arrays.sort(seconds);
    return seconds[rounds / 2];
  }

  private static double[] byHost(int rounds, Runnable work) {
    double[] seconds = new double[rounds];
    for (int round = 0; round < rounds; round++) {
      long start = System.nanoTime();
      work.run();
      seconds[round] = (System.nanoTime() - start) / 1e9;
    }
    return seconds;
  }

  private static double[] byEvents(Device device, int rounds, Runnable work) {
    byte index = (byte) device.index();
    try (PointerScope scope = new PointerScope()) {
      DeviceGuardImplInterface gpu = torch.getDeviceGuardImpl(torch.DeviceType.CUDA);
      Pointer[] events = new Pointer[rounds + 1];
      for (int round = 0; round <= rounds; round++) {
        if (round > 0) {
          work.run();
        }
        events[round] = new Pointer();
        var stream = gpu.getStream(new org.bytedeco.pytorch.Device(torch.DeviceType.CUDA, index));
        // The only kind of event that has a time.
        gpu.record(events[round], stream, index, torch.EventFlag.BACKEND_DEFAULT);
      }
      device.synchronize();
      double[] seconds = new double[rounds];
      for (int round = 0; round < rounds; round++) {
        seconds[round] = gpu.elapsedTime(events[round], events[round + 1], index) / 1e3;
      }
      for (Pointer event : events) {
        gpu.destroyEvent(event, index);
      }
      return seconds;
    }
  }
}
