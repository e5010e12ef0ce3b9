package io.moraine.model.transformer;

import io.moraine.model.tensor.GradientHook;
import io.moraine.model.tensor.Hooks;
import io.moraine.model.tensor.Scoped;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * A layer that keeps its input alone. In forward it runs without gradients; for autograd its output
 * is a copy of its input, on which this hook sits: in backward it gets the output's gradient, runs
 * the layer again with gradients, through which that one goes back, and answers with the input's.
 *
 * <p>The gradients are the same bits as without: the same operations on the same values, and each
 * weight's gradient is added once. The load counts in the first run alone.
 *
 * @source Chen et al., Training deep nets with sublinear memory cost, 2016, arXiv:1604.06174
 * @cost one more forward pass of the layer
 */
final class RecomputeHook extends GradientHook {

  private final Layer layer;
  private final Tensor input;
  private final AttentionContext context;
  private final TrainingListener listener;

  /** In place of the layer's balance loss: gets the gradient that belongs to it. */
  private final Optional<Tensor> balance;

  private RecomputeHook(
      Hooks hooks,
      Layer layer,
      Tensor input,
      AttentionContext context,
      TrainingListener listener,
      Optional<Tensor> balance) {
    super(hooks);
    this.layer = layer;
    this.input = input;
    this.context = context;
    this.listener = listener;
    this.balance = balance;
  }

  /** Runs layers so. */
  static LayerRun heardBy(TrainingListener listener, Hooks hooks) {
    return (layer, h, context) -> forward(layer, h, context, listener, hooks);
  }

  private static Tensor forward(
      Layer layer, Tensor h, AttentionContext context, TrainingListener listener, Hooks hooks) {
    Tensor output = h.clone();
    Tensor input;
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      output.data().copy_(layer.forward(h, context, listener::count));
      input = h.detach().retainReference();
    }
    // After the copy is made: backward runs later operations first, so the hook finds its gradient.
    Optional<Tensor> balance =
        layer
            .experts()
            .filter(moe -> moe.router().config().sequenceBalanceAlpha() > 0)
            .map(moe -> scalar(h));
    balance.ifPresent(listener::add);
    hooks.put(new RecomputeHook(hooks, layer, input, context, listener, balance), output);
    return output;
  }

  @Override
  protected Tensor answer(Tensor gradient) {
    input.set_requires_grad(true);
    try (AutoGradMode withGradient = new AutoGradMode(true)) {
      TensorVector results = new TensorVector();
      TensorVector gradients = new TensorVector();
      Tensor output =
          Scoped.result(
              () ->
                  layer.forward(
                      input,
                      context,
                      (router, result) ->
                          listener.balanceLoss(router, result).ifPresent(results::push_back)));
      balance.ifPresent(term -> gradients.push_back(required(term.grad())));
      results.push_back(output);
      gradients.push_back(gradient);
      torch.backward(results, gradients, new BoolOptional(), false, new TensorVector());
    }
    return required(input.grad());
  }

  @Override
  protected void free() {
    input.close();
  }

  private static Tensor required(Tensor gradient) {
    if (!gradient.defined()) {
      throw new IllegalStateException("a layer was run backward before what is behind it");
    }
    return gradient;
  }

  private static Tensor scalar(Tensor like) {
    Tensor zero = torch.zeros(new long[0], like.options());
    return zero.set_requires_grad(true);
  }
}
