package io.moraine.model.train;

import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.TorchFlatBuffer;
import java.util.List;

/**
 * Which of a model's parameters a rank has. The first ones in its flat buffer are on every rank;
 * those behind them are on this one alone, and their gradients stand behind the others' once for
 * each rank, in order.
 *
 * @param modelSlices parameters of the model, as checkpoints count their elements
 * @param replicated elements that every rank has
 */
public record RankParameters(List<Slice> modelSlices, long replicated) {

  /** Of a rank that has all. */
  public static RankParameters whole(List<Slice> modelSlices) {
    return new RankParameters(modelSlices, length(modelSlices));
  }

  /** Elements of the model, padding included. */
  public long modelLength() {
    return length(modelSlices);
  }

  /** Whether every rank has all parameters. */
  public boolean isWhole() {
    return replicated == modelLength();
  }

  private static long length(List<Slice> slices) {
    Slice last = slices.get(slices.size() - 1);
    return TorchFlatBuffer.aligned(last.offsetElements() + last.length());
  }
}
