package io.moraine.model.huggingface;

import java.io.IOException;

/** A stored model that Moraine has no like of, or the reverse; the message names the key. */
public final class ModelFormatException extends IOException {

  private static final long serialVersionUID = 1L;

  public ModelFormatException(String message) {
    super(message);
  }
}
