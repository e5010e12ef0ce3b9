package io.moraine.model.precision

import io.moraine.model.tensor.{Device, DeviceChoice, NeedsGpu, NoCudaException, Torch}
import java.util.SplittableRandom
import org.bytedeco.pytorch.Tensor
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

/** Products of E4M3 matrices with their scales, against those that emulate them. */
class ScaledProductReferenceSuite extends AnyFunSuite {

  import RoundedNumbers.{matrix, scoped, Matrix}

  private val sizes = Seq((200, 150, 260), (16, 128, 128), (37, 300, 40), (1, 17, 5))

  private def random(rows: Int, columns: Int, seed: Long, size: Double): Array[Float] = {
    val random = new SplittableRandom(seed)
    Array.fill(rows * columns)((size * random.nextGaussian()).toFloat)
  }

  private def on(device: Device, values: Array[Float], rows: Int): Tensor =
    device.tensor(values, rows.toLong, values.length.toLong / rows)

  /** Result, gradient of the input, gradient of the weight, the weight as it is seen. */
  private def run(
      size: (Int, Int, Int),
      device: Device,
      product: (Products, Tensor) => LinearProduct
  ) = {
    val (t, c, n) = size
    scoped {
      val products = new Products(Precision.FP8)
      val weight = on(device, random(n, c, 2, 0.05), n).set_requires_grad(true)
      weight.mutable_grad.put(torch.zeros_like(weight))
      val x = on(device, random(t, c, 1, 1), t).set_requires_grad(true)
      val layer = product(products, weight)
      val y = layer.forward(x)
      y.mul(on(device, random(t, n, 3, 1e-5), t)).sum.backward()
      try Seq(y, x.grad, weight.grad, layer.rounded).map(m => matrix(m.detach.cpu))
      finally products.close()
    }
  }

  private def near(a: Matrix, b: Matrix, bound: Double): Unit = {
    val (ours, other) = (a.toSeq.flatMap(_.toSeq), b.toSeq.flatMap(_.toSeq))
    val largest = ours.map(math.abs(_)).max
    assert(largest > 0 && a.length == b.length)
    for ((x, y) <- ours.zip(other)) assert(math.abs(x - y) <= bound * largest)
  }

  private def emulated(products: Products, weight: Tensor) =
    new RoundedProduct(products, new Fp8Operands, weight)

  for (size <- sizes)
    test(s"the same numbers as rounded products in float32, (T, C, N) = $size") {
      Torch.start(1)
      val expected = run(size, Device.CPU, emulated)
      val ours = run(
        size,
        Device.CPU,
        new ScaledProduct(_, ScaledMultiplication.EMULATED, _)
      )
      // The input's gradient is rounded to bfloat16 where the other one's is too: 2^-8 at most.
      for (
        (a, b, bound) <- Seq(0, 1, 2, 3).map(i => (expected(i), ours(i), if (i == 3) 0.0 else 4e-3))
      )
        near(a, b, bound)
    }

  test("without gradients the result is the same") {
    Torch.start(1)
    scoped {
      val products = new Products(Precision.FP8)
      val weight = on(Device.CPU, random(40, 130, 2, 0.05), 40)
      val x = on(Device.CPU, random(9, 130, 1, 1), 9)
      val guard = new org.bytedeco.pytorch.NoGradGuard
      try {
        val a = new ScaledProduct(products, ScaledMultiplication.EMULATED, weight).forward(x)
        val b = emulated(products, weight).forward(x)
        near(matrix(b), matrix(a), 4e-3)
      } finally {
        guard.close()
        products.close()
      }
    }
  }

  test("a weight is rounded once until it changes, for both products") {
    Torch.start(1)
    scoped {
      val weight = on(Device.CPU, random(40, 130, 2, 0.05), 40)
      val scaled = new ScaledWeight(weight)
      val (first, turned) = (scaled.straight, scaled.transposed)
      assert((scaled.straight eq first) && (scaled.transposed eq turned))
      val before = matrix(first.matrix(0).values).toSeq.map(_.toSeq)
      weight.mul_(new org.bytedeco.pytorch.Scalar(-2.0))
      val after = matrix(scaled.straight.matrix(0).values).toSeq.map(_.toSeq)
      assert(after == before.map(_.map(_ * -2)) && after != before)
      assert(matrix(scaled.transposed.matrix(0).values).toSeq.map(_.toSeq) == after.transpose)
      scaled.close()
    }
  }

  test("a matrix whose scales lie otherwise than tensor cores take them is refused here too") {
    Torch.start(1)
    scoped {
      val whole = ScaledMatrix.ofRows(on(Device.CPU, random(16, 256, 2, 0.05), 16))
      val spread = whole.scales.narrow(0, 0, 1).expand_as(whole.scales)
      val error = intercept[IllegalArgumentException](
        new ScaledMatrix(whole.codes, spread, whole.rows, whole.columns)
      )
      assert(error.getMessage.endsWith("and 16 x 2 with strides 0, 16"), error.getMessage)
    }
  }

  test("a device that multiplies E4M3 as the emulation does is taken") {
    Torch.start(1)
    ScaledMultiplication.EMULATED.requireOn(Device.LIKE_CUDA)
    Precision.FP8.requireOn(Device.LIKE_CUDA)
    Precision.FP8.requireOn(Device.CPU)
  }

  private val unlike: Seq[(String, ScaledMultiplication, String)] = Seq(
    (
      "refuses",
      (_, _, _) =>
        throw new RuntimeException("Invalid scaling configuration.\nException raised from"),
      "fails: Invalid scaling configuration."
    ),
    (
      "leaves out scales",
      (a, b, kind) =>
        torch
          .matmul(a.codes.to(torch.ScalarType.Float), b.codes.to(torch.ScalarType.Float).t)
          .to(kind),
      "comes out wrong by \\d+\\.\\d %"
    ),
    (
      "takes the first tile's scale for all",
      (a, b, kind) => {
        val first = new ScaledMatrix(
          a.codes,
          a.scales.narrow(1, 0, 1).expand_as(a.scales).t.contiguous.t,
          a.rows,
          a.columns
        )
        ScaledMultiplication.EMULATED.multiply(first, b, kind)
      },
      "comes out wrong by \\d+\\.\\d %"
    ),
    (
      "gives no numbers",
      (a, b, kind) =>
        ScaledMultiplication.EMULATED
          .multiply(a, b, kind)
          .mul(new org.bytedeco.pytorch.Scalar(Double.NaN)),
      "comes out wrong by Infinity %"
    )
  )

  for ((kind, multiplication, fault) <- unlike)
    test(s"a device that $kind is refused in a line") {
      Torch.start(1)
      val error = intercept[NoCudaException](multiplication.requireOn(Device.LIKE_CUDA))
      assert(
        error.getMessage.matches(
          "model\\.precision = fp8 wants a Hopper GPU \\(compute capability 9\\.x\\), and on cpu a small " +
            s"product of E4M3 $fault\\. Use bf16, or the processor, which emulates fp8"
        ),
        error.getMessage
      )
    }

  for (size <- sizes)
    test(s"tensor cores give the same numbers, (T, C, N) = $size", NeedsGpu) {
      val device = Torch.start(1, DeviceChoice.CUDA, 0)
      val expected = run(size, Device.CPU, emulated)
      val ours =
        run(size, device, new ScaledProduct(_, ScaledMultiplication.ON_TENSOR_CORES, _))
      for ((a, b) <- expected.zip(ours)) near(a, b, 1e-2)
    }
}
