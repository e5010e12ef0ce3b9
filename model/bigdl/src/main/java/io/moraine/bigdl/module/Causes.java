package io.moraine.bigdl.module;

/** Why something failed, in a line: BigDL wraps exceptions in others, layer by layer. */
final class Causes {

  private Causes() {}

  /** What the first of them says. */
  static String innermost(Throwable e) {
    Throwable cause = e;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    String message =
        cause.getMessage() == null ? "" : cause.getMessage().lines().findFirst().orElse("");
    return message.isEmpty() ? cause.getClass().getSimpleName() : message;
  }
}
