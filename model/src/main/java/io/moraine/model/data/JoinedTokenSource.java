package io.moraine.model.data;

import java.util.List;

/** Several sources as one: the sequences of the first come first. */
public final class JoinedTokenSource implements TokenSource {

  private final List<TokenSource> parts;

  /**
   * Joins sources; they are closed with this one.
   *
   * @param parts at least one, all with sequences of the same length
   */
  public JoinedTokenSource(List<TokenSource> parts) {
    this.parts = List.copyOf(parts);
    for (TokenSource part : parts) {
      if (part.length() != length()) {
        throw new IllegalArgumentException(
            "sequences of %d and of %d tokens cannot be one source"
                .formatted(length(), part.length()));
      }
    }
  }

  @Override
  public long sequences() {
    return parts.stream().mapToLong(TokenSource::sequences).sum();
  }

  @Override
  public int length() {
    return parts.get(0).length();
  }

  @Override
  public void read(long sequence, int[] dst, int dstOffset) {
    at(sequence, (part, own) -> part.read(own, dst, dstOffset));
  }

  @Override
  public void readDocuments(long sequence, int[] dst, int dstOffset) {
    at(sequence, (part, own) -> part.readDocuments(own, dst, dstOffset));
  }

  @Override
  public void close() {
    parts.forEach(TokenSource::close);
  }

  private interface Reading {
    void of(TokenSource part, long sequence);
  }

  private void at(long sequence, Reading reading) {
    long own = sequence;
    for (TokenSource part : parts) {
      if (own < part.sequences()) {
        reading.of(part, own);
        return;
      }
      own -= part.sequences();
    }
    throw new IndexOutOfBoundsException("sequence %d of %d".formatted(sequence, sequences()));
  }
}
