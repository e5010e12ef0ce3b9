package io.moraine.pipeline.tokenizer;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Finds added tokens in a text: the leftmost, of those the longest. */
final class AddedTokenFinder {

  private final AddedToken[] tokens;
  private final byte[][] contents;

  /** Where an added token stands. */
  record Found(AddedToken token, int from, int to) {}

  AddedTokenFinder(List<AddedToken> added) {
    tokens = added.toArray(new AddedToken[0]);
    Arrays.sort(tokens, Comparator.comparing(AddedToken::utf8, Arrays::compareUnsigned));
    contents = Arrays.stream(tokens).map(AddedToken::utf8).toArray(byte[][]::new);
  }

  /** The first in {@code [from, to)}. */
  Optional<Found> next(byte[] text, int from, int to) {
    for (int at = from; at < to && contents.length > 0; at++) {
      Optional<Found> found = longestAt(text, at, to);
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  /** Narrows the range of tokens that begin as the text does, byte by byte. */
  private Optional<Found> longestAt(byte[] text, int at, int to) {
    int low = 0;
    int high = contents.length;
    Optional<Found> longest = Optional.empty();
    for (int i = 0; low < high && at + i < to; i++) {
      int wanted = text[at + i] & 0xff;
      low = firstAtLeast(wanted, i, low, high);
      high = firstAtLeast(wanted + 1, i, low, high);
      if (low < high && contents[low].length == i + 1) {
        longest = Optional.of(new Found(tokens[low], at, at + i + 1));
      }
    }
    return longest;
  }

  private int firstAtLeast(int wanted, int index, int from, int to) {
    int low = from;
    int high = to;
    while (low < high) {
      int middle = low + high >>> 1;
      byte[] content = contents[middle];
      int value = index < content.length ? content[index] & 0xff : -1;
      if (value < wanted) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
