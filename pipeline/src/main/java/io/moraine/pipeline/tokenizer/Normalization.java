package io.moraine.pipeline.tokenizer;

/** What is done to a text before it is cut. */
public enum Normalization {
  /** Nothing. */
  NONE,
  /** Unicode's composed form. */
  NFC
}
