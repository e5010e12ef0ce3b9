package io.moraine.jobs.train;

import io.moraine.jobs.lease.WholeFiles;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
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
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Runnable hook = this::askAndWait;

  /** The file that asks the ranks; null while there is nobody to be asked. */
  private volatile Path file;

  private EndRequest(Configuration hadoop) {
    this.hadoop = hadoop;
  }

  /** From now on until it is closed the process does not end while it trains. */
  static EndRequest listen(Configuration hadoop) {
    EndRequest request = new EndRequest(hadoop);
    ShutdownHookManager.get()
        .addShutdownHook(request.hook, PRIORITY, WAIT_MINUTES, TimeUnit.MINUTES);
    return request;
  }

  /**
   * Training begins.
   *
   * @param request the file that asks it to end, in a folder of this process alone
   */
  void begin(Path request) {
    file = request;
  }

  /** Training has ended. */
  void end() {
    file = null;
  }

  @Override
  public void close() {
    closed.countDown();
    if (!ShutdownHookManager.get().isShutdownInProgress()) {
      ShutdownHookManager.get().removeShutdownHook(hook);
    }
  }

  private void askAndWait() {
    Path asked = file;
    if (asked == null) {
      return;
    }
    try {
      WholeFiles.of(hadoop, asked).create(asked).close();
      closed.await();
    } catch (IOException e) {
      // The run cannot be asked to end: it is killed, and goes on from its newest checkpoint.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
