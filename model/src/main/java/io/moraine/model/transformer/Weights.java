package io.moraine.model.transformer;

import io.moraine.model.attention.Attention;
import io.moraine.model.attention.GroupedQueryAttention;
import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.attention.LatentAttention;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.layer.RmsNorm;
import io.moraine.model.layer.SwiGlu;
import io.moraine.model.moe.ExpertExchange;
import io.moraine.model.moe.ExpertPlacement;
import io.moraine.model.moe.Experts;
import io.moraine.model.moe.ExpertsOnOwners;
import io.moraine.model.moe.GroupedExperts;
import io.moraine.model.moe.LocalExperts;
import io.moraine.model.moe.MoeLayer;
import io.moraine.model.moe.Router;
import io.moraine.model.moe.ScaledExperts;
import io.moraine.model.precision.GroupedLinear;
import io.moraine.model.precision.GroupedScaledLinear;
import io.moraine.model.precision.Linear;
import io.moraine.model.precision.Precision;
import io.moraine.model.precision.Products;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Hooks;
import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.TorchFlatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;

/**
 * The layers with their weights: leaf tensors over the flat parameter buffer whose gradients are
 * views into the flat gradient buffer, so that autograd adds in place.
 */
final class Weights implements AutoCloseable {

  private final ModelConfig config;
  private final Device device;
  private final TorchFlatBuffer parameters;
  private final TorchFlatBuffer gradients;
  private final Optional<ExpertExchange> exchange;
  private final Products products;
  private final Map<String, Tensor> leaves = new LinkedHashMap<>();
  private final List<Tensor> owned = new ArrayList<>();
  private final Linear head;
  private final List<Layer> layers = new ArrayList<>();
  private final List<PredictionModule> predictionModules = new ArrayList<>();

  Weights(
      ModelConfig config,
      TorchFlatBuffer parameters,
      TorchFlatBuffer gradients,
      TorchExpertBalance balance,
      Optional<ExpertExchange> exchange,
      Device device) {
    this.config = config;
    this.device = device;
    this.parameters = parameters;
    this.gradients = gradients;
    this.exchange = exchange;
    this.products = new Products(config.precision(), device);
    Map<String, Slice> places =
        parameters.slices().stream().collect(Collectors.toMap(Slice::name, slice -> slice));
    for (Slice slice : gradients.slices()) {
      Slice parameter = places.get(HeldWeights.parameter(slice.name()));
      leaves.put(slice.name(), leaf(parameters.view(parameter), gradients.view(slice)));
    }
    this.head = products.linearAboveFp8(config.hasTiedEmbeddings() ? embedding() : weight("head"));
    for (int layer = 0; layer < config.layers(); layer++) {
      layers.add(layer(layer, balance));
    }
    for (int k = 1; k <= config.prediction().depth(); k++) {
      predictionModules.add(predictionModule(config.layers() + k - 1, balance));
    }
  }

  Tensor embedding() {
    return leaves.get("embed.weight");
  }

  List<Layer> layers() {
    return layers;
  }

  /** Those of multi-token prediction; module k at index k - 1. */
  List<PredictionModule> predictionModules() {
    return predictionModules;
  }

  RmsNorm norm() {
    return rmsNorm("norm");
  }

  Linear head() {
    return head;
  }

  /** What is called backward. */
  Hooks hooks() {
    return products.hooks();
  }

  @Override
  public void close() {
    products.close();
    leaves.values().forEach(Tensor::close);
    owned.forEach(Tensor::close);
  }

  private Tensor leaf(Tensor parameter, Tensor gradient) {
    parameter.set_requires_grad(true);
    parameter.mutable_grad().put(gradient);
    owned.add(gradient);
    return parameter;
  }

  private Layer layer(int layer, TorchExpertBalance balance) {
    String prefix = "layers." + layer + ".";
    boolean dense = config.isDense(layer);
    return new Layer(
        rmsNorm(prefix + "attn_norm"),
        attention(prefix + "attn."),
        rmsNorm(prefix + "ffn_norm"),
        dense ? Optional.of(feedForward(prefix + "ffn.")) : Optional.empty(),
        dense ? Optional.empty() : Optional.of(experts(prefix + "ffn.", layer, balance)));
  }

  private PredictionModule predictionModule(int layer, TorchExpertBalance balance) {
    String prefix = "layers." + layer + ".";
    return new PredictionModule(
        rmsNorm(prefix + "enorm"),
        rmsNorm(prefix + "hnorm"),
        products.linearAboveFp8(weight(prefix + "eh_proj")),
        layer(layer, balance),
        rmsNorm(prefix + "shared_head.norm"));
  }

  private Attention attention(String prefix) {
    return config.attention() instanceof LatentConfig latent
        ? attention(prefix, latent)
        : attention(prefix, (GroupedQueryConfig) config.attention());
  }

  private GroupedQueryAttention attention(String prefix, GroupedQueryConfig grouped) {
    return new GroupedQueryAttention(
        grouped,
        linear(prefix + "wq"),
        linear(prefix + "wk"),
        linear(prefix + "wv"),
        linear(prefix + "wo"),
        config.precision(),
        1 / Math.sqrt(grouped.queryDim()));
  }

