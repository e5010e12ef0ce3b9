package io.moraine.pipeline.pii;

/** Kinds of personal data, in the order in which they are looked for. */
public enum PiiKind {
  /** Keys, tokens and passwords; see {@link Secrets}. */
  SECRET,
  /** E-mail addresses; see {@link EmailAddresses}. */
  EMAIL,
  /** Public IP addresses; see {@link IpAddresses}. */
  IP,
  /** Phone-like numbers; see {@link PhoneNumbers}. */
  PHONE;

  /** Calls {@code found} with each place in order; places do not overlap. */
  void find(String text, SpanAction found) {
    switch (this) {
      case SECRET -> Secrets.find(text, found);
      case EMAIL -> EmailAddresses.find(text, found);
      case IP -> IpAddresses.find(text, found);
      case PHONE -> PhoneNumbers.find(text, found);
    }
  }

  /** Receives chars {@code [start, end)}. */
  @FunctionalInterface
  interface SpanAction {
    void accept(int start, int end);
  }
}
