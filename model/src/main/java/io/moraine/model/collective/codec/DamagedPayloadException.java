package io.moraine.model.collective.codec;

/** Bytes that no encoder wrote for this many elements; the message says why. */
public final class DamagedPayloadException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  DamagedPayloadException(String message) {
    super(message);
  }

  /** For bytes whose number is known. */
  public static void requireLength(int length, int due) {
    if (length != due) {
      throw new DamagedPayloadException("%d bytes are due, got %d".formatted(due, length));
    }
  }

  /** For codecs whose payloads have one length for a number of elements. */
  public static void requireLength(GradientCodec codec, int length, int elements) {
    if (length != codec.encodedBytes(elements)) {
      throw new DamagedPayloadException(
          "%s payload of %d elements must have %d bytes, got %d"
              .formatted(codec.name(), elements, codec.encodedBytes(elements), length));
    }
  }
}
