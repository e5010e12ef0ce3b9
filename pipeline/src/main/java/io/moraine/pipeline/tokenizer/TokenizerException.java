package io.moraine.pipeline.tokenizer;

/** A tokenizer file that cannot be used as it is meant; the message names the key. */
public final class TokenizerException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public TokenizerException(String message) {
    super(message);
  }
}
