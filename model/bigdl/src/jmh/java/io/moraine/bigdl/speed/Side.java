package io.moraine.bigdl.speed;

/** Somebody's way to send gradients. Arrays are of as many elements as it was made for. */
interface Side {

  String name();

  /** Bytes of the range that is measured. */
  int bytes();

  /** Encodes a range. */
  void encode(float[] values);

  /** Decodes what was encoded. */
  void decode(float[] target);

  /** Adds what was encoded to what is there of others. */
  void add();

  /**
   * What an owner makes of the contributions of several, and gives to everybody.
   *
   * @shape contributions (P, elements); result (elements)
   */
  float[] sumForAll(float[][] contributions);
}
