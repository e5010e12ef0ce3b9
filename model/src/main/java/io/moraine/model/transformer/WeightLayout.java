package io.moraine.model.transformer;

import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.TorchFlatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names, shapes and places of all weights, in the published code's names and order. The modules of
 * multi-token prediction stand last, as further layers, so that the others lie where they lie
 * without.
 */
final class WeightLayout {

  private static final Pattern EXPERT =
      Pattern.compile("layers\\.\\d+\\.ffn\\.experts\\.(\\d+)\\..*");

  private final List<Slice> slices = new ArrayList<>();
  private long next;

  private WeightLayout() {}

  static List<Slice> of(ModelConfig config) {
    WeightLayout layout = new WeightLayout();
    layout.add("embed.weight", config.vocabularySize(), config.dim());
    for (int layer = 0; layer < config.layers(); layer++) {
      layout.addLayer("layers." + layer + ".", layer, config);
    }
    layout.add("norm.weight", config.dim());
    if (!config.hasTiedEmbeddings()) {
      layout.add("head.weight", config.vocabularySize(), config.dim());
    }
    for (int k = 1; k <= config.prediction().depth(); k++) {
      layout.addPredictionModule(config.layers() + k - 1, config);
    }
    return layout.slices;
  }

  /** Whose weight it is, among a layer's routed experts; empty if it is no such. */
  static OptionalInt expert(Slice slice) {
    Matcher name = EXPERT.matcher(slice.name());
    return name.matches() ? OptionalInt.of(Integer.parseInt(name.group(1))) : OptionalInt.empty();
  }

  /** The first element of a layer. */
  static long start(List<Slice> slices, int layer) {
    return slices.stream()
        .filter(slice -> slice.name().startsWith("layers." + layer + "."))
        .findFirst()
        .orElseThrow()
        .offsetElements();
  }

  private void addLayer(String prefix, int layer, ModelConfig config) {
    if (config.attention() instanceof LatentConfig latent) {
      addAttention(prefix + "attn.", config.dim(), latent);
    } else if (config.attention() instanceof GroupedQueryConfig grouped) {
      addAttention(prefix + "attn.", config.dim(), grouped);
    }
    if (config.isDense(layer)) {
      addFeedForward(prefix + "ffn.", config.dim(), config.denseFeedForwardDim());
    } else {
      int experts = config.router().routedExperts();
      int width = config.experts().feedForwardDim();
      add(prefix + "ffn.gate.weight", experts, config.dim());
      for (int expert = 0; expert < experts; expert++) {
        addFeedForward(prefix + "ffn.experts." + expert + ".", config.dim(), width);
      }
      int shared = config.experts().shared() * width;
      if (shared > 0) {
        addFeedForward(prefix + "ffn.shared_experts.", config.dim(), shared);
      }
    }
    add(prefix + "attn_norm.weight", config.dim());
    add(prefix + "ffn_norm.weight", config.dim());
  }

  private void addPredictionModule(int layer, ModelConfig config) {
    String prefix = "layers." + layer + ".";
    add(prefix + "enorm.weight", config.dim());
    add(prefix + "hnorm.weight", config.dim());
    add(prefix + "eh_proj.weight", config.dim(), 2L * config.dim());
    addLayer(prefix, layer, config);
    add(prefix + "shared_head.norm.weight", config.dim());
  }

  private void addAttention(String prefix, int dim, LatentConfig a) {
    int queries = a.heads() * a.queryDim();
    if (a.hasLowRankQueries()) {
      add(prefix + "wq_a.weight", a.queryLatentDim(), dim);
      add(prefix + "q_norm.weight", a.queryLatentDim());
      add(prefix + "wq_b.weight", queries, a.queryLatentDim());
    } else {
      add(prefix + "wq.weight", queries, dim);
    }
    add(prefix + "wkv_a.weight", a.keyValueLatentDim() + a.rotaryDim(), dim);
    add(prefix + "kv_norm.weight", a.keyValueLatentDim());
    int keysAndValues = a.heads() * (a.noPositionDim() + a.valueDim());
    add(prefix + "wkv_b.weight", keysAndValues, a.keyValueLatentDim());
    add(prefix + "wo.weight", dim, (long) a.heads() * a.valueDim());
  }

  private void addAttention(String prefix, int dim, GroupedQueryConfig a) {
    add(prefix + "wq.weight", (long) a.heads() * a.headDim(), dim);
    add(prefix + "wk.weight", (long) a.keyValueHeads() * a.headDim(), dim);
    add(prefix + "wv.weight", (long) a.keyValueHeads() * a.headDim(), dim);
    add(prefix + "wo.weight", dim, (long) a.heads() * a.headDim());
  }

  private void addFeedForward(String prefix, int dim, int width) {
    add(prefix + "w1.weight", width, dim);
    add(prefix + "w2.weight", dim, width);
    add(prefix + "w3.weight", width, dim);
  }

  private void add(String name, long... shape) {
    Slice slice = new Slice(name, next, Arrays.stream(shape).boxed().toList());
    slices.add(slice);
    next = TorchFlatBuffer.aligned(next + slice.length());
  }
}
