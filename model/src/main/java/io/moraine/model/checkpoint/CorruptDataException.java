package io.moraine.model.checkpoint;

import java.io.IOException;

/** Stored data that is damaged; the message says which file, where, and what was expected. */
public final class CorruptDataException extends IOException {

  private static final long serialVersionUID = 1L;

  public CorruptDataException(String message) {
    super(message);
  }
}
