package io.moraine.model.data;

import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * A micro-batch as tensors, in the memory of a model's device. Whoever made it owns the tensors and
 * says how long they last.
 *
 * @param predictions of its tokens
 * @param tokens ids, int32 or int64; {@link TokenBatch#PADDING} behind a sequence's last token;
 *     shape (B, L + 1); not modified
 * @param documents a number for each token, the same for tokens of one document; empty if each
 *     sequence is one; shape (B, L + 1)
 */
public record TensorBatch(
    int sequences, int length, int predictions, Tensor tokens, Optional<Tensor> documents)
    implements Batch {

  public TensorBatch {
    if (tokens.size(0) != sequences || tokens.size(1) != length + 1L) {
      throw new IllegalArgumentException(
          "a batch of %d sequences of length %d + 1 has shape (%d, %d), got (%d, %d)"
              .formatted(sequences, length, sequences, length + 1, tokens.size(0), tokens.size(1)));
    }
  }
}
