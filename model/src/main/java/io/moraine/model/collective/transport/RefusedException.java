package io.moraine.model.collective.transport;

import java.io.IOException;

/** The other end is none of the run's ranks, or takes this one for none; the message says why. */
final class RefusedException extends IOException {

  private static final long serialVersionUID = 1L;

  RefusedException(String message) {
    super(message);
  }

  RefusedException(String message, Throwable cause) {
    super(message, cause);
  }
}
