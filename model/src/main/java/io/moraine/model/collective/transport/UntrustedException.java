package io.moraine.model.collective.transport;

/**
 * Ranks do not accept each other's certificates, which no other attempt changes; names the peer,
 * the certificate and what is expected of it.
 */
public final class UntrustedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  UntrustedException(String message) {
    super(message);
  }

  UntrustedException(String message, Throwable cause) {
    super(message, cause);
  }
}
