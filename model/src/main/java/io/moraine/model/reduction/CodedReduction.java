package io.moraine.model.reduction;

import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ErrorFeedback;
import io.moraine.model.collective.FloatReader;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.collective.codec.GradientCodec;
import java.util.List;
import java.util.Optional;

/** A reduce-scatter through a codec, with or without error feedback. */
final class CodedReduction implements GradientReduction {

  private final Communicator communicator;
  private final ShardLayout layout;
  private final GradientCodec codec;
  private final Optional<ErrorFeedback> feedback;

  CodedReduction(Communicator communicator, ShardLayout layout, ReductionConfig.Coded config) {
    this(
        communicator,
        layout,
        config.codec(),
        config.hasFeedback() ? Optional.of(new ErrorFeedback(layout.length())) : Optional.empty());
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
    return feedback
        .map(
            owed -> List.of(new StateTensor("residual", owed.residual(), StateTensor.Sharing.OWED)))
        .orElse(List.of());
  }
}
