package io.moraine.model.tensor;

import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** Work with a scope of its own. */
public final class Scoped {

  private Scoped() {}

  /**
   * The result of some work, which is left to the scope around; of what else the work made, that
   * alone stays which autograd keeps for backward.
   */
  public static Tensor result(Supplier<Tensor> work) {
    PointerScope around = PointerScope.getInnerScope();
    try (PointerScope scope = new PointerScope()) {
      Tensor result = work.get();
      around.attach(result);
      return result;
    }
  }
}
