package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.abstractnn.Activity;
import io.moraine.model.data.TokenBatch;

/** What a module and a criterion are given of a batch. */
public interface BatchActivities {

  /** What the module gets. */
  Activity input(TokenBatch batch);

  /**
   * What the criterion gets: the class of each row of the module's output, {@code -1} for none.
   *
   * @shape result (B * L)
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
}
