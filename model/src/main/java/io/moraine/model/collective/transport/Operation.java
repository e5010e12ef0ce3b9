package io.moraine.model.collective.transport;

import java.util.Arrays;
import java.util.Optional;

/** What a frame with data belongs to; the transport only compares it. */
public enum Operation {
  REDUCE_SCATTER(1, "reduce-scatter"),
  ALL_GATHER(2, "all-gather"),
  ALL_REDUCE(3, "all-reduce"),
  BROADCAST(4, "broadcast"),
  ALL_TO_ALL(5, "all-to-all"),
  ALL_GATHER_BYTES(6, "all-gather of bytes"),
  BARRIER(7, "barrier");

  private final byte code;
  private final String text;

  Operation(int code, String text) {
    this.code = (byte) code;
    this.text = text;
  }

  byte code() {
    return code;
  }

  static Optional<Operation> of(byte code) {
    return Arrays.stream(values()).filter(operation -> operation.code == code).findFirst();
  }

  /** Its name in messages. */
  @Override
  public String toString() {
    return text;
  }
}
