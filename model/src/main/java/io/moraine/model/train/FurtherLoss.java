package io.moraine.model.train;

/**
 * Cross-entropy of the tokens that a model predicts beyond the next one (multi-token prediction).
 *
 * @param sum over the predictions; nats
 * @param predictions how many
 */
public record FurtherLoss(double sum, long predictions) {

  /** Of a model that predicts the next token alone. */
  public static final FurtherLoss NONE = new FurtherLoss(0, 0);
}
