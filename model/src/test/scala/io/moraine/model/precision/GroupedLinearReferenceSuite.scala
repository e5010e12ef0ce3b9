package io.moraine.model.precision

import io.moraine.model.moe.{GroupedExperts, LocalExperts, ScaledExperts}
import io.moraine.model.layer.SwiGlu
import io.moraine.model.tensor.{Device, DeviceChoice, NeedsGpu, Slice, Torch, TorchFlatBuffer}
import java.util.SplittableRandom
import org.bytedeco.pytorch.Tensor
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** All experts in the same operations, against each by itself. */
class GroupedLinearReferenceSuite extends AnyFunSuite {

  import RoundedNumbers.{matrix, scoped}

  private val (experts, dim, width) = (5, 136, 96)

  /** Slices of experts as a model lays them out, behind another tensor. */
  private val slices: Seq[Slice] = {
    var next = 256L
    val rest = for {
      e <- 0 until experts
      (name, rows, columns) <- Seq(("w1", width, dim), ("w2", dim, width), ("w3", width, dim))
    } yield {
      val slice =
        new Slice(s"$e.$name", next, Seq(rows.toLong, columns.toLong).map(Long.box).asJava)
      next = TorchFlatBuffer.aligned(next + slice.length)
      slice
    }
    new Slice("norm", 0, Seq(dim.toLong).map(Long.box).asJava) +: rest
  }

  private def slice(name: String): Slice = slices.find(_.name == name).get

  /** Output, gradient of the rows, gradients of all weights. */
  private def run(grouped: Boolean, precision: Precision, load: Seq[Long], device: Device) = {
    scoped {
      val random = new SplittableRandom(5)
      val parameters = new TorchFlatBuffer(slices.asJava, device)
      val gradients = new TorchFlatBuffer(slices.asJava, device)
      val values = Array.fill(parameters.length.toInt)((0.2 * random.nextGaussian()).toFloat)
      parameters.put(0, values, 0, values.length)
      val products = new Products(precision, device)
      val stride = slice("1.w1").offsetElements - slice("0.w1").offsetElements
      def stack(buffer: TorchFlatBuffer, name: String) =
        buffer.views(slice(s"0.$name"), experts, stride)
      val layer = if (grouped && precision == Precision.BF16) {
        def linear(name: String) = products.grouped(stack(parameters, name), stack(gradients, name))
        new GroupedExperts(experts, linear("w1"), linear("w2"), linear("w3"))
      } else if (grouped) {
        def linear(name: String) = {
          val weights = stack(parameters, name)
          weights.mutable_grad.put(stack(gradients, name))
          products.groupedScaled(weights)
        }
        new ScaledExperts(experts, linear("w1"), linear("w2"), linear("w3"))
      } else {
        def linear(name: String) = {
          val weight = parameters.view(slice(name)).set_requires_grad(true)
          weight.mutable_grad.put(gradients.view(slice(name)))
          products.linear(weight)
        }
        new LocalExperts(
          (0 until experts)
            .map(e => new SwiGlu(linear(s"$e.w1"), linear(s"$e.w2"), linear(s"$e.w3")))
            .asJava
        )
      }
      val rows = load.sum.toInt
      val x = device.tensor(
        Array.fill(rows * dim)(random.nextGaussian().toFloat),
        rows.toLong,
        dim.toLong
      )
      x.set_requires_grad(true)
      val weight = device.tensor(
        Array.fill(rows * dim)((1e-3 * random.nextGaussian()).toFloat),
        rows.toLong,
        dim.toLong
      )
      val y: Tensor = layer.forward(x, device.tensor(load.map(_.toInt).toArray, experts.toLong))
      y.mul(weight).sum.backward()
      val all = new Array[Float](gradients.length.toInt)
      gradients.get(0, all, 0, all.length)
      try
        Seq(
          matrix(y.cpu).toSeq.flatMap(_.toSeq),
          matrix(x.grad.cpu).toSeq.flatMap(_.toSeq),
          all.toSeq
        )
      finally products.close()
    }
  }

  /** Errors against the largest value; what bfloat16 rounds is 2^-9 of it. */
  private def near(a: Seq[Float], b: Seq[Float], bound: Double): Unit = {
    val largest = a.map(math.abs(_)).max
    assert(largest > 0 && a.size == b.size)
    for ((x, y) <- a.zip(b)) assert(math.abs(x - y) <= bound * largest)
  }

  private val loads =
    Seq(Seq(3L, 7L, 1L, 9L, 4L), Seq(0L, 12L, 0L, 5L, 0L), Seq(0L, 0L, 0L, 0L, 8L))

  for (load <- loads)
    test(s"results and gradients are those of each expert by itself, load ${load.mkString(", ")}") {
      Torch.start(1)
      requireNear(Precision.BF16, load, Device.CPU, Device.CPU, 1e-6)
    }

  /** Of one tile along the rows and of several, which begin at odd and even ones. */
  private val more =
    Seq(Seq(130L, 0L, 1L, 256L, 17L), Seq(0L, 120L, 0L, 0L, 0L), Seq(1L, 300L, 0L, 2L, 0L))

  for (load <- loads ++ more)
    test(s"E4M3: the same bits as of each expert by itself, load ${load.mkString(", ")}") {
      Torch.start(1)
      val all = run(grouped = true, Precision.FP8, load, Device.LIKE_CUDA)
      assert(all == run(grouped = false, Precision.FP8, load, Device.LIKE_CUDA))
      requireNear(Precision.FP8, load, Device.CPU, Device.LIKE_CUDA, 1e-2)
    }

  for (load <- loads)
    test(s"on a GPU those of each expert on the processor, load ${load.mkString(", ")}", NeedsGpu) {
      requireNear(Precision.BF16, load, Device.CPU, Torch.start(1, DeviceChoice.CUDA, 0), 1e-2)
    }

  // By mean squares: where E4M3 rounds the other way an element is off by 6 % and more.
  for (load <- loads ++ more)
    test(s"E4M3 on a GPU: those of each expert, load ${load.mkString(", ")}", NeedsGpu) {
      val device = Torch.start(1, DeviceChoice.CUDA, 0)
      val all = run(grouped = true, Precision.FP8, load, device)
      for (other <- Seq(device, Device.LIKE_CUDA)) {
        val each = run(grouped = false, Precision.FP8, load, other)
        for ((a, b) <- all.zip(each)) {
          val apart = math.sqrt(a.zip(b).map { case (x, y) => (x - y).toDouble * (x - y) }.sum)
          assert(apart < 2e-2 * math.sqrt(a.map(x => x.toDouble * x).sum))
        }
      }
    }

  private def requireNear(
      precision: Precision,
      load: Seq[Long],
      each: Device,
      device: Device,
      bound: Double
  ): Unit = {
    val Seq(y, dx, dw) = run(grouped = false, precision, load, each)
    val Seq(gy, gdx, gdw) = run(grouped = true, precision, load, device)
    near(y, gy, bound)
    near(dx, gdx, 1e-2)
    // In bfloat16 each weight's gradient comes so too.
    near(dw, gdw, 1e-2)
    for ((expert, count) <- load.zipWithIndex.map(_.swap); name <- Seq("w1", "w2", "w3")) {
      val s = slice(s"$expert.$name")
      val own = gdw.slice(s.offsetElements.toInt, (s.offsetElements + s.length).toInt)
      assert(own.exists(_ != 0) == (count > 0))
    }
  }
}