  private LatentAttention attention(String prefix, LatentConfig latent) {
    boolean lowRank = latent.hasLowRankQueries();
    LatentAttention.Queries queries =
        lowRank
            ? new LatentAttention.Queries(
                Optional.of(linear(prefix + "wq_a")),
                Optional.of(latentNorm(prefix + "q_norm")),
                linear(prefix + "wq_b"))
            : new LatentAttention.Queries(
                Optional.empty(), Optional.empty(), linear(prefix + "wq"));
    double scale =
        config.rotary().scaling().softmaxCorrection(config.maxSequenceLength())
            / Math.sqrt(latent.queryDim());
    return new LatentAttention(
        latent,
        queries,
        linear(prefix + "wkv_a"),
        latentNorm(prefix + "kv_norm"),
        linear(prefix + "wkv_b"),
        linear(prefix + "wo"),
        config.precision(),
        scale);
  }

  private MoeLayer experts(String prefix, int layer, TorchExpertBalance balance) {
    Tensor bias = balance.biasOf(layer - config.denseLayers());
    owned.add(bias);
    return new MoeLayer(
        new Router(config.router(), weight(prefix + "gate"), bias),
        exchange.map(others -> expertsOnOwners(prefix, others)).orElseGet(() -> experts(prefix)),
        config.experts().shared() > 0
            ? Optional.of(feedForward(prefix + "shared_experts."))
            : Optional.empty());
  }

  /** All of a layer's, in the form that suits the device. */
  private Experts experts(String prefix) {
    boolean isAligned =
        config.dim() % GroupedLinear.ALIGNMENT == 0
            && config.experts().feedForwardDim() % GroupedLinear.ALIGNMENT == 0;
    int count = config.router().routedExperts();
    if (device.hasTensorCores() && config.precision() == Precision.BF16 && isAligned) {
      return new GroupedExperts(
          count, grouped(prefix, "w1"), grouped(prefix, "w2"), grouped(prefix, "w3"));
    }
    if (device.hasTensorCores() && config.precision() == Precision.FP8) {
      return new ScaledExperts(
          count, scaled(prefix, "w1"), scaled(prefix, "w2"), scaled(prefix, "w3"));
    }
    return experts(prefix, 0, count, "");
  }

  private GroupedLinear grouped(String prefix, String name) {
    return products.grouped(all(parameters, prefix, name), all(gradients, prefix, name));
  }

  private GroupedScaledLinear scaled(String prefix, String name) {
    Tensor weights = all(parameters, prefix, name);
    weights.mutable_grad().put(all(gradients, prefix, name));
    return products.groupedScaled(weights);
  }

  /** One weight of all experts, (E, N, C): those of the same name lie as far apart. */
  private Tensor all(TorchFlatBuffer buffer, String prefix, String name) {
    int count = config.router().routedExperts();
    Slice first = slice(prefix + "experts.0." + name);
    long stride =
        count == 1
            ? first.length()
            : slice(prefix + "experts.1." + name).offsetElements() - first.offsetElements();
    Tensor views = buffer.views(first, count, stride);
    owned.add(views);
    return views;
  }

  private Slice slice(String name) {
    return parameters.slices().stream()
        .filter(slice -> slice.name().equals(name + ".weight"))
        .findFirst()
        .orElseThrow();
  }

  private Experts expertsOnOwners(String prefix, ExpertExchange others) {
    ExpertPlacement placement = others.placement();
    int from = placement.from(others.rank());
    int to = placement.to(others.rank());
    List<LocalExperts> bySource = new ArrayList<>();
    for (int source = 0; source < placement.worldSize(); source++) {
      bySource.add(experts(prefix, from, to, HeldWeights.ofSource(source)));
    }
    return new ExpertsOnOwners(others, bySource, device, hooks());
  }

  private LocalExperts experts(String prefix, int from, int to, String gradient) {
    List<SwiGlu> experts = new ArrayList<>();
    for (int expert = from; expert < to; expert++) {
      experts.add(feedForward(prefix + "experts." + expert + ".", gradient));
    }
    return new LocalExperts(experts);
  }

  private SwiGlu feedForward(String prefix) {
    return feedForward(prefix, "");
  }

  private SwiGlu feedForward(String prefix, String gradient) {
    return new SwiGlu(
        products.linear(weight(prefix + "w1", gradient)),
        products.linear(weight(prefix + "w2", gradient)),
        products.linear(weight(prefix + "w3", gradient)));
  }

  private RmsNorm latentNorm(String name) {
    return new RmsNorm(weight(name), LatentConfig.NORM_EPSILON);
  }

  private RmsNorm rmsNorm(String name) {
    return new RmsNorm(weight(name), config.normEpsilon());
  }

  private Linear linear(String name) {
    return products.linear(weight(name));
  }

  private Tensor weight(String name) {
    return weight(name, "");
  }

  private Tensor weight(String name, String gradient) {
    return leaves.get(name + ".weight" + gradient);
  }
}
