package io.moraine.model.train;

/** A step's loss or gradient is no good and the run may not go on without it. */
public final class BadStepException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final String why;

  /**
   * Of a step.
   *
   * @param why it is bad and ends the run, in a record of steps
   * @param message the same for people, with the step and what to do
   */
  BadStepException(String why, String message) {
    super(message);
    this.why = why;
  }

  String why() {
    return why;
  }
}
