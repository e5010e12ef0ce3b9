package io.moraine.model.data;

/** One micro-batch, wherever its tokens are. */
public sealed interface Batch permits TokenBatch, TensorBatch {

  /** Number of sequences B. */
  int sequences();

  /** Tokens that the model sees per sequence, L. */
  int length();

  /** Number of tokens that get a prediction: B * L without padding. */
  int predictions();

  /** Whether there is padding. */
  default boolean isPadded() {
    return predictions() < sequences() * length();
  }
}
