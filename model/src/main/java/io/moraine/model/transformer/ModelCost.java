package io.moraine.model.transformer;

import io.moraine.model.attention.AttentionConfig;
import io.moraine.model.moe.ExpertPlacement;
import io.moraine.model.tensor.Slice;
import java.util.List;

/**
 * What a model costs, from its configuration alone: no weight is allocated.
 *
 * @param config of the model
 */
public record ModelCost(ModelConfig config) {

  /** A forward pass, and a backward pass of twice its products. */
  private static final int PASSES_OF_TRAINING = 3;

  /**
   * Weights that a token is multiplied with: the active ones but for the embedding, of which it
   * only takes a row; a tied embedding counts as the output head that it is.
   */
  public long multipliedParameters() {
    long embedding = (long) config.vocabularySize() * config.dim();
    return config.activeParameters() - (config.hasTiedEmbeddings() ? 0 : embedding);
  }

  /**
   * Floating-point operations of a forward pass in training per token, mean over a sequence: two
   * for each weight multiplied with, and causal attention. A module of multi-token prediction has
   * attention of its own and is multiplied with the shared head once more.
   *
   * @param sequenceLength in which attention looks back, from 1 to all tokens
   */
  public double forwardFlops(int sequenceLength) {
    AttentionConfig attention = config.attention();
    int modules = config.prediction().depth();
    double seen = (sequenceLength + 1) / 2.0;
    double products = 2.0 * attention.heads() * (attention.queryDim() + attention.valueDim());
    double heads = 2.0 * modules * config.vocabularySize() * config.dim();
    return 2.0 * multipliedParameters() + heads + (config.layers() + modules) * products * seen;
  }

  /** Floating-point operations of forward and backward per token. */
  public double trainingFlops(int sequenceLength) {
    return PASSES_OF_TRAINING * forwardFlops(sequenceLength);
  }

  /** Values that generation keeps per token, in all layers. */
  public long cachedValues() {
    return (long) config.attention().cachedPerToken() * config.layers();
  }

  /** Weights that every rank has if routed experts are on their owners, one behind the other. */
  public List<Slice> commonWeights() {
    int experts = config.router().routedExperts();
    HeldWeights all = HeldWeights.ofOwner(config.weights(), new ExpertPlacement(experts, 1), 0);
    return all.parameters().stream()
        .filter(slice -> slice.offsetElements() < all.rankParameters().replicated())
        .toList();
  }

  /** Rows that go to a routed expert per token, all layers. */
  public long routedRows() {
    return (long) config.moeLayers() * config.router().activeExperts();
  }
}
