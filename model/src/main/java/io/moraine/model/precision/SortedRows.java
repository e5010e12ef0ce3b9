package io.moraine.model.precision;

import java.util.Optional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Rows that are sorted by expert, and where they lie once each expert's begin at a multiple of 128:
 * so that tiles along the rows are of one expert. Those of a single weight stay as they are.
 *
 * @param load rows of each expert
 * @param place of each row among the padded ones, int64, shape (S); empty of {@link #ofOne}
 * @param paddedRows how many there are then, S'
 */
record SortedRows(long[] load, Optional<Tensor> place, long paddedRows) implements AutoCloseable {

  /** Told of an expert that has rows. */
  @FunctionalInterface
  interface Visitor {

    /**
     * One expert's.
     *
     * @param first of its padded rows
     * @param rows without padding
     */
    void visit(int expert, long first, long rows);
  }

  /** Those of a single weight, as they lie. */
  static SortedRows ofOne(long rows) {
    return new SortedRows(new long[] {rows}, Optional.empty(), rows);
  }

  /**
   * Of a load that is known on both sides.
   *
   * @param there the same load, int64, where the rows are; shape (E)
   */
  static SortedRows of(long[] load, Tensor there) {
    long rows = 0;
    long padded = 0;
    for (long own : load) {
      rows += own;
      padded += Tiles.aligned(own, Tiles.SIZE);
    }
    Tensor tiles =
        torch.floor_divide(there.add(new Scalar(Tiles.SIZE - 1)), new Scalar(Tiles.SIZE));
    Tensor gaps = tiles.mul(new Scalar(Tiles.SIZE)).sub(there);
    Tensor before = gaps.cumsum(0, new ScalarTypeOptional()).sub(gaps);
    Tensor shift =
        torch.repeat_interleave(before, there, new LongOptional(0), new LongOptional(rows));
    Tensor place = torch.arange(new Scalar(rows), there.options()).add(shift);
    return new SortedRows(load, Optional.of(place), padded);
  }

  /**
   * Rows in their places, zeros between them.
   *
   * @shape x (S, C); result (S', C)
   */
  Tensor padded(Tensor x) {
    return place
        .map(
            at ->
                torch.zeros(new long[] {paddedRows, x.size(1)}, x.options()).index_copy_(0, at, x))
        .orElse(x);
  }

  /** The rows of each expert that has some; of the others there is no matrix. */
  ScaledMatrix[] byExpert(ScaledMatrix padded) {
    ScaledMatrix[] matrices = new ScaledMatrix[load.length];
    forEach((expert, first, rows) -> matrices[expert] = padded.rows(first, rows));
    return matrices;
  }

  /** Goes through the experts that have rows. */
  void forEach(Visitor visitor) {
    long first = 0;
    for (int expert = 0; expert < load.length; expert++) {
      if (load[expert] > 0) {
        visitor.visit(expert, first, load[expert]);
      }
      first += Tiles.aligned(load[expert], Tiles.SIZE);
    }
  }

  /** The same, whatever becomes of the scope around; the caller closes it. */
  SortedRows retained() {
    place.ifPresent(Tensor::retainReference);
    return this;
  }

  @Override
  public void close() {
    place.ifPresent(Tensor::close);
  }
}
