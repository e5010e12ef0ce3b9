package io.moraine.pipeline.shard;

/** How many bytes a token has in a file. */
enum TokenWidth {
  UINT16(2),
  UINT32(4);

  private final int bytes;

  TokenWidth(int bytes) {
    this.bytes = bytes;
  }

  int bytes() {
    return bytes;
  }
}
