package io.moraine.model.moe;

import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Floats;
import io.moraine.model.tensor.GradientHook;
import io.moraine.model.tensor.Hooks;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Experts that each have one owner: rows travel to it, results travel back, and gradients the same
 * ways. For autograd a result is a copy of its row with a hook on it: in backward that sends the
 * results' gradients to the owners, runs the experts backward there and answers with the rows'.
 *
 * <p>The rows of each source are computed by themselves, with weights that have a gradient of their
 * own for each source. So all products have the operands that they have with every expert on every
 * rank, and gradients may be added in the order of ranks: with float32 on the wire, the same bits.
 *
 * @param exchange between this rank and the others
 * @param bySource this rank's experts, once for each rank whose rows come; shape (P)
 * @param device where they are; rows travel through host memory
 * @param hooks of the model
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 3.2.2
 * @cost four transfers of a row forward and backward, each D numbers in its codec
 */
public record ExpertsOnOwners(
    ExpertExchange exchange, List<LocalExperts> bySource, Device device, Hooks hooks)
    implements Experts {

  @Override
  public int count() {
    return exchange.placement().experts();
  }

  @Override
  public Tensor forward(Tensor x, Tensor load) {
    ExpertExchange.Route route = exchange.route(Router.onHost(load), Math.toIntExact(x.size(1)));
    Tensor arrived = rows(exchange.toOwners(Floats.of(x), route), route);
    if (GradMode.is_enabled()) {
      arrived.set_requires_grad(true);
    }
    Optional<Tensor> computed = compute(arrived, route);
    float[] results =
        exchange.toSources(computed.map(Floats::of).orElseGet(() -> new float[0]), route);
    if (!GradMode.is_enabled()) {
      return rows(results, route);
    }
    Tensor output = x.clone();
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      output.data().copy_(rows(results, route));
    }
    hooks.put(new Backward(this, route, arrived, computed), output);
    return output;
  }

  /** The results of the rows that arrived, in their order; empty if there are none. */
  private Optional<Tensor> compute(Tensor arrived, ExpertExchange.Route route) {
    TensorVector outputs = new TensorVector();
    long from = 0;
    for (int source = 0; source < bySource.size(); source++) {
      from = bySource.get(source).forward(arrived, from, route.load()[source], outputs);
    }
    return from == 0 ? Optional.empty() : Optional.of(torch.cat(outputs, 0));
  }

  private Tensor rows(float[] values, ExpertExchange.Route route) {
    return device.tensor(values, values.length / route.dim(), route.dim());
  }

  /** Stands behind the results of one forward pass. */
  private static final class Backward extends GradientHook {

    private final ExpertsOnOwners experts;
    private final ExpertExchange.Route route;
    private final Tensor arrived;
    private final Optional<Tensor> computed;

    Backward(
        ExpertsOnOwners experts,
        ExpertExchange.Route route,
        Tensor arrived,
        Optional<Tensor> computed) {
      super(experts.hooks());
      this.experts = experts;
      this.route = route;
      this.arrived = arrived.retainReference();
      this.computed = computed.map(results -> results.retainReference());
    }

    @Override
    protected Tensor answer(Tensor gradient) {
      ExpertExchange exchange = experts.exchange();
      float[] ofResults = exchange.toOwners(Floats.of(gradient), route);
      float[] ofRows = computed.map(results -> backward(results, ofResults)).orElse(ofResults);
      free();
      return experts.rows(exchange.toSources(ofRows, route), route);
    }

    @Override
    protected void free() {
      arrived.close();
      computed.ifPresent(Tensor::close);
    }

    private float[] backward(Tensor results, float[] ofResults) {
      try (AutoGradMode withGradient = new AutoGradMode(true)) {
        torch.backward(
            new TensorVector(results),
            new TensorVector(experts.rows(ofResults, route)),
            new BoolOptional(),
            false,
            new TensorVector());
      }
      return Floats.of(arrived.grad());
    }
  }
}
