package io.moraine.model.precision

import java.util.SplittableRandom
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.global.torch
import org.bytedeco.pytorch.{NoGradGuard, Scalar, Tensor}
import org.scalatest.funsuite.AnyFunSuite

class LinearReferenceSuite extends AnyFunSuite {
  import RoundedNumbers._

  private def random(rows: Int, columns: Int, seed: Long, size: Double = 1): Matrix = {
    val random = new SplittableRandom(seed)
    Array.fill(rows, columns)((size * random.nextGaussian()).toFloat)
  }

  private def bf16(m: Matrix): Matrix = m.map(_.map(v => toBf16(v.toDouble)))

  // T, C and N of no whole number of tiles; gradients as small as they are in training.
  private val x = random(200, 150, 1)
  private val w = random(260, 150, 2, 0.05)
  private val g = random(200, 260, 3, 1e-5)

  private def leaf(m: Matrix): Tensor = tensor(m).clone.set_requires_grad(true)

  private def weight(m: Matrix): Tensor = {
    val weight = leaf(m)
    weight.mutable_grad.put(torch.zeros_like(weight))
    weight
  }

  /** Result, gradient of the input, gradient of the weight. */
  private def products(precision: Precision): (Matrix, Matrix, Matrix) = scoped {
    val products = new Products(precision)
    val (input, w1) = (leaf(x), weight(w))
    val y = products.linear(w1).forward(input)
    y.mul(tensor(g)).sum.backward()
    try (matrix(y), matrix(input.grad), matrix(w1.grad))
    finally products.close()
  }

  /** Equal up to the rounding of a float32 sum; with `ulps` up to that many steps of bfloat16. */
  private def requireProduct(ours: Matrix, a: Matrix, b: Matrix, ulps: Int): Unit =
    assert(distance(ours, a, b, ulps) <= 1)

  /** Largest error over what float32 sums and rounding to bfloat16 explain. */
  private def distance(ours: Matrix, a: Matrix, b: Matrix, ulps: Int): Double = {
    val (exact, sizes) = product(a, b)
    val errors = for {
      i <- ours.indices
      j <- ours(i).indices
    } yield math.abs(ours(i)(j) - exact(i)(j)) /
      // 2^-24 for each of at most 260 terms, if all errors add up; half a step of bfloat16.
      (260 * math
        .pow(2, -24) * sizes(i)(j) + ulps * math.pow(2, -8) * math.abs(exact(i)(j)) * 1.001)
    errors.max
  }

  test("bf16: all operands in bfloat16; the weight's gradient is float32, the others bfloat16") {
    val (y, dx, dw) = products(Precision.BF16)
    requireProduct(y, bf16(x), bf16(w).transpose, 1)
    requireProduct(dx, bf16(g), bf16(w), 1)
    requireProduct(dw, bf16(g).transpose, bf16(x), 0)
    for (m <- Seq(y, dx); row <- m; v <- row) assert(v == toBf16(v.toDouble))
    assert(dw.exists(_.exists(v => v != toBf16(v.toDouble))))
    assert(distance(dw, g.transpose, x, 0) > 10)
  }

  test("fp8: the three products have the operands of DeepSeek-V3") {
    val (y, dx, dw) = products(Precision.FP8)
    val forward = tiled(bf16(x), 1, 128)
    val blocks = tiled(w, 128, 128)
    val gradient = bf16(g)
    requireProduct(y, forward, blocks.transpose, 1)
    requireProduct(dx, tiled(gradient, 1, 128), blocks, 1)
    requireProduct(dw, tiled(gradient, 128, 1).transpose, tiled(forward, 128, 1), 0)
  }

  test("fp8: operands of other tiles, or not rounded, would be seen") {
    val (y, dx, dw) = products(Precision.FP8)
    val forward = tiled(bf16(x), 1, 128)
    val blocks = tiled(w, 128, 128)
    val gradient = bf16(g)
    assert(distance(y, forward, tiled(w, 1, 128).transpose, 1) > 5)
    assert(distance(y, bf16(x), blocks.transpose, 1) > 5)
    assert(distance(dx, gradient, blocks, 1) > 5)
    assert(distance(dx, tiled(gradient, 128, 1), blocks, 1) > 5)
    val tokens = tiled(gradient, 128, 1).transpose
    assert(distance(dw, tiled(gradient, 1, 128).transpose, tiled(forward, 128, 1), 0) > 5)
    assert(distance(dw, tokens, forward, 0) > 5)
    assert(distance(dw, tokens, tiled(bf16(x), 128, 1), 0) > 5)
  }

