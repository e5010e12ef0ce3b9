package io.moraine.model.train;

import java.io.Serializable;

/**
 * What a run came to.
 *
 * @param resumedFrom step of the checkpoint it went on from; 0 if it was new
 * @param step last step
 * @param loss of the last step; NaN if none was made
 * @param heldOutLoss after the last step; NaN without held-out sequences, or if no step was made
 * @param weightsDigest 64-bit digest of all weights, the same on every rank
 */
public record TrainResult(
    long resumedFrom, long step, double loss, double heldOutLoss, long weightsDigest)
    implements Serializable {}
