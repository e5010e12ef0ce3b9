package io.moraine.model.train;

import io.moraine.model.collective.Buckets;
import io.moraine.model.reduction.GradientReduction;
import io.moraine.model.reduction.OwnedGradients;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Reduces a step's gradients bucket by bucket, from the last to the first one: on a thread of its
 * own while backward still computes those in front, or all of them when it is done. The results are
 * the same bits.
 *
 * @source Li et al., PyTorch Distributed, 2020, arXiv:2006.15704, section 3.2.3
 */
final class OverlappedReduction implements AutoCloseable {

  private final Buckets buckets;
  private final OwnedGradients sum;
  private final boolean overlaps;
  private final ExecutorService thread;
  private GradientReduction reduction;
  private int next;
  private CompletableFuture<Void> done = CompletableFuture.completedFuture(null);

  /**
   * Between steps.
   *
   * @param sum of what the rank owns; gets the results
   * @param overlaps whether to begin before backward is done; nobody else may use the communicator
   *     then until {@link #finish} has returned
   */
  OverlappedReduction(Buckets buckets, OwnedGradients sum, boolean overlaps) {
    this.buckets = buckets;
    this.sum = sum;
    this.overlaps = overlaps;
    this.thread = Executors.newSingleThreadExecutor(OverlappedReduction::daemon);
  }

  /** Begins a step. */
  synchronized void begin(GradientReduction ofStep) {
    reduction = ofStep;
    next = buckets.count() - 1;
    done = CompletableFuture.completedFuture(null);
  }

  /** Hears that the gradients from an element on will not change any more in this step. */
  void finished(long from) {
    if (overlaps) {
      startFrom(from);
    }
  }

  /** Returns when all are reduced; throws what ended the reduction. */
  void finish() {
    startFrom(0);
    try {
      done.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    }
  }

  /** Whoever fails must have told the other ranks why: what is being reduced is interrupted. */
  @Override
  public void close() {
    thread.shutdownNow();
    // Whatever happens: it reads memory that is given back soon.
    boolean isInterrupted = false;
    while (!thread.isTerminated()) {
      try {
        thread.awaitTermination(1, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        isInterrupted = true;
      }
    }
    if (isInterrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** A bucket behind one that failed is not begun. */
  private synchronized void startFrom(long element) {
    while (next >= 0 && buckets.get(next).start() >= element) {
      int bucket = next--;
      GradientReduction ofStep = reduction;
      ofStep.begin(bucket);
      done = done.thenRunAsync(() -> ofStep.reduce(bucket, sum), thread);
    }
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "moraine reduce gradients");
    thread.setDaemon(true);
    return thread;
  }
}
