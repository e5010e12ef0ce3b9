package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.nn.abstractnn.AbstractCriterion;
import com.intel.analytics.bigdl.nn.abstractnn.AbstractModule;

/**
 * Makes a module of tokens and its criterion, for {@code moraine train}. A public class with a
 * public constructor without parameters, which is compiled against BigDL 0.13 and Scala 2.11.
 *
 * <p>Each rank has one of its own. BigDL's random numbers are seeded before, so that all ranks make
 * the same weights.
 */
public interface ModuleFactory {

  /**
   * The module.
   *
   * @param vocabularySize of the dataset: tokens are counted from 1 to this
   * @param sequenceLength L, of the dataset
   * @return module that gets what {@link #activities} makes of a batch, and gives a row of scores
   *     for each predicted token: (B * L, V) or (B, L, V)
   */
  AbstractModule<?, ?, Object> module(int vocabularySize, int sequenceLength);

  /**
   * The criterion of these rows and their classes: a mean over rows whose class is not {@code -1},
   * as of {@code CrossEntropyCriterion} and {@code ClassNLLCriterion}.
   */
  AbstractCriterion<?, ?, Object> criterion();

  /** What the module and the criterion get of a batch: tokens, and those that follow them. */
  default BatchActivities activities() {
    return BatchActivities.nextToken();
  }
}
