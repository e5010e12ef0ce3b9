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
  BARRIER(7, "barrier"),
  BROADCAST_BYTES(8, "broadcast of bytes"),
  ALL_TO_ALL_BYTES(9, "all-to-all of bytes"),
  EXCHANGE_OF_COUNTS(10, "exchange of counts"),
  SUM_OF_DOUBLES(11, "sum of doubles"),
  SUM_OF_LONGS(12, "sum of longs"),
  COMPARISON(13, "comparison");

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
