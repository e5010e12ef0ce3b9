package io.moraine.model.moe;

import io.moraine.model.collective.CollectiveException;
import io.moraine.model.collective.Communicator;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;

/**
 * Carries rows between the ranks whose tokens they are and those that own the experts. All ranks
 * call it in the same order, also one without tokens.
 *
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 3.3.3 (dispatch in FP8, combine
 *     in BF16, forward and backward)
 */
public final class ExpertExchange {

  private final Communicator communicator;
  private final ExpertPlacement placement;
  private final ExpertTransfer transfer;
  private Optional<CollectiveException> failure = Optional.empty();

  /**
   * Of one rank.
   *
   * @param experts of a layer
   * @param transfer in which codecs rows travel
   */
  public ExpertExchange(Communicator communicator, int experts, ExpertTransfer transfer) {
    this.communicator = communicator;
    this.placement = new ExpertPlacement(experts, communicator.worldSize());
    this.transfer = transfer;
  }

  /**
   * How many rows go where in one layer.
   *
   * @param dim elements of a row, D
   * @param leaving elements that go from this source to each owner
   * @param arriving elements that come from each source to this owner
   * @param load rows from each source for each of this rank's experts; shape (P, owned)
   */
  record Route(int dim, int[] leaving, int[] arriving, long[][] load) {

    long rows(int[] elements) {
      return Arrays.stream(elements).asLongStream().sum() / dim;
    }
  }

  public int rank() {
    return communicator.rank();
  }

  public ExpertPlacement placement() {
    return placement;
  }

  /** What ended a transfer within libtorch's backward, which tells its text alone. */
  public Optional<CollectiveException> failure() {
    return failure;
  }

  /**
   * Tells owners what they will get.
   *
   * @param load this rank's rows for each expert; shape (E)
   */
  Route route(long[] load, int dim) {
    int own = placement.count(rank());
    int[] leaving = new int[placement.worldSize()];
    int[] countBytes = new int[leaving.length];
    int[] ownBytes = new int[leaving.length];
    for (int owner = 0; owner < leaving.length; owner++) {
      long rows = Arrays.stream(load, placement.from(owner), placement.to(owner)).sum();
      leaving[owner] = elements(rows, dim);
      countBytes[owner] = placement.count(owner) * Long.BYTES;
      ownBytes[owner] = own * Long.BYTES;
    }
    ByteBuffer counts = ByteBuffer.allocate(load.length * Long.BYTES);
    counts.asLongBuffer().put(load);
    ByteBuffer arrived = ByteBuffer.allocate(own * Long.BYTES * leaving.length);
    int[] arriving = new int[leaving.length];
    long[][] loads = new long[leaving.length][own];
    kept(
        () -> {
          communicator.allToAll(counts.array(), countBytes, arrived.array(), ownBytes);
          for (int source = 0; source < loads.length; source++) {
            arrived.asLongBuffer().get(source * own, loads[source]);
            arriving[source] = dim * rows(source, loads[source], Integer.MAX_VALUE / dim);
          }
        });
    return new Route(dim, leaving, arriving, loads);
  }

  /** To owners: rows in the order of experts become rows in the order of sources. */
  float[] toOwners(float[] rows, Route route) {
    float[] arrived = new float[elements(route.rows(route.arriving()), route.dim())];
    kept(
        () ->
            communicator.allToAll(
                rows, route.leaving(), transfer.dispatch(), arrived, route.arriving()));
    return arrived;
  }

  /** Back to where they came from. */
  float[] toSources(float[] rows, Route route) {
    float[] back = new float[elements(route.rows(route.leaving()), route.dim())];
    kept(
        () ->
            communicator.allToAll(
                rows, route.arriving(), transfer.combine(), back, route.leaving()));
    return back;
  }

  /**
   * Rows that a source says will come.
   *
   * @param most of one source, which would have refused more itself
   */
  private int rows(int source, long[] load, int most) {
    int rows = 0;
    for (long each : load) {
      if (each < 0 || each > most - rows) {
        String said =
            "rank %d sent numbers of rows that no rank has: %s"
                .formatted(source, Arrays.toString(load));
        communicator.abort(said);
        throw new CollectiveException(
            "all-to-all of rows", communicator.step(), rank(), communicator.worldSize(), said);
      }
      rows += (int) each;
    }
    return rows;
  }

  private static int elements(long rows, int dim) {
    if (rows > Integer.MAX_VALUE / dim) {
      throw new IllegalArgumentException(
          "%,d rows of %,d numbers meet at the owner of some experts, more than an array holds. Use a smaller train.micro-batch or more ranks."
              .formatted(rows, dim));
    }
    return Math.toIntExact(rows * dim);
  }

  private void kept(Runnable work) {
    try {
      work.run();
    } catch (CollectiveException e) {
      failure = Optional.of(failure.orElse(e));
      throw e;
    }
  }
}
