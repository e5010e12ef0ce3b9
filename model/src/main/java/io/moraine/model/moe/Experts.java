package io.moraine.model.moe;

import org.bytedeco.pytorch.Tensor;

/** The routed experts of one layer, wherever they are. */
public interface Experts {

  /** How many there are, E. */
  int count();

  /**
   * What the experts make of rows that are sorted by expert.
   *
   * @param load rows for each expert, int64, where x is; shape (E)
   * @shape x (S, D), S the sum of the load, at least 1; result (S, D)
   */
  Tensor forward(Tensor x, Tensor load);
}
