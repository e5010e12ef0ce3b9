package io.moraine.model.collective.codec

import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** What every codec must do, and each one's own error bound. */
class GradientCodecSuite extends AnyFunSuite {

  private val lengths = Seq(0, 1, 2, 255, 256, 257, 1000)

  private def gaussian(length: Int, scale: Double, seed: Long = 7): Array[Float] = {
    val random = new SplittableRandom(seed)
    Array.fill(length)((random.nextGaussian() * scale).toFloat)
  }

  private def encoded(codec: GradientCodec, values: Array[Float]): Array[Byte] = {
    val bytes = new Array[Byte](codec.encodedBytes(values.length))
    codec.encode(values, 0, bytes, 0, values.length)
    bytes
  }

  private def roundTrip(codec: GradientCodec, values: Array[Float]): Array[Float] = {
    val back = new Array[Float](values.length)
    codec.decode(encoded(codec, values), 0, back, 0, values.length)
    back
  }

  for (kernels <- Seq(Kernels.scalar, Kernels.vector.get); codec <- kernels.codecs.asScala) {
    val subject = s"${codec.name} on ${kernels.name} kernels"

    test(s"$subject: encodes and decodes every length, empty included") {
      for (length <- lengths) roundTrip(codec, gaussian(length, 1))
    }

    test(s"$subject: offsets are respected and neighbours untouched") {
      val source = gaussian(600, 1)
      val bytes = Array.fill(codec.encodedBytes(300) + 10)(0x5a.toByte)
      codec.encode(source, 100, bytes, 5, 300)
      assert((bytes.take(5) ++ bytes.takeRight(5)).forall(_ == 0x5a))
      val target = Array.fill(400)(42f)
      codec.decode(bytes, 5, target, 50, 300)
      assert(target.take(50).forall(_ == 42f) && target.drop(350).forall(_ == 42f))
      assert(target.slice(50, 350).toSeq == roundTrip(codec, source.slice(100, 400)).toSeq)
    }

    test(s"$subject: decodeAdd adds what decode gives") {
      val values = gaussian(700, 1)
      val sum = Array.fill(700)(0.5f)
      codec.decodeAdd(encoded(codec, values), 0, sum, 0, 700)
      assert(sum.toSeq == roundTrip(codec, values).map(_ + 0.5f).toSeq)
    }

    test(s"$subject: a sum that is NaN is Float.NaN, bit for bit") {
      val payload = java.lang.Float.intBitsToFloat(0xffc12345)
      val sum = Array.fill(256)(payload)
      codec.decodeAdd(encoded(codec, Array.fill(256)(1f)), 0, sum, 0, 256)
      assert(sum.forall(java.lang.Float.floatToRawIntBits(_) == 0x7fc00000))
    }

    test(s"$subject: zeros stay zeros, of either sign") {
      assert(roundTrip(codec, Array(0f, -0f, 0f)).forall(_ == 0f))
    }

    test(s"$subject: what is not finite stays recognisable") {
      for (bad <- Seq(Float.NaN, Float.PositiveInfinity, Float.NegativeInfinity)) {
        val values = gaussian(512, 1)
        values(300) = bad
        assert(!java.lang.Float.isFinite(roundTrip(codec, values)(300)))
      }
    }

    test(s"$subject: the same values give the same bytes") {
      val values = gaussian(1000, 1e-3)
      assert(encoded(codec, values).toSeq == encoded(codec, values.clone).toSeq)
    }
  }

  test("fp32 is exact, subnormal numbers and NaN bits included") {
    val values = gaussian(1000, 1) ++ Array(Float.MinPositiveValue, Float.MaxValue)
    assert(roundTrip(GradientCodec.of("fp32"), values).toSeq == values.toSeq)
  }

