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
    java.util.Arrays.copyOf(bytes, codec.encode(values, 0, bytes, 0, values.length))
  }

  private def roundTrip(codec: GradientCodec, values: Array[Float]): Array[Float] = {
    val back = new Array[Float](values.length)
    val bytes = encoded(codec, values)
    codec.decode(bytes, 0, bytes.length, back, 0, values.length)
    back
  }

  for (
    kernels <- Seq(Kernels.scalar, Kernels.vector.get);
    codec <- kernels.codecs.asScala.toSeq :+ kernels.fp8(128)
  ) {
    val subject = s"${codec.name} on ${kernels.name} kernels"

    test(s"$subject: encodes and decodes every length, empty included") {
      for (length <- lengths) roundTrip(codec, gaussian(length, 1))
    }

    test(s"$subject: offsets are respected and neighbours untouched") {
      val source = gaussian(600, 1)
      val bytes = Array.fill(codec.encodedBytes(300) + 10)(0x5a.toByte)
      val written = codec.encode(source, 100, bytes, 5, 300)
      assert((bytes.take(5) ++ bytes.takeRight(5)).forall(_ == 0x5a))
      val target = Array.fill(400)(42f)
      codec.decode(bytes, 5, written, target, 50, 300)
      assert(target.take(50).forall(_ == 42f) && target.drop(350).forall(_ == 42f))
      assert(target.slice(50, 350).toSeq == roundTrip(codec, source.slice(100, 400)).toSeq)
    }

    test(s"$subject: decodeAdd adds what decode gives") {
      val values = gaussian(700, 1)
      val sum = Array.fill(700)(0.5f)
      val bytes = encoded(codec, values)
      codec.decodeAdd(bytes, 0, bytes.length, sum, 0, 700)
      assert(sum.toSeq == roundTrip(codec, values).map(_ + 0.5f).toSeq)
    }

    test(s"$subject: a sum that is NaN is Float.NaN, bit for bit") {
      val payload = java.lang.Float.intBitsToFloat(0xffc12345)
      val sum = Array.fill(256)(payload)
      val bytes = encoded(codec, Array.fill(256)(1f))
      codec.decodeAdd(bytes, 0, bytes.length, sum, 0, 256)
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

  for (codec <- GradientCodec.all.asScala.toSeq :+ GradientCodec.fp8(128)) {
    test(s"${codec.name}: 10,000 payloads of garbage are refused, or decode within bounds") {
      val random = new SplittableRandom(17)
      for (_ <- 1 to 10000) {
        val elements = random.nextInt(600)
        val bytes = new Array[Byte](
          if (random.nextBoolean()) codec.encodedBytes(elements) else random.nextInt(700)
        )
        random.nextBytes(bytes)
        val target = Array.fill(elements + 20)(42f)
        try codec.decode(bytes, 0, bytes.length, target, 10, elements)
        catch {
          case e: DamagedPayloadException =>
            assert(e.getMessage.startsWith(s"${codec.name} payload"))
        }
        assert((target.take(10) ++ target.takeRight(10)).forall(_ == 42f))
      }
    }

    test(s"${codec.name}: a payload with a byte too few or too many is refused") {
      val bytes = encoded(codec, gaussian(300, 1))
      for (length <- Seq(bytes.length - 1, bytes.length + 1)) {
        val payload = java.util.Arrays.copyOf(bytes, length)
        val error = intercept[DamagedPayloadException](
          codec.decode(payload, 0, length, new Array[Float](300), 0, 300)
        )
        assert(
          error.getMessage ==
            s"${codec.name} payload of 300 elements must have ${bytes.length} bytes, got $length"
        )
      }
    }
  }

  test("sign gives each element its sign and the mean absolute value of its block") {
    val random = new SplittableRandom(12)
    for (scale <- Seq(1e-20, 1e-3, 1.0, 1e37); _ <- 0 until 20) {
      val values = gaussian(1 + random.nextInt(1100), scale, random.nextLong())
      val back = roundTrip(GradientCodec.of("sign"), values)
      for ((block, decoded) <- values.grouped(256).zip(back.grouped(256))) {
        val mean = block.map(math.abs(_).toDouble).sum / block.length
        for ((a, b) <- block.zip(decoded))
          assert(math.abs(math.signum(a) * mean - b) <= mean * 1e-5)
      }
    }
  }

  test("sign: zeros at a block's end are exact, others get the mean of those before them") {
    for (length <- Seq(1, 7, 8, 9, 200, 255, 256); used <- 1 to length by 3) {
      val values = Array.tabulate(length)(i => if (i < used) 2f * (1 - i % 2 * 2) else 0f)
      assert(roundTrip(GradientCodec.of("sign"), values).toSeq == values.toSeq)
    }
    val back = roundTrip(GradientCodec.of("sign"), Array(0f, -0f, 3f, -3f, 0f))
    assert(back.toSeq == Seq(1.5f, -1.5f, 1.5f, -1.5f, 0f))
  }

  test("sign takes a bit an element, rounded up in the last block, and 5 bytes a block") {
    val codec = GradientCodec.of("sign")
    for (
      (elements, bytes) <- Seq(0 -> 0, 1 -> 6, 8 -> 6, 9 -> 7, 256 -> 37, 257 -> 43, 1000 -> 145)
    )
      assert(codec.encodedBytes(elements) == bytes)
  }

  test("sign has the scale, the elements but one, then bit k of byte j for element 2 k + j of 9") {
    val bytes = encoded(GradientCodec.of("sign"), Array(-1f, 1, 1, -1, 1, 1, 1, 1, -1f, 0))
    assert(bytes.toSeq == Seq[Byte](0, 0, -128, 63, 8, 0x11, 0x02))
  }

  test("sign: a block that claims more elements than it has is refused") {
    val bytes = encoded(GradientCodec.of("sign"), Array.fill(10)(1f)).updated(4, 10.toByte)
    val error = intercept[DamagedPayloadException](
      GradientCodec.of("sign").decodeAdd(bytes, 0, bytes.length, new Array[Float](10), 0, 10)
    )
    assert(error.getMessage == "sign payload's block of 10 elements says that it has 11")
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

  for (name <- Seq("int8", "int4", "sign"))
    test(s"$name turns a block with a value that is not finite into NaN, its neighbours not") {
      for (bad <- Seq(Float.NaN, Float.PositiveInfinity, Float.NegativeInfinity)) {
        val values = gaussian(768, 1)
        values(300) = bad
        val back = roundTrip(GradientCodec.of(name), values)
        assert(back.slice(256, 512).forall(_.isNaN))
        assert(!back.take(256).exists(_.isNaN) && !back.drop(512).exists(_.isNaN))
      }
    }

  for (name <- Seq("int8", "int4", "sign"))
    test(s"$name turns a block below 2^-100 into zeros") {
      val small = java.lang.Float.intBitsToFloat(
        java.lang.Float.floatToRawIntBits(math.pow(2, -100).toFloat) - 1
      )
      assert(roundTrip(GradientCodec.of(name), Array(small, -small)).forall(_ == 0f))
      assert(roundTrip(GradientCodec.of(name), Array(math.pow(2, -100).toFloat)).forall(_ > 0f))
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

    test(s"$name gives back exactly what is a code times a power of two") {
      for (length <- Seq(1, 2, 15, 16, 255, 256, 999)) {
        val values = Array.tabulate(length)(i => (i * 31 % (2 * levels + 1) - levels) * 0.125f)
        for (from <- values.indices by 256) values(from) = -levels * 0.125f
        assert(roundTrip(GradientCodec.of(name), values).toSeq == values.toSeq)
      }
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

  /** All finite numbers of E4M3, in order. */
  private val e4m3: Seq[Float] = {
    val positive =
      for (exponent <- 0 to 15; mantissa <- 0 to 7 if exponent * 8 + mantissa < 127)
        yield
          if (exponent == 0) mantissa * math.pow(2, -9).toFloat
          else ((1 + mantissa / 8.0) * math.pow(2, exponent - 7)).toFloat
    positive.tail.reverse.map(-_) ++ positive
  }

  test("fp8 rounds to the nearest number of E4M3 times the scale, ties to an even mantissa") {
    assert(e4m3.size == 253 && e4m3.last == 448f)
    val ties = e4m3.zip(e4m3.tail).map { case (a, b) => (a + b) / 2 }
    val random = new SplittableRandom(3)
    val near = ties.flatMap(t => Seq(Math.nextUp(t), Math.nextDown(t), t * 1.01f, t * 0.99f))
    val values = (e4m3 ++ ties ++ near ++ Seq.fill(500)((random.nextGaussian() * 0.1).toFloat))
      .filter(v => math.abs(v) <= 448)
    for (scale <- Seq(1f, 0.25f, 4f); rows <- values.grouped(127)) {
      val row = (448f +: rows).map(_ * scale).toArray
      for ((value, got) <- row.map(_ / scale).zip(roundTrip(GradientCodec.fp8(128), row))) {
        val distance = e4m3.map(n => math.abs(n - value)).min
        val nearest = e4m3.indices.filter(i => math.abs(e4m3(i) - value) == distance)
        val even = nearest.find(i => (i - 126) % 2 == 0).getOrElse(nearest.head)
        assert(got == e4m3(if (nearest.size == 2) even else nearest.head) * scale, value)
      }
    }
  }

  test("fp8 has a tile for every 128 elements of a row, or fewer where these do not divide it") {
    val sizes = Seq(7168 -> 128, 256 -> 128, 192 -> 96, 200 -> 100, 64 -> 64)
    for ((row, tile) <- sizes)
      assert(GradientCodec.fp8(row).encodedBytes(row) == row + 4 * (row / tile), row)
    val error = intercept[IllegalArgumentException](GradientCodec.fp8(131))
    assert(
      error.getMessage == "fp8 needs rows that tiles of 16 to 128 elements divide, got 131 elements"
    )
  }

  test("a name that is no codec is refused with the names that are") {
    val error = intercept[IllegalArgumentException](GradientCodec.of("int9"))
    assert(error.getMessage == "codec must be one of fp32, bf16, int8, int4, sign, got int9")
  }
}
