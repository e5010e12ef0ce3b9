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
  public Tensor forward(Tensor x, long[] load) {
    TensorVector outputs = new TensorVector();
    long from = 0;
    for (int expert = 0; expert < load.length; expert++) {
      if (load[expert] > 0) {
        outputs.push_back(experts.get(expert).forward(x.narrow(0, from, load[expert])));
        from += load[expert];
      }
    }
    return torch.cat(outputs, 0);
  }
}
