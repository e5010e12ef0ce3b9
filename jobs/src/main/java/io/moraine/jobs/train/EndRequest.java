package io.moraine.jobs.train;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.util.ShutdownHookManager;

/**
 * Turns SIGTERM and SIGINT into a checkpoint: the JVM's shutdown waits, before Spark is stopped,
 * until the run has ended by itself.
 */
final class EndRequest implements AutoCloseable {

  /** Above Spark's, which is 40: it is called before. */
  private static final int PRIORITY = 100;

  /** Longest that a shutdown waits for a step and a checkpoint. */
  private static final long WAIT_MINUTES = 30;

  private final Configuration hadoop;
  private final RunFolder run;
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Runnable hook = this::askAndWait;

  private EndRequest(Configuration hadoop, RunFolder run) {
    this.hadoop = hadoop;
    this.run = run;
  }

  /** From now on until it is closed the process ends with a checkpoint. */
  static EndRequest listen(Configuration hadoop, RunFolder run) throws IOException {
    run.endRequest().getFileSystem(hadoop).delete(run.endRequest(), false);
    EndRequest request = new EndRequest(hadoop, run);
    ShutdownHookManager.get()
        .addShutdownHook(request.hook, PRIORITY, WAIT_MINUTES, TimeUnit.MINUTES);
    return request;
  }

  @Override
  public void close() throws IOException {
    ended.countDown();
    if (!ShutdownHookManager.get().isShutdownInProgress()) {
      ShutdownHookManager.get().removeShutdownHook(hook);
    }
    run.endRequest().getFileSystem(hadoop).delete(run.endRequest(), false);
  }

  private void askAndWait() {
    try {
      run.endRequest().getFileSystem(hadoop).create(run.endRequest(), true).close();
      ended.await();
    } catch (IOException e) {
      // The run cannot be asked to end: it is killed, and goes on from its newest checkpoint.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
