package io.moraine.model.train;

import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.TorchFlatBuffer;
import java.util.List;

/**
 * Which of a model's parameters a rank has. The first ones in its flat buffer are on every rank;
 * those behind them are on this one alone, and their gradients stand behind the others' once for
 * each rank, in order.
 *
 * @param all parameters of the model, as checkpoints count their elements
 * @param common elements that every rank has
 */
public record Holding(List<Slice> all, long common) {

  /** Of a rank that has all. */
  public static Holding whole(List<Slice> all) {
    return new Holding(all, length(all));
  }

  /** Elements of the model, padding included. */
  public long length() {
    return length(all);
  }

  /** Whether every rank has all parameters. */
  public boolean isWhole() {
    return common == length();
  }

  private static long length(List<Slice> slices) {
    Slice last = slices.get(slices.size() - 1);
    return TorchFlatBuffer.aligned(last.offsetElements() + last.length());
  }
}
