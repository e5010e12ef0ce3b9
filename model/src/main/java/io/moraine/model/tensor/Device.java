package io.moraine.model.tensor;

import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Where a model's tensors are and its operations run.
 *
 * @param kind of memory and processor
 * @param index among the GPUs that this process sees; 0 for the others
 * @param isReadable whether Java reads and writes tensors' memory itself; if not, all that passes
 *     between tensors and arrays is copied by {@link HostStaging}
 * @param hasTensorCores whether a model's products are in the forms that suit them
 */
public record Device(Kind kind, int index, boolean isReadable, boolean hasTensorCores) {

  /** Kinds of devices. */
  public enum Kind {
    /** This machine's processor. */
    CPU,
    /** An NVIDIA GPU. */
    CUDA
  }

  /** The processor, whose tensors Java reads in place. */
  public static final Device CPU = new Device(Kind.CPU, 0, true, false);

  /**
   * The processor used as if Java could not read its tensors, so that a machine without a GPU runs
   * the code of one.
   */
  public static final Device COPIED = new Device(Kind.CPU, 0, false, false);

  /** The processor used like a GPU in the forms of products too, so that other bits come out. */
  public static final Device LIKE_CUDA = new Device(Kind.CPU, 0, false, true);

  public Device {
    if (index < 0 || index > Byte.MAX_VALUE) {
      throw new IllegalArgumentException("a device's index is in [0, 127], got " + index);
    }
    if (isReadable && hasTensorCores) {
      throw new IllegalArgumentException(
          "weights that products keep rounded are written by libtorch alone, which counts it");
    }
  }

  /** A GPU. */
  public static Device cuda(int index) {
    return new Device(Kind.CUDA, index, false, true);
  }

  /** Whether it is a GPU. */
  public boolean isCuda() {
    return kind == Kind.CUDA;
  }

  /** What makes a tensor of this type here. */
  public TensorOptions options(torch.ScalarType type) {
    TensorOptions options = new TensorOptions(type);
    return kind == Kind.CPU ? options : options.device(new DeviceOptional(inTorch()));
  }

  /** A tensor of these elements, without gradient. */
  public Tensor tensor(float[] values, long... shape) {
    return placed(torch.tensor(values, CPU.options(torch.ScalarType.Float)), shape);
  }

  /** A tensor of these elements as int64, without gradient. */
  public Tensor tensor(int[] values, long... shape) {
    long[] wide = new long[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return placed(torch.tensor(wide, CPU.options(torch.ScalarType.Long)), shape);
  }

  /**
   * Closes what it is given. A GPU copies from pinned memory, which libtorch keeps until that is
   * done, in the order of its work: nobody waits for what was asked before.
   */
  private Tensor placed(Tensor flat, long[] shape) {
    Tensor shaped = flat.view(shape);
    flat.close();
    if (kind == Kind.CPU) {
      return shaped;
    }
    try (shaped;
        Tensor pinned = shaped.pin_memory()) {
      return pinned.to(inTorch(), shaped.scalar_type(), true, false, new MemoryFormatOptional());
    }
  }

  /** Waits until all that was asked of the device is done. */
  public void synchronize() {
    if (isCuda()) {
      torch.cuda_synchronize(index);
    }
  }

  private org.bytedeco.pytorch.Device inTorch() {
    return switch (kind) {
      case CPU -> new org.bytedeco.pytorch.Device(torch.DeviceType.CPU);
      case CUDA -> new org.bytedeco.pytorch.Device(torch.DeviceType.CUDA, (byte) index);
    };
  }

  /** As libtorch writes it. */
  @Override
  public String toString() {
    return switch (kind) {
      case CPU -> "cpu";
      case CUDA -> "cuda:" + index;
    };
  }
}
