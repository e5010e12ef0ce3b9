package io.moraine.model.reduction;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ErrorFeedback;
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
  private final Buckets buckets;
  private final Gradients gradients;
  private final GradientCodec codec;
  private final Optional<ErrorFeedback> feedback;
  private final List<CarriedState> state = new ArrayList<>();

  CodedReduction(
      Communicator communicator,
      Buckets buckets,
      Gradients gradients,
      ReductionConfig.Coded config) {
    this(communicator, buckets, gradients, config.codec(), feedback(buckets, config, 0));
  }

  CodedReduction(
      Communicator communicator,
      Buckets buckets,
      Gradients gradients,
      ReductionConfig.TopK config) {
    this(
        communicator,
        buckets,
        gradients,
        GradientCodec.topK(config.share()),
        feedback(buckets, config, (float) config.momentum()));
  }

  private CodedReduction(
      Communicator communicator,
      Buckets buckets,
      Gradients gradients,
      GradientCodec codec,
      Optional<ErrorFeedback> feedback) {
    this.communicator = communicator;
    this.buckets = buckets;
    this.gradients = gradients;
    this.codec = codec;
    this.feedback = feedback;
    if (feedback.isPresent()) {
      state.add(owed("residual", feedback.get().residual()));
      if (feedback.get().velocity().length > 0) {
        state.add(owed("velocity", feedback.get().velocity()));
      }
    }
  }

  @Override
  public void reduce(int bucket, OwnedGradients sum) {
    ShardLayout layout = buckets.get(bucket);
    float[] shardSum = new float[layout.size(communicator.rank())];
    if (feedback.isPresent()) {
      communicator.reduceScatter(gradients, layout, codec, feedback.get(), shardSum);
    } else {
      communicator.reduceScatter(gradients, layout, codec, shardSum);
    }
    sum.put(buckets.shardOffset(bucket, communicator.rank()), shardSum, 0, shardSum.length);
  }

  @Override
  public List<CarriedState> state() {
    return state;
  }

  private static CarriedState owed(String name, float[] values) {
    return new ArrayState(name, values, CarriedState.Sharing.OWED);
  }

  private static Optional<ErrorFeedback> feedback(
      Buckets buckets, ReductionConfig config, float momentum) {
    return config.hasFeedback()
        ? Optional.of(new ErrorFeedback(buckets.length(), momentum))
        : Optional.empty();
  }
}
