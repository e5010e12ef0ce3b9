package io.moraine.bigdl.speed;

import com.intel.analytics.bigdl.parameters.FP16CompressedTensor;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import java.nio.ByteBuffer;

/**
 * BigDL's: the upper half of each float32, the rest cut off. Sums are of compressed values, and cut
 * off again after each addition, as in its {@code AllReduceParameter}.
 */
final class Fp16Compressed implements Side {

  private final FP16CompressedTensor<Object> compressed;
  private final FP16CompressedTensor<Object> others;
  private final int elements;

  Fp16Compressed(int elements) {
    this.elements = elements;
    this.compressed = new FP16CompressedTensor<>(elements, FloatTensors.TAG);
    this.others = new FP16CompressedTensor<>(elements, FloatTensors.TAG);
  }

  @Override
  public String name() {
    return "FP16CompressedTensor";
  }

  @Override
  public int bytes() {
    return compressed.bytes().remaining();
  }

  @Override
  public void encode(float[] values) {
    compressed.compress(tensor(values));
  }

  @Override
  public void decode(float[] target) {
    compressed.deCompress(tensor(target));
  }

  @Override
  public void add() {
    ByteBuffer bytes = compressed.bytes();
    others.add(bytes);
  }

  @Override
  public float[] sumForAll(float[][] contributions) {
    FP16CompressedTensor<Object> sum = new FP16CompressedTensor<>(elements, FloatTensors.TAG);
    sum.compress(tensor(contributions[0]));
    for (int i = 1; i < contributions.length; i++) {
      encode(contributions[i]);
      sum.add(compressed.bytes());
    }
    float[] all = new float[elements];
    sum.deCompress(tensor(all));
    return all;
  }

  private static Tensor<Object> tensor(float[] values) {
    return FloatTensors.over(values, values.length);
  }
}
