package io.moraine.model.moe;

import io.moraine.model.collective.codec.GradientCodec;

/**
 * What travels between tokens and the owners of their experts.
 *
 * @param dispatch to owners: rows and, backward, gradients of their results
 * @param combine back: results and, backward, gradients of rows
 */
public record ExpertTransfer(GradientCodec dispatch, GradientCodec combine) {

  /**
   * Bytes of a row of D numbers for one expert, if it travels.
   *
   * @param dim D
   * @param passes forward and backward, and forward again if layers are computed again
   */
  public long bytesPerRow(int dim, int passes) {
    return (long) passes * (dispatch.encodedBytes(dim) + combine.encodedBytes(dim));
  }
}
