package io.moraine.model.reduction

import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.tensor.{Device, DeviceChoice, Floats, NeedsGpu, Torch}
import java.util.SplittableRandom
import org.bytedeco.javacpp.{BytePointer, PointerScope}
import org.bytedeco.pytorch.Tensor
import org.scalatest.funsuite.AnyFunSuite

/** The codecs as operations of libtorch, against the codecs: the same bytes. */
class TensorCodecReferenceSuite extends AnyFunSuite {

  private val random = new SplittableRandom(11)

  private def gaussian(scale: Double): Array[Float] =
    Array.fill(256)((scale * random.nextGaussian()).toFloat)

  /** Float32 of any bits but NaN and infinity. */
  private def anyFinite(): Array[Float] = Array.fill(256) {
    val value = java.lang.Float.intBitsToFloat(random.nextInt())
    if (java.lang.Float.isFinite(value)) value else 1f
  }

  private def at(block: Array[Float], place: Int, value: Float): Array[Float] =
    block.updated(place, value)

  private val smallest = java.lang.Math.scalb(1f, -100)

  private val blocks: Seq[(String, Array[Float])] =
    Seq(1e-30, 1e-12, 1e-5, 1.0, 3e4, 1e30).map(s => s"values of size $s" -> gaussian(s)) ++
      Seq.fill(40)("any finite bits" -> anyFinite()) ++
      Seq(
        "zeros" -> new Array[Float](256),
        "zeros of both signs" -> Array.tabulate(256)(i => if (i % 2 == 0) 0f else -0f),
        "the largest is as small as is sent" -> at(new Array[Float](256), 9, smallest),
        "the largest is a little smaller" -> at(new Array[Float](256), 9, Math.nextDown(smallest)),
        "denormal" -> Array.tabulate(256)(i => java.lang.Float.intBitsToFloat(i)),
        "the largest float" -> at(gaussian(1), 255, -Float.MaxValue),
        "ties" -> Array.tabulate(256)(i => (i % 14 - 7) * 0.5f),
        "halves of 127" -> at(Array.tabulate(256)(i => i - 127.5f), 0, 127f),
        "half of bfloat16's last bit, and a little more and less" ->
          Array.tabulate(256)(i =>
            java.lang.Float.intBitsToFloat(0x3f808000 + (i << 15) + i % 3 - 1)
          ),
        "NaN" -> at(gaussian(1), 3, Float.NaN),
        "NaN of all ones" -> at(gaussian(1), 3, java.lang.Float.intBitsToFloat(0x7fffffff)),
        "NaN without its quiet bit" -> at(
          gaussian(1),
          3,
          java.lang.Float.intBitsToFloat(0x7f800001)
        ),
        "NaN with a payload" -> at(gaussian(1), 3, java.lang.Float.intBitsToFloat(0xffc01234)),
        "infinity" -> at(gaussian(1), 200, Float.PositiveInfinity),
        "infinities of both signs" ->
          at(at(gaussian(1), 0, Float.NegativeInfinity), 255, Float.PositiveInfinity)
      ) ++
      (1 to 256).map(used =>
        s"zeros behind $used elements" -> Array.tabulate(256)(i =>
          if (i >= used) (if (i % 2 == 0) 0f else -0f)
          else if (i < used - 1 && i % 5 == 0) -0f
          else (1 + random.nextGaussian()).toFloat
        )
      )

  private def bytesOf(tensor: Tensor): Seq[Byte] = {
    val bytes = new Array[Byte](tensor.numel.toInt)
    new BytePointer(tensor.contiguous.cpu.data_ptr).get(bytes)
    bytes.toSeq
  }

  private def encoded(codec: GradientCodec, values: Array[Float], device: Device) = {
    Torch.start(1)
    val scope = new PointerScope()
    try {
      val form = TensorCodec.of(codec).get
      val bytes = form.encode(device.tensor(values, values.length.toLong))
      assert(bytes.numel == codec.encodedBytes(values.length))
      (bytesOf(bytes), Floats.of(form.decode(bytes)))
    } finally scope.close()
  }

  private def requireSame(device: Device): Unit =
    for (name <- Seq("fp32", "bf16", "int8", "int4", "sign"); codec = GradientCodec.of(name)) {
      val all = blocks.flatMap(_._2).toArray
      for ((what, values) <- blocks :+ ("all of these" -> all)) {
        val expected = new Array[Byte](codec.encodedBytes(values.length))
        assert(codec.encode(values, 0, expected, 0, values.length) == expected.length)
        val (bytes, decoded) = encoded(codec, values, device)
        assert(bytes == expected.toSeq, s"$name: $what")
        val back = new Array[Float](values.length)
        codec.decode(expected, 0, expected.length, back, 0, back.length)
        for ((a, b) <- decoded.zip(back)) {
          def bits(x: Float) = java.lang.Float.floatToRawIntBits(x)
          assert(bits(a) == bits(b) || a.isNaN && b.isNaN, s"$name: $what")
        }
      }
    }

  test("fp32, bf16, int8, int4 and sign give the bytes of the codecs, for every kind of block") {
    requireSame(Device.COPIED)
  }

  test("on a GPU they give the bytes of the codecs", NeedsGpu) {
    requireSame(Torch.start(1, DeviceChoice.CUDA, 0))
  }
}
