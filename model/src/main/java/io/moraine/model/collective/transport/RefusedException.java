package io.moraine.model.collective.transport;

import java.io.IOException;

/** The other end is none of the run's ranks, or takes this one for none; the message says why. */
final class RefusedException extends IOException {

  private static final long serialVersionUID = 1L;

  private final boolean isForCertificate;

  RefusedException(String message) {
    this(message, null, false);
  }

  RefusedException(String message, Throwable cause) {
    this(message, cause, false);
  }

  private RefusedException(String message, Throwable cause, boolean isForCertificate) {
    super(message, cause);
    this.isForCertificate = isForCertificate;
  }

  /** An end does not accept the other's certificate, or this one has none to show. */
  static RefusedException forCertificate(String message, Throwable cause) {
    return new RefusedException(message, cause, true);
  }

  boolean isForCertificate() {
    return isForCertificate;
  }
}
