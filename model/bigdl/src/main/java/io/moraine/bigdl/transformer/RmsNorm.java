package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.nn.abstractnn.TensorModule;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import scala.Tuple2;

/**
 * Root-mean-square normalisation of rows: {@code y = x / sqrt(mean(x^2) + eps) * g}.
 *
 * @source Zhang, Sennrich, Root mean square layer normalization, 2019, arXiv:1910.07467, Eq. 4
 */
final class RmsNorm extends TensorModule<Object> {

  private final int width;
  private final double epsilon;
  private final Tensor<Object> weight;
  private final Tensor<Object> gradWeight;

  /** Factors of rows, of the last forward pass. */
  private float[] scales = {};

  RmsNorm(int width, double epsilon) {
    super(FloatTensors.TAG, FloatTensors.NUMERIC);
    this.width = width;
    this.epsilon = epsilon;
    this.weight = FloatTensors.zeros(width);
    this.gradWeight = FloatTensors.zeros(width);
  }

  @Override
  public Tensor<Object> updateOutput(Tensor<Object> input) {
    int rows = input.size(1);
    float[] x = FloatTensors.array(input);
    float[] gain = FloatTensors.array(weight);
    int gainAt = FloatTensors.offset(weight);
    float[] y = new float[rows * width];
    scales = new float[rows];
    for (int row = 0; row < rows; row++) {
      int from = FloatTensors.offset(input) + row * width;
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += x[from + i] * x[from + i];
      }
      float scale = (float) (1 / Math.sqrt(squares / width + epsilon));
      for (int i = 0; i < width; i++) {
        y[row * width + i] = x[from + i] * scale * gain[gainAt + i];
      }
      scales[row] = scale;
    }
    output_$eq(FloatTensors.over(y, rows, width));
    return output();
  }

  /** {@code s (g dy - x s^2 mean(x g dy))} with the row's factor s. */
  @Override
  public Tensor<Object> updateGradInput(Tensor<Object> input, Tensor<Object> gradOutput) {
    int rows = input.size(1);
    float[] x = FloatTensors.array(input);
    float[] gain = FloatTensors.array(weight);
    int gainAt = FloatTensors.offset(weight);
    float[] dy = FloatTensors.array(gradOutput);
    float[] dx = new float[rows * width];
    for (int row = 0; row < rows; row++) {
      int xAt = FloatTensors.offset(input) + row * width;
      int dyAt = FloatTensors.offset(gradOutput) + row * width;
      double dot = 0;
      for (int i = 0; i < width; i++) {
        dot += x[xAt + i] * gain[gainAt + i] * dy[dyAt + i];
      }
      float scale = scales[row];
      float along = (float) (dot / width) * scale * scale;
      for (int i = 0; i < width; i++) {
        dx[row * width + i] = scale * (gain[gainAt + i] * dy[dyAt + i] - x[xAt + i] * along);
      }
    }
    gradInput_$eq(FloatTensors.over(dx, rows, width));
    return gradInput();
  }

  @Override
  public void accGradParameters(Tensor<Object> input, Tensor<Object> gradOutput) {
    float[] x = FloatTensors.array(input);
    float[] dy = FloatTensors.array(gradOutput);
    float[] gradient = FloatTensors.array(gradWeight);
    int at = FloatTensors.offset(gradWeight);
    for (int row = 0; row < input.size(1); row++) {
      int xAt = FloatTensors.offset(input) + row * width;
      int dyAt = FloatTensors.offset(gradOutput) + row * width;
      for (int i = 0; i < width; i++) {
        gradient[at + i] += dy[dyAt + i] * x[xAt + i] * scales[row];
      }
    }
  }

  @Override
  @SuppressWarnings({"unchecked", "rawtypes"})
  public Tuple2<Tensor<Object>[], Tensor<Object>[]> parameters() {
    return new Tuple2<>(new Tensor[] {weight}, new Tensor[] {gradWeight});
  }
}
