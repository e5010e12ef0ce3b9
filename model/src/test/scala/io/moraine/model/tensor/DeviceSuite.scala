package io.moraine.model.tensor

import java.util.{List => JList}
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

class DeviceSuite extends AnyFunSuite {

  private val slices = JList.of(
    new Slice("a", 0, JList.of(700L, 3000L)),
    new Slice("b", 2100224, JList.of(5L))
  )

  test("names and kinds") {
    assert(
      Seq(Device.CPU, Device.cuda(3), Device.COPIED).map(_.toString) == Seq("cpu", "cuda:3", "cpu")
    )
    assert(Device.cuda(0).isCuda && !Device.CPU.isCuda && !Device.cuda(0).isReadable)
    val error = intercept[IllegalArgumentException](Device.cuda(-1))
    assert(error.getMessage == "a device's index is in [0, 127], got -1")
  }

  test("a buffer whose memory is not read in place gives and takes the same numbers") {
    Torch.start(1)
    val direct = new TorchFlatBuffer(slices)
    val copied = new TorchFlatBuffer(slices, Device.COPIED)
    val values = Array.tabulate(direct.length.toInt)(i => i * 0.5f - 7)
    for (buffer <- Seq(direct, copied)) {
      buffer.put(0, values, 0, values.length)
      // Across the piece of host memory that copies go through.
      buffer.put(900000, values, 3, 1200000)
      assert(!buffer.staging.isPresent == (buffer eq direct))
    }
    for ((from, offset, count) <- Seq((0L, 0, values.length), (1048570L, 5, 20), (77L, 0, 0))) {
      val Seq(a, b) = Seq(direct, copied).map { buffer =>
        val got = new Array[Float](count + offset)
        buffer.get(from, got, offset, count)
        got.toSeq
      }
      assert(a == b)
    }
    assert(copied.staging.get.copiedBytes == 4L * (2 * values.length + 1200000 + 20))
    for (buffer <- Seq(direct, copied)) {
      intercept[IndexOutOfBoundsException](buffer.get(buffer.length - 1, values, 0, 2))
      intercept[IndexOutOfBoundsException](buffer.put(0, values, values.length - 1, 2))
    }
    Seq(direct, copied).foreach(_.close())
  }

  test("an operation without a method in Java is found by name, and an unknown one is refused") {
    Torch.start(1)
    val scope = new PointerScope()
    try {
      val x = Device.CPU.tensor(Array(-1f, 2f), 2)
      assert(
        Floats.of(Operator.call("aten::abs", new org.bytedeco.pytorch.IValue(x))).toSeq == Seq(
          1f,
          2f
        )
      )
      intercept[RuntimeException](Operator.call("aten::no_such_operation"))
    } finally scope.close()
  }

  test("a tensor made on a GPU is there, and what comes back is what went", NeedsGpu) {
    val device = Torch.start(1, DeviceChoice.CUDA, 0)
    val there = device.tensor(Array(1f, -2f, 3.5f), 3)
    assert(there.is_cuda && there.device.index == device.index)
    assert(Floats.of(there).toSeq == Seq(1f, -2f, 3.5f))
    val buffer = new TorchFlatBuffer(slices, device)
    val values = Array.tabulate(buffer.length.toInt)(i => i * 0.25f)
    buffer.put(0, values, 0, values.length)
    val got = new Array[Float](values.length)
    buffer.get(0, got, 0, got.length)
    assert(got.toSeq == values.toSeq)
    assert(torch.cuda_device_count() > 0)
    buffer.close()
  }
}
