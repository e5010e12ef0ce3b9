package io.moraine.model.optim;

/**
 * AdamW on one shard of the flat parameters: float32 moments, decoupled weight decay.
 *
 * @source Loshchilov, Hutter, Decoupled weight decay regularization, 2019, arXiv:1711.05101,
 *     Algorithm 2
 */
public final class AdamW {

  /**
   * Settings.
   *
   * @param beta1 decay of the first moment; in [0, 1)
   * @param beta2 decay of the second moment; in [0, 1)
   * @param epsilon added to the root of the second moment
   * @param weightDecay on the elements that decay
   */
  public record Config(double beta1, double beta2, double epsilon, double weightDecay) {

    public Config {
      if (!(beta1 >= 0 && beta1 < 1) || !(beta2 >= 0 && beta2 < 1)) {
        throw new IllegalArgumentException(
            "beta1 and beta2 must be in [0, 1), got %s and %s".formatted(beta1, beta2));
      }
      if (!(epsilon > 0) || !(weightDecay >= 0)) {
        throw new IllegalArgumentException(
            "epsilon must be positive and weight-decay not negative, got %s and %s"
                .formatted(epsilon, weightDecay));
      }
    }

    /**
     * The numbers of an update, rounded to float32 once.
     *
     * @param number of the update, from 1, for the bias correction; steps that are left out do not
     *     count
     */
    Update update(long number, double learningRate, double scale) {
      float correction1 = (float) (1 - Math.pow(beta1, (double) number));
      return new Update(
          (float) beta1,
          (float) beta2,
          (float) (1 - beta1),
          (float) (1 - beta2),
          (float) Math.sqrt(1 - Math.pow(beta2, (double) number)),
          (float) learningRate / correction1,
          (float) (1 - learningRate * weightDecay),
          (float) epsilon,
          (float) scale);
    }
  }

  /**
   * What an update multiplies, divides and adds.
   *
   * @param rate1 what a gradient is multiplied with on its way into the first moment
   * @param correction2 what the second moment's root is divided by
   * @param decay what a weight that decays is multiplied with
   */
  record Update(
      float beta1,
      float beta2,
      float rate1,
      float rate2,
      float correction2,
      float stepSize,
      float decay,
      float epsilon,
      float scale) {}

  private final Config config;
  private final boolean[] decays;
  private final float[] moment1;
  private final float[] moment2;

  /**
   * Moments of zero.
   *
   * @param decays per element of the shard, whether weight decay applies; not copied
   */
  public AdamW(Config config, boolean[] decays) {
    this.config = config;
    this.decays = decays;
    this.moment1 = new float[decays.length];
    this.moment2 = new float[decays.length];
  }

  /** First moments; the array itself, which checkpoints read and restore. */
  public float[] moment1() {
    return moment1;
  }

  /** Second moments; the array itself. */
  public float[] moment2() {
    return moment2;
  }

  /**
   * One update.
   *
   * @param number of the update, from 1, for the bias correction; steps that are left out do not
   *     count
   * @param weights changed in place
   * @param gradients of the same length
   * @param scale applied to the gradients first (mean over predicted tokens, clipping)
   * @cost one pass over five arrays
   */
  public void update(
      long number, double learningRate, float[] weights, float[] gradients, double scale) {
    Update by = config.update(number, learningRate, scale);
    float beta1 = by.beta1();
    float beta2 = by.beta2();
    float rate1 = by.rate1();
    float rate2 = by.rate2();
    float correction2 = by.correction2();
    float stepSize = by.stepSize();
    float decay = by.decay();
    float epsilon = by.epsilon();
    float factor = by.scale();
    for (int i = 0; i < weights.length; i++) {
      float gradient = gradients[i] * factor;
      moment1[i] = beta1 * moment1[i] + rate1 * gradient;
      moment2[i] = beta2 * moment2[i] + rate2 * gradient * gradient;
      float root = (float) Math.sqrt(moment2[i]) / correction2 + epsilon;
      float kept = decays[i] ? weights[i] * decay : weights[i];
      weights[i] = kept - stepSize * moment1[i] / root;
    }
  }
}
