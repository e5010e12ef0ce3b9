package io.moraine.pipeline.document;

/** Input that cannot be used at all; the message names it and says what was expected. */
public final class CorpusException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public CorpusException(String message) {
    super(message);
  }
}
