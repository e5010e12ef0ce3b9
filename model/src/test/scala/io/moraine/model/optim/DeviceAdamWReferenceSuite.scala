package io.moraine.model.optim

import io.moraine.model.tensor.{Device, DeviceChoice, Floats, NeedsGpu, Torch}
import java.util.SplittableRandom
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

/** AdamW as operations of libtorch, against the loop: the same bits. */
class DeviceAdamWReferenceSuite extends AnyFunSuite {

  private val random = new SplittableRandom(5)
  private val length = 3000

  private def bits(values: Array[Float]): Seq[Int] =
    values.toSeq.map(java.lang.Float.floatToRawIntBits)

  /** Gradients of all sizes; some elements rest for good, some now and then. */
  private def gradients(step: Int): Array[Float] = Array.tabulate(length) { i =>
    if (i % 11 == 0 || (i + step) % 7 == 0) (if (i % 2 == 0) 0f else -0f)
    else (random.nextGaussian() * math.pow(10, i % 60 - 42)).toFloat
  }

  private val settings = Seq(
    new AdamW.Config(0.9, 0.95, 1e-8, 0.1),
    new AdamW.Config(0.9, 0.999, 1e-20, 0),
    new AdamW.Config(0, 0, 1e-8, 0.01)
  )

  private val groups: Seq[(String, Array[Boolean])] = Seq(
    "all decay" -> Array.fill(length)(true),
    "none decays" -> Array.fill(length)(false),
    "some decay, one by one and in runs" ->
      Array.tabulate(length)(i => if (i < 20) i % 2 == 0 else i / 700 % 2 == 0)
  )

  private def requireSame(device: Device, config: AdamW.Config, decays: Array[Boolean]): Unit = {
    val here = new AdamW(config, decays)
    val there =
      new DeviceAdamW(config, decays.clone(), device.options(torch.ScalarType.Float))
    val weights = Array.fill(length)(random.nextGaussian().toFloat)
    val scope = new PointerScope()
    try {
      val moved = device.tensor(weights, length.toLong)
      val before = weights.clone()
      for (step <- 1 to 30) {
        val gradient = gradients(step)
        val (rate, scale) = (1e-2 / step, if (step % 3 == 0) 0.3 else 1.0 / 7)
        // As behind a bad step: numbers of updates may begin anywhere.
        here.update(step + 3L, rate, weights, gradient, scale)
        there.update(step + 3L, rate, moved, device.tensor(gradient, length.toLong), scale)
        assert(bits(Floats.of(moved)) == bits(weights), s"weights, step $step")
        assert(bits(Floats.of(there.moment1)) == bits(here.moment1), s"moment 1, step $step")
        assert(bits(Floats.of(there.moment2)) == bits(here.moment2), s"moment 2, step $step")
      }
      assert(weights.zip(before).count { case (a, b) => a != b } > length / 3)
    } finally {
      scope.close()
      there.close()
    }
  }

  for (config <- settings; (name, decays) <- groups)
    test(s"$config, $name: the same bits in 30 steps") {
      Torch.start(1)
      requireSame(Device.COPIED, config, decays)
    }

  test("on a GPU the same bits", NeedsGpu) {
    val device = Torch.start(1, DeviceChoice.CUDA, 0)
    for (config <- settings; (_, decays) <- groups) requireSame(device, config, decays)
  }

  test("a rank that owns nothing updates nothing") {
    Torch.start(1)
    val none = new DeviceAdamW(
      settings.head,
      Array.empty,
      Device.COPIED.options(torch.ScalarType.Float)
    )
    val empty = torch.zeros(Array(0L), Device.COPIED.options(torch.ScalarType.Float))
    none.update(1, 0.1, empty, empty, 1)
    assert(none.moment1.numel == 0)
    none.close()
    empty.close()
  }
}
