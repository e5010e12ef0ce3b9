package io.moraine.pipeline.tokenizer;

import java.util.BitSet;
import java.util.List;

/** A parsed regular expression. */
sealed interface RegexNode {

  /** One code point of a set. */
  record OneOf(BitSet codePoints) implements RegexNode {}

  /** All, one after the other; none: the empty text. */
  record Sequence(List<RegexNode> parts) implements RegexNode {}

  /** The first that leads to a match. */
  record Choice(List<RegexNode> options) implements RegexNode {}

  /** The body {@code least} to {@code most} times; {@code most} may be {@link #UNBOUNDED}. */
  record Repeat(RegexNode body, int least, int most, Mode mode) implements RegexNode {}

  /** The body's first match, which is never given up for another. */
  record Atomic(RegexNode body) implements RegexNode {}

  /** The body matches, or does not, here or up to here; nothing is taken. */
  record Look(RegexNode body, boolean behind, boolean negative) implements RegexNode {}

  /** A place in the text. */
  record Anchor(Place place) implements RegexNode {}

  /** How a repetition tries its numbers. */
  enum Mode {
    GREEDY,
    LAZY
  }

  /** Where an anchor matches. */
  enum Place {
    TEXT_START,
    TEXT_END,
    LINE_START,
    LINE_END
  }

  int UNBOUNDED = Integer.MAX_VALUE;

  /** Fewest code points of a match. */
  default int least() {
    if (this instanceof OneOf) {
      return 1;
    } else if (this instanceof Sequence sequence) {
      return sequence.parts().stream().mapToInt(RegexNode::least).sum();
    } else if (this instanceof Choice choice) {
      return choice.options().stream().mapToInt(RegexNode::least).min().orElse(0);
    } else if (this instanceof Repeat repeat) {
      return repeat.least() * repeat.body().least();
    } else if (this instanceof Atomic atomic) {
      return atomic.body().least();
    }
    return 0;
  }

  /** Most code points of a match, or {@link #UNBOUNDED}. */
  default int most() {
    if (this instanceof OneOf) {
      return 1;
    } else if (this instanceof Sequence sequence) {
      return bounded(sequence.parts().stream().mapToLong(RegexNode::most).sum());
    } else if (this instanceof Choice choice) {
      return choice.options().stream().mapToInt(RegexNode::most).max().orElse(0);
    } else if (this instanceof Repeat repeat) {
      return bounded((long) repeat.most() * repeat.body().most());
    } else if (this instanceof Atomic atomic) {
      return atomic.body().most();
    }
    return 0;
  }

  private static int bounded(long most) {
    return (int) Math.min(UNBOUNDED, most);
  }
}
