package io.moraine.pipeline.hash;

import java.util.HexFormat;

/**
 * A 128-bit digest.
 *
 * @param low the first 64 bits that the algorithm puts out
 * @param high the second 64 bits
 */
public record Hash128(long low, long high) {

  /** 32 lower-case hex digits, {@link #low} first. */
  public String hex() {
    HexFormat hex = HexFormat.of();
    return hex.toHexDigits(low) + hex.toHexDigits(high);
  }
}
