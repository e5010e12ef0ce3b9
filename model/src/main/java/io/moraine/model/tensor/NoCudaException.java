package io.moraine.model.tensor;

/** A GPU is asked for and cannot be used; the message says what is missing, in a line. */
public final class NoCudaException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public NoCudaException(String message) {
    super(message);
  }
}