  test("bf16 rounds to the nearest of all 65536 numbers, ties to even") {
    val codec = GradientCodec.of("bf16")
    val random = new SplittableRandom(3)
    val values = Array
      .fill(20000)(java.lang.Float.intBitsToFloat(random.nextInt()))
      .filter(java.lang.Float.isFinite) ++
      (0 until 2000).map(i => java.lang.Float.intBitsToFloat((0x3f80 + i) << 16 | 0x8000))
    for ((value, got) <- values.zip(roundTrip(codec, values))) {
      val bits = java.lang.Float.floatToRawIntBits(value)
      val below = bits & 0xffff0000
      val above = below + 0x10000
      val toBelow = Integer.toUnsignedLong(bits) - Integer.toUnsignedLong(below)
      val expected =
        if (toBelow < 0x8000) below
        else if (toBelow > 0x8000) above
        else if ((below >>> 16 & 1) == 0) below
        else above
      assert(java.lang.Float.floatToRawIntBits(got) == expected)
    }
  }

  for ((name, levels) <- Seq("int8" -> 127, "int4" -> 7)) {
    test(s"$name errs by at most the block's largest absolute value / ${2 * levels}") {
      val random = new SplittableRandom(11)
      for (scale <- Seq(1e-20, 1e-3, 1.0, 1e20, 1e38); _ <- 0 until 20) {
        val values = gaussian(1 + random.nextInt(1100), scale, random.nextLong())
          .filter(java.lang.Float.isFinite)
        val back = roundTrip(GradientCodec.of(name), values)
        for ((block, decoded) <- values.grouped(256).zip(back.grouped(256))) {
          val largest = block.map(math.abs(_)).max
          val bound = largest / (2.0 * levels) * (1 + 1e-5)
          for ((a, b) <- block.zip(decoded)) assert(math.abs(a.toDouble - b) <= bound)
        }
      }
    }

    test(s"$name turns a block with a value that is not finite into NaN, its neighbours not") {
      for (bad <- Seq(Float.NaN, Float.PositiveInfinity, Float.NegativeInfinity)) {
        val values = gaussian(768, 1)
        values(300) = bad
        val back = roundTrip(GradientCodec.of(name), values)
        assert(back.slice(256, 512).forall(_.isNaN))
        assert(!back.take(256).exists(_.isNaN) && !back.drop(512).exists(_.isNaN))
      }
    }

    test(s"$name gives back exactly what is a code times a power of two") {
      for (length <- Seq(1, 2, 15, 16, 255, 256, 999)) {
        val values = Array.tabulate(length)(i => (i * 31 % (2 * levels + 1) - levels) * 0.125f)
        for (from <- values.indices by 256) values(from) = -levels * 0.125f
        assert(roundTrip(GradientCodec.of(name), values).toSeq == values.toSeq)
      }
    }

    test(s"$name turns a block below 2^-100 into zeros") {
      val small = java.lang.Float.intBitsToFloat(
        java.lang.Float.floatToRawIntBits(math.pow(2, -100).toFloat) - 1
      )
      assert(roundTrip(GradientCodec.of(name), Array(small, -small)).forall(_ == 0f))
      assert(roundTrip(GradientCodec.of(name), Array(math.pow(2, -100).toFloat)).forall(_ > 0f))
    }
  }

  test("int4 has byte j's low half for element j, its high half for element ceil(n / 2) + j") {
    val bytes = encoded(GradientCodec.of("int4"), Array(7f, -7f, 3.5f, 2.5f, -0.5f))
    assert(bytes.toSeq == Seq[Byte](0, 0, -128, 63, 0x27, 0x09, 0x04))
  }

  test("int4 takes half a byte an element, rounded up in the last block, and 4 bytes a block") {
    val codec = GradientCodec.of("int4")
    val sizes = Seq(0 -> 0, 1 -> 5, 2 -> 5, 3 -> 6, 255 -> 132, 256 -> 132, 257 -> 137, 1000 -> 516)
    for ((elements, bytes) <- sizes) assert(codec.encodedBytes(elements) == bytes)
  }

  test("int8 keeps the largest absolute value of a block exactly representable to 1e-6") {
    val values = Array.fill(256)(0f)
    values(17) = -3.5f
    assert(math.abs(roundTrip(GradientCodec.of("int8"), values)(17) + 3.5f) < 1e-6)
  }

  test("a name that is no codec is refused with the names that are") {
    val error = intercept[IllegalArgumentException](GradientCodec.of("int9"))
    assert(error.getMessage == "codec must be one of fp32, bf16, int8, int4, got int9")
  }
}
