package io.moraine.jobs.train;

/** A rank failed; says in which step. */
final class RankFailedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * Of a failure.
   *
   * @param step at which it happened; 0 before the first
   */
  RankFailedException(long step, Exception cause) {
    super("step %d: %s".formatted(step, cause), readable(cause));
  }

  /**
   * A failure as the driver can read it: causes of classes that BigDL's class loader alone has are
   * there as texts, with their traces. Spark would not say what failed, and try again.
   */
  private static Throwable readable(Throwable e) {
    if (e == null) {
      return null;
    }
    Throwable cause = readable(e.getCause());
    return isKnown(e.getClass()) && cause == e.getCause() ? e : new Copy(e, cause);
  }

  private static boolean isKnown(Class<?> type) {
    try {
      return Class.forName(type.getName(), false, RankFailedException.class.getClassLoader())
          == type;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  /** What stands for an exception of another class. */
  private static final class Copy extends RuntimeException {

    private static final long serialVersionUID = 1L;

    Copy(Throwable e, Throwable cause) {
      super(e.toString(), cause);
      setStackTrace(e.getStackTrace());
    }
  }
}