  test("float32: libtorch's linear and its gradients, bit for bit") {
    val (y, dx, dw) = products(Precision.FLOAT32)
    val expected = scoped {
      val (input, w1) = (leaf(x), weight(w))
      val y = torch.linear(input, w1)
      y.mul(tensor(g)).sum.backward()
      Seq(matrix(y), matrix(input.grad), matrix(w1.grad)).map(_.map(_.toSeq).toSeq)
    }
    assert(Seq(y, dx, dw).map(_.map(_.toSeq).toSeq) == expected)
  }

  for (precision <- Seq(Precision.BF16, Precision.FP8)) {
    test(s"$precision: gradients of several products of a layer add up") {
      val once = products(precision)._3
      val (oneGraph, twoGraphs) = scoped {
        val products = new Products(precision)
        val w1 = weight(w)
        val layer = products.linear(w1)
        def loss = layer.forward(leaf(x)).mul(tensor(g)).sum
        loss.add(loss).backward()
        val both = matrix(w1.grad)
        w1.grad.zero_()
        loss.backward()
        loss.backward()
        products.close()
        (both, matrix(w1.grad))
      }
      for (m <- Seq(oneGraph, twoGraphs); (a, b) <- m.flatten.toSeq.zip(once.flatten.toSeq))
        assert(math.abs(a - 2 * b) <= 1e-5 * math.abs(b) + 1e-10)
    }

    test(s"$precision: a weight has its gradient though the input has none") {
      val gradient = scoped {
        val products = new Products(precision)
        val w1 = weight(w)
        products.linear(w1).forward(tensor(x)).mul(tensor(g)).sum.backward()
        products.close()
        matrix(w1.grad)
      }
      assert(gradient.flatten.toSeq == products(precision)._3.flatten.toSeq)
    }

    test(s"$precision: backward finds its operands though handles and scopes are gone") {
      val gradient = scoped {
        val products = new Products(precision)
        val (input, w1, weights) = (leaf(x), weight(w), tensor(g))
        val inner = new PointerScope()
        val loss = products.linear(w1).forward(input).mul(weights).sum.retainReference[Tensor]()
        inner.close()
        for (_ <- 1 to 3) System.gc()
        loss.backward()
        loss.close()
        products.close()
        matrix(w1.grad)
      }
      assert(gradient.flatten.toSeq == products(precision)._3.flatten.toSeq)
    }

    test(s"$precision: without gradients the same result, and nothing stands behind it") {
      scoped {
        val products = new Products(precision)
        val layer = products.linear(weight(w))
        val guard = new NoGradGuard()
        val y = layer.forward(tensor(x))
        guard.close()
        assert(!y.requires_grad)
        assert(matrix(y).flatten.toSeq == this.products(precision)._1.flatten.toSeq)
        products.close()
      }
    }
  }

  test("the rounded weight is the one that products see") {
    scoped {
      def rounded(precision: Precision) =
        matrix(new Products(precision).linear(weight(w)).rounded.detach).flatten.toSeq
      assert(rounded(Precision.FLOAT32) == w.flatten.toSeq)
      assert(rounded(Precision.BF16) == bf16(w).flatten.toSeq)
      assert(rounded(Precision.FP8) == tiled(w, 128, 128).flatten.toSeq)
    }
  }

  test("what FP8 leaves higher is bfloat16") {
    scoped {
      val products = new Products(Precision.FP8)
      val y = products.linearAboveFp8(weight(w)).forward(tensor(x))
      assert(matrix(y).flatten.toSeq == this.products(Precision.BF16)._1.flatten.toSeq)
    }
    assert(Precision.FLOAT32.aboveFp8 == Precision.FLOAT32)
  }

  test("an error in backward is thrown there") {
    scoped {
      val products = new Products(Precision.FP8)
      val withoutGradient = leaf(w)
      val loss = products.linear(withoutGradient).forward(leaf(x)).mul(new Scalar(2.0)).sum
      intercept[RuntimeException](loss.backward())
      products.close()
    }
  }
}
