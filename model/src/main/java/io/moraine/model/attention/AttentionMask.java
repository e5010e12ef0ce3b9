package io.moraine.model.attention;

import java.util.Optional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Which places of the B sequences of a batch see which.
 *
 * @param count B
 * @param visible which places (last dimension) a place sees; empty if all up to itself; booleans of
 *     shape (B, 1, L, L)
 */
public record AttentionMask(int count, Optional<Tensor> visible) {

  /** A place sees all places of its sequence up to itself. */
  public static AttentionMask whole(int count) {
    return new AttentionMask(count, Optional.empty());
  }

  /**
   * A place sees the places of its own document up to itself.
   *
   * @param documents a number for each place, the same for places of one document; shape (B, L)
   */
  public static AttentionMask ofDocuments(Tensor documents) {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      Tensor same = documents.unsqueeze(2).eq(documents.unsqueeze(1));
      return new AttentionMask(
          Math.toIntExact(documents.size(0)), Optional.of(torch.tril(same).unsqueeze(1)));
    }
  }

  /**
   * What the next tokens of one text see of it: all up to themselves.
   *
   * @param tokens how many, T
   * @param from how many stand before them
   * @param like a tensor where the result is to be
   * @return booleans of shape (T, from + T)
   */
  static Tensor upToItself(long tokens, long from, Tensor like) {
    ScalarTypeOptional booleans = new ScalarTypeOptional(torch.ScalarType.Bool);
    return torch
        .ones(new long[] {tokens, from + tokens}, like.options().dtype(booleans))
        .tril(from);
  }

  /** The first {@code length} places of each sequence. */
  public AttentionMask first(long length) {
    return new AttentionMask(
        count, visible.map(places -> places.narrow(2, 0, length).narrow(3, 0, length)));
  }
}
