package io.moraine.model.collective;

import io.moraine.model.tensor.Torch;
import java.nio.file.Path;
import org.bytedeco.pytorch.FileStore;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** Gloo's all-reduce, over TCP, of a tensor that holds as many values. */
final class GlooSide implements CollectiveSpeed.Side {

  private final FileStore store;
  private final ProcessGroupGloo group;
  private Tensor tensor;

  /** Meets the other ranks at a file. */
  GlooSide(int rank, int worldSize, Path file, String host) {
    Torch.start(1);
    this.tensor = torch.zeros(new long[] {0});
    this.store = new FileStore(file.toString(), worldSize);
    ProcessGroupGloo.Options options = ProcessGroupGloo.Options.create();
    options.devices().push_back(ProcessGroupGloo.createDeviceForHostname(host));
    this.group = new ProcessGroupGloo(store, rank, worldSize, options);
  }

  /** Sums zeros: what is added takes no longer if it is something. */
  @Override
  public void run(float[] values) {
    if (tensor.numel() != values.length) {
      tensor = torch.zeros(new long[] {values.length});
    }
    group.allreduce(new TensorVector(tensor))._wait();
  }

  @Override
  public long sentBytes() {
    return 0;
  }

  @Override
  public void close() {
    group.close();
    store.close();
  }
}
