package io.moraine.bigdl.module;

/**
 * The calling thread while it computes in BigDL, which looks for classes by the thread's loader.
 */
final class Inside {

  private Inside() {}

  /** What is done inside. */
  interface Work<T, E extends Exception> {
    T call() throws E;
  }

  /** With BigDL's class loader as the thread's. */
  static <T, E extends Exception> T call(Work<T, E> work) throws E {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(Inside.class.getClassLoader());
    try {
      return work.call();
    } finally {
      thread.setContextClassLoader(before);
    }
  }
}
