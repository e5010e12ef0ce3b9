package io.moraine.model.train;

/** A step's loss or gradient is no good and the run may not go on without it. */
public final class BadStepException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  BadStepException(String message) {
    super(message);
  }
}
