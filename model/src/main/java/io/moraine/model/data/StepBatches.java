package io.moraine.model.data;

import java.util.List;
import java.util.stream.LongStream;

/**
 * Which sequences a rank sees at a step. The sequences of a step are the same whatever the number
 * of ranks; they are dealt out in contiguous runs.
 *
 * @param source the sequences
 * @param order in which they are seen
 * @param sizes sequences of each step, over all ranks
 * @param microBatch most sequences per forward and backward
 */
public record StepBatches(
    BatchReader source, SequenceOrder order, StepSizes sizes, int microBatch) {

  public StepBatches {
    if (microBatch < 1) {
      throw new IllegalArgumentException(
          "micro-batch must be positive, got %d".formatted(microBatch));
    }
  }

  /** The same in another order. */
  public StepBatches with(SequenceOrder other) {
    return new StepBatches(source, other, sizes, microBatch);
  }

  /**
   * A rank's micro-batches of a step.
   *
   * @param step from 1
   */
  public List<Batch> of(long step, int rank, int worldSize) {
    long size = sizes.of(step);
    int from = (int) (rank * size / worldSize);
    int to = (int) ((rank + 1) * size / worldSize);
    long first = sizes.through(step - 1);
    long[] wanted = LongStream.range(first + from, first + to).map(order::at).toArray();
    return source.batches(wanted, microBatch);
  }

  /**
   * The rank that sees the sequence at a position.
   *
   * @param position among the sequences of all steps, from 0
   */
  public static int rankAt(StepSizes sizes, long position, int worldSize) {
    long step = sizes.stepAt(position);
    long within = position - sizes.through(step - 1);
    return (int) (((within + 1) * worldSize - 1) / sizes.of(step));
  }

  /** Micro-batches of the rank that has most of them in a step. */
  public int most(long step, int worldSize) {
    int sequences = (sizes.of(step) + worldSize - 1) / worldSize;
    return (sequences + microBatch - 1) / microBatch;
  }
}
