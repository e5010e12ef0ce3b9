package io.moraine.model.collective.transport;

/** A peer that cannot be reached, does not answer, or sends what it must not; names the peer. */
public final class TransportException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public TransportException(String message) {
    super(message);
  }

  public TransportException(String message, Throwable cause) {
    super(message, cause);
  }
}
