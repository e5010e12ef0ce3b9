package io.moraine.model.tensor

import java.util.concurrent.CancellationException
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

class PinnedMemorySuite extends AnyFunSuite {

  private def bytes(device: Device, values: Array[Float]) =
    device.tensor(values, values.length.toLong).view(torch.ScalarType.Byte)

  private def roundTrip(device: Device): Unit = {
    val staging = new HostStaging(device)
    val memory = staging.pinned(64)
    val scope = new PointerScope()
    try {
      val first = memory.fromDevice(bytes(device, Array(1f, -2f)), 8)
      val second = memory.fromDevice(bytes(device, Array(3.5f)), 20)
      assert((first, second) == ((1, 2)))
      memory.await(second)
      memory.await(first)
      val here = new Array[Float](6)
      memory.bytes(0, 24).asFloatBuffer().get(here)
      assert(here.toSeq == Seq(0f, 0f, 1f, -2f, 0f, 3.5f))
      memory.bytes(12, 4).putFloat(7f)
      val there = device.tensor(new Array[Float](4), 4)
      memory.toDevice(8, there.narrow(0, 1, 3).view(torch.ScalarType.Byte))
      assert(Floats.of(there).toSeq == Seq(0f, 1f, 7f, 0f))
      assert(staging.copiedBytes == 8 + 4 + 12)
    } finally {
      scope.close()
      memory.close()
      staging.close()
    }
  }

  test("what is copied to host memory and back is at its place, and is counted") {
    Torch.start(1)
    roundTrip(Device.COPIED)
  }

  test("the same with a GPU", NeedsGpu) {
    roundTrip(Torch.start(1, DeviceChoice.CUDA, 0))
  }

  test("who waits for a copy that nobody asked for waits until it is interrupted") {
    Torch.start(1)
    val staging = new HostStaging(Device.COPIED)
    val memory = staging.pinned(4)
    try {
      Thread.currentThread().interrupt()
      val error = intercept[CancellationException](memory.await(1))
      assert(error.getMessage == "interrupted while a device copies")
      assert(Thread.interrupted())
    } finally {
      memory.close()
      staging.close()
    }
  }
}
