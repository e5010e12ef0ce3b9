package io.moraine.jobs.train;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.util.ShutdownHookManager;

/**
 * Turns SIGTERM and SIGINT into a checkpoint: the JVM's shutdown waits, before Spark is stopped,
 * until the run has ended by itself and this is closed.
 */
final class EndRequest implements AutoCloseable {

  /** Above Spark's, which is 40: it is called before. */
  private static final int PRIORITY = 100;

  /** Longest that a shutdown waits for a step, its evaluation and its checkpoint. */
  private static final long WAIT_MINUTES = 30;

  private final Configuration hadoop;
  private final RunFolder run;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Runnable hook = this::askAndWait;
  private volatile boolean trains;

  private EndRequest(Configuration hadoop, RunFolder run) {
    this.hadoop = hadoop;
    this.run = run;
  }

  /** From now on until it is closed the process does not end while it trains. */
  static EndRequest listen(Configuration hadoop, RunFolder run) {
    EndRequest request = new EndRequest(hadoop, run);
    ShutdownHookManager.get()
        .addShutdownHook(request.hook, PRIORITY, WAIT_MINUTES, TimeUnit.MINUTES);
    return request;
  }

  /** Training begins; only who has the run's lease may say so. */
  void begin() throws IOException {
    delete();
    trains = true;
  }

  /** Training has ended; the run's lease is still there. */
  void end() throws IOException {
    trains = false;
    delete();
  }

  @Override
  public void close() {
    closed.countDown();
    if (!ShutdownHookManager.get().isShutdownInProgress()) {
      ShutdownHookManager.get().removeShutdownHook(hook);
    }
  }

  private void delete() throws IOException {
    run.endRequest().getFileSystem(hadoop).delete(run.endRequest(), false);
  }

  private void askAndWait() {
    try {
      if (trains) {
        run.endRequest().getFileSystem(hadoop).create(run.endRequest(), true).close();
        closed.await();
      }
    } catch (IOException e) {
      // The run cannot be asked to end: it is killed, and goes on from its newest checkpoint.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
