package io.moraine.model.train;

/** The loss or the gradient is not a number any more; going on would only spoil the weights. */
public final class NonFiniteException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  NonFiniteException(long step, double loss, double gradientNorm) {
    super(
        "step %d: loss %s and gradient norm %s are not finite. Lower the learning rate; the run resumes from its newest checkpoint."
            .formatted(step, loss, gradientNorm));
  }
}
