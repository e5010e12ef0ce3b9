package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.abstractnn.Activity;
import io.moraine.model.data.TokenBatch;

/** What a module and a criterion are given of a batch. */
public interface BatchActivities {

  /** What the module gets. */
  Activity input(TokenBatch batch);

  /**
   * What the criterion gets: the class of each row of the module's output, {@code -1} for none.
   * Each predicted token of the batch is the class of one row.
   *
   * @shape result (B * L) of the predicted tokens, or (B * (L + 1)) of all of them
   */
  Activity target(TokenBatch batch);

  /**
   * Tokens predict the next one. BigDL counts from 1: a token is its id + 1; padding is the first
   * token as input and no class as target.
   *
   * @shape input (B, L); target (B * L)
   */
  static BatchActivities nextToken() {
    return new NextToken();
  }

  /**
   * The same for a module that shifts tokens by itself, as BigDL's {@code Transformer} does: the
   * row of a token is made of those before it, and that of a sequence's first one is not learned
   * from.
   *
   * @shape input (B, L + 1); target (B * (L + 1))
   */
  static BatchActivities ownToken() {
    return new OwnToken();
  }
}
