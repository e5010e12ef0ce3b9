package io.moraine.model.transformer;

import io.moraine.model.moe.MoeLayer;
import io.moraine.model.moe.Router;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** Counts the load of MoE layers while training and adds up their balance losses. */
final class TrainingListener implements RoutingListener {

  private final TorchExpertBalance balance;
  private final int sequences;
  private final Optional<Tensor> counted;
  private int moeLayer;

  /** That of the pass; layers have scopes of their own. */
  private final PointerScope pass = PointerScope.getInnerScope();

  private Optional<Tensor> balanceLoss = Optional.empty();

  /**
   * Before the first MoE layer, within a scope that lasts until backward is done.
   *
   * @param counted the places whose routing counts, 1 or 0; empty if all do; shape (B * L)
   * @param moeLayer index of that layer among all MoE layers
   */
  TrainingListener(
      TorchExpertBalance balance, int sequences, Optional<Tensor> counted, int moeLayer) {
    this.balance = balance;
    this.sequences = sequences;
    this.counted = counted;
    this.moeLayer = moeLayer;
  }

  @Override
  public void accept(Router router, MoeLayer.Result result) {
    count(router, result);
    balanceLoss(router, result).ifPresent(this::add);
  }

  /** Counts the load of the next MoE layer. */
  void count(Router router, MoeLayer.Result result) {
    balance.count(
        moeLayer++,
        counted.isEmpty() ? result.load() : router.load(result.choice(), counted.get()));
  }

  /** The balance loss of a layer; empty if its router has none. */
  Optional<Tensor> balanceLoss(Router router, MoeLayer.Result result) {
    return router.config().sequenceBalanceAlpha() > 0
        ? Optional.of(router.sequenceBalanceLoss(result.choice().scores(), sequences, counted))
        : Optional.empty();
  }

  /** Adds the balance loss of the next layer that has one. */
  void add(Tensor loss) {
    Tensor sum = balanceLoss.isEmpty() ? loss : balanceLoss.get().add(loss);
    pass.attach(sum);
    balanceLoss = Optional.of(sum);
  }

  /** The balance losses of all layers heard so far; empty without any. */
  Optional<Tensor> balanceLoss() {
    return balanceLoss;
  }
}
