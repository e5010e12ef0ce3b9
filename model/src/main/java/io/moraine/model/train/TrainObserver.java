package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import java.io.IOException;

/** Hears what a run does. The trainer tells that of rank 0 alone. */
public interface TrainObserver {

  /**
   * Training begins or goes on.
   *
   * @param step of the checkpoint it goes on from; 0 for a new run
   */
  void started(long step) throws IOException;

  /** Something a person should know. */
  void message(String text);

  void stepped(StepMetrics metrics) throws IOException;

  /**
   * The last step was bad: what {@link #stepped} said of it and of the steps from {@code
   * bad.from()} on happened, and their updates are not in the weights.
   */
  default void leftOut(Checkpoint.BadStep bad) throws IOException {}

  /**
   * The last step was bad and the run ends because of it, with what {@link #stepped} said of it and
   * no checkpoint.
   */
  default void ended(Checkpoint.BadStep bad) throws IOException {}

  /**
   * Whether the run is to end with a checkpoint after this step, short of its last one; asked once
   * a step, and before the first one of a resumed run.
   *
   * @param tokensSeen by the run when the step is done, those of padding included
   */
  default boolean wantsToStop(long tokensSeen) throws IOException {
    return false;
  }

  /** Mean held-out loss after a step; nats per token. */
  void evaluated(long step, double loss) throws IOException;

  /**
   * A checkpoint is about to become whole: what belongs to the run up to it must be stored now.
   * Steps behind it may have been made meanwhile.
   */
  void checkpointing(long step) throws IOException;

  /** The checkpoint of a step is whole: a run that is killed now goes on from it. */
  void checkpointed(long step) throws IOException;
}
