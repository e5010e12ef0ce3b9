package io.moraine.model.reduction;

import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ErrorFeedback;
import io.moraine.model.collective.FloatReader;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.collective.codec.GradientCodec;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A reduce-scatter through a codec, with or without error feedback, this with or without momentum.
 */
final class CodedReduction implements GradientReduction {

  private final Communicator communicator;
  private final ShardLayout layout;
  private final GradientCodec codec;
  private final Optional<ErrorFeedback> feedback;

  CodedReduction(Communicator communicator, ShardLayout layout, ReductionConfig.Coded config) {
    this(communicator, layout, config.codec(), feedback(layout, config, 0));
  }

  CodedReduction(Communicator communicator, ShardLayout layout, ReductionConfig.TopK config) {
    this(
        communicator,
        layout,
        GradientCodec.topK(config.share()),
        feedback(layout, config, (float) config.momentum()));
  }

  private CodedReduction(
      Communicator communicator,
      ShardLayout layout,
      GradientCodec codec,
      Optional<ErrorFeedback> feedback) {
    this.communicator = communicator;
    this.layout = layout;
    this.codec = codec;
    this.feedback = feedback;
  }

  @Override
  public void reduce(FloatReader gradients, float[] shardSum) {
    if (feedback.isPresent()) {
      communicator.reduceScatter(gradients, layout, codec, feedback.get(), shardSum);
    } else {
      communicator.reduceScatter(gradients, layout, codec, shardSum);
    }
  }

  @Override
  public List<StateTensor> state() {
    List<StateTensor> state = new ArrayList<>();
    if (feedback.isPresent()) {
      state.add(owed("residual", feedback.get().residual()));
      if (feedback.get().velocity().length > 0) {
        state.add(owed("velocity", feedback.get().velocity()));
      }
    }
    return state;
  }

  private static StateTensor owed(String name, float[] values) {
    return new StateTensor(name, values, StateTensor.Sharing.OWED);
  }

  private static Optional<ErrorFeedback> feedback(
      ShardLayout layout, ReductionConfig config, float momentum) {
    return config.hasFeedback()
        ? Optional.of(new ErrorFeedback(layout.length(), momentum))
        : Optional.empty();
  }
}
