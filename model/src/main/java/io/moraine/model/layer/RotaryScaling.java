package io.moraine.model.layer;

/** How a model sees longer texts than it was first trained on: slower rotations. */
public sealed interface RotaryScaling permits RotaryScaling.None, YarnScaling, Llama3Scaling {

  /** Plain frequencies. */
  record None() implements RotaryScaling {

    @Override
    public double[] scaled(double[] plain, double theta, int maxSequenceLength) {
      return plain;
    }
  }

  /**
   * The frequencies of a model of this maximum length.
   *
   * @param plain angle per position of each pair; not modified
   */
  double[] scaled(double[] plain, double theta, int maxSequenceLength);

  /** What latent attention's softmax scale is multiplied with. */
  default double softmaxCorrection(int maxSequenceLength) {
    return 1;
  }

  /** What rotated vectors are multiplied with. */
  default double magnitude(int maxSequenceLength) {
    return 1;
  }
}
