package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.utils.LayerException;

/** Why something failed, in a line: BigDL wraps exceptions in others, layer by layer. */
final class Causes {

  private Causes() {}

  /** What the first of them says; of classes that are missing or others, what became of them. */
  static String innermost(Throwable e) {
    Throwable cause = e;
    for (Throwable next = behind(e); next != null; next = behind(next)) {
      cause = next;
    }
    if (cause instanceof LinkageError
        || cause instanceof ReflectiveOperationException
        || cause instanceof ClassCastException) {
      return cause.toString().lines().findFirst().orElseThrow();
    }
    String message =
        cause.getMessage() == null ? "" : cause.getMessage().lines().findFirst().orElse("");
    return message.isEmpty() ? cause.getClass().getSimpleName() : message;
  }

  private static Throwable behind(Throwable e) {
    return e instanceof LayerException layer ? layer.error() : e.getCause();
  }
}
