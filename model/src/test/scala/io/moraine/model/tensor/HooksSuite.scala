package io.moraine.model.tensor

import org.bytedeco.pytorch.{Tensor, TensorBase}
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

/** What a hook is called with belongs to Java; a thread of libtorch's own has no scope that frees
  * it.
  */
class HooksSuite extends AnyFunSuite {

  private def hook(hooks: Hooks, answered: Tensor => Tensor) = new GradientHook(hooks) {
    override protected def answer(gradient: Tensor): Tensor = answered(gradient)
  }

  for (
    (kind, answered) <- Seq[(String, Tensor => Tensor)](
      "the gradient itself" -> (g => g),
      "a part of it" -> (g => g.narrow(0, 0, 2))
    )
  )
    test(s"in a thread without a scope a hook that answers with $kind leaves nothing behind") {
      Torch.start(1)
      val gradient = torch.ones(3L)
      val hooks = new Hooks
      val thread = new Thread(() =>
        for (_ <- 1 to 5) {
          val x = torch.ones(3L).set_requires_grad(true)
          val own = hook(hooks, answered)
          hooks.put(own, x)
          val argument = new TensorBase(gradient: TensorBase)
          val answer = own.call(argument)
          assert(argument.isNull)
          // libtorch takes the answer behind the call.
          assert(!answer.isNull)
          x.close()
        }
      )
      var failed: Option[Throwable] = None
      thread.setUncaughtExceptionHandler((_, e) => failed = Some(e))
      thread.start()
      thread.join()
      failed.foreach(throw _)
      hooks.close()
      assert(gradient.use_count == 1)
      gradient.close()
    }
}
