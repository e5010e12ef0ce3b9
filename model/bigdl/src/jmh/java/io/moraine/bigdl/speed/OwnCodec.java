package io.moraine.bigdl.speed;

import io.moraine.model.collective.codec.GradientCodec;

/** A codec of ours: sums are in float32, and encoded once. */
final class OwnCodec implements Side {

  private final GradientCodec codec;
  private final int elements;
  private final byte[] bytes;
  private final float[] sum;
  private int written;

  OwnCodec(GradientCodec codec, int elements) {
    this.codec = codec;
    this.elements = elements;
    this.bytes = new byte[codec.encodedBytes(elements)];
    this.sum = new float[elements];
  }

  @Override
  public String name() {
    return codec.name();
  }

  @Override
  public int bytes() {
    return written;
  }

  @Override
  public void encode(float[] values) {
    written = codec.encode(values, 0, bytes, 0, elements);
  }

  @Override
  public void decode(float[] target) {
    codec.decode(bytes, 0, written, target, 0, elements);
  }

  @Override
  public void add() {
    codec.decodeAdd(bytes, 0, written, sum, 0, elements);
  }

  @Override
  public float[] sumForAll(float[][] contributions) {
    float[] all = new float[elements];
    for (float[] contribution : contributions) {
      encode(contribution);
      codec.decodeAdd(bytes, 0, written, all, 0, elements);
    }
    encode(all);
    decode(all);
    return all;
  }
}
