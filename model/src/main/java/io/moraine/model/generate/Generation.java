package io.moraine.model.generate;

/**
 * What generating took.
 *
 * @param tokens generated, one that ended the text included
 * @param passes of the main model
 * @param drafted tokens that multi-token prediction proposed
 * @param accepted of these
 */
public record Generation(int tokens, int passes, int drafted, int accepted) {

  /** Share of the drafted tokens that were accepted; 0 without any. */
  public double acceptance() {
    return drafted == 0 ? 0 : (double) accepted / drafted;
  }
}
