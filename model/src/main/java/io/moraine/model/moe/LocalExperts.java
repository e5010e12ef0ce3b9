package io.moraine.model.moe;

import io.moraine.model.layer.SwiGlu;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Experts of this rank: each computes one slice of the rows.
 *
 * @param experts E of them
 */
public record LocalExperts(List<SwiGlu> experts) implements Experts {

  @Override
  public int count() {
    return experts.size();
  }

  @Override
  public Tensor forward(Tensor x, Tensor load) {
    TensorVector outputs = new TensorVector();
    forward(x, 0, Router.onHost(load), outputs);
    return torch.cat(outputs, 0);
  }

  /**
   * Adds a tensor for each expert that gets rows.
   *
   * @param first row of the first expert
   * @return the row behind the last expert's
   */
  long forward(Tensor x, long first, long[] load, TensorVector outputs) {
    long from = first;
    for (int expert = 0; expert < load.length; expert++) {
      if (load[expert] > 0) {
        outputs.push_back(experts.get(expert).forward(x.narrow(0, from, load[expert])));
        from += load[expert];
      }
    }
    return from;
  }
}
