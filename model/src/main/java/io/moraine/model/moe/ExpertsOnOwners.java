package io.moraine.model.moe;

import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Floats;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorTensorHook;
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
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 3.2.2
 * @cost four transfers of a row forward and backward, each D numbers in its codec
 */
public record ExpertsOnOwners(ExpertExchange exchange, List<LocalExperts> bySource, Device device)
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
    output.register_hook(new Backward(this, route, arrived, computed));
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

  /** Stands behind the results of one forward pass, within a scope that lasts until backward. */
  private static final class Backward extends TensorTensorHook {

    private final ExpertsOnOwners experts;
    private final ExpertExchange.Route route;
    private final Tensor arrived;
    private final Optional<Tensor> computed;

    /** That of the forward pass; autograd may call from a thread that has no scope. */
    private final PointerScope scope = PointerScope.getInnerScope();

    Backward(
        ExpertsOnOwners experts,
        ExpertExchange.Route route,
        Tensor arrived,
        Optional<Tensor> computed) {
      this.experts = experts;
      this.route = route;
      this.arrived = arrived;
      this.computed = computed;
    }

    @Override
    public TensorBase call(TensorBase gradient) {
      float[] ofRows;
      ExpertExchange exchange = experts.exchange();
      try (PointerScope inner = new PointerScope();
          AutoGradMode withGradient = new AutoGradMode(true)) {
        float[] ofResults = exchange.toOwners(Floats.of(new Tensor(gradient)), route);
        ofRows = computed.map(results -> backward(results, ofResults)).orElse(ofResults);
      }
      arrived.close();
      computed.ifPresent(Tensor::close);
      Tensor answer = experts.rows(exchange.toSources(ofRows, route), route);
      scope.attach(answer);
      return answer;
    }

    private float[] backward(Tensor results, float[] ofResults) {
      torch.backward(
          new TensorVector(results),
          new TensorVector(experts.rows(ofResults, route)),
          new BoolOptional(),
          false,
          new TensorVector());
      return Floats.of(arrived.grad());
    }
  }
}
