package io.moraine.model.collective.codec

import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

class TopKCodecSuite extends AnyFunSuite {

  private val percent = GradientCodec.topK(0.01)
  private val tenth = GradientCodec.topK(0.1)

  private def gaussian(length: Int, seed: Long = 7): Array[Float] = {
    val random = new SplittableRandom(seed)
    Array.fill(length)(random.nextGaussian().toFloat)
  }

  private def encoded(codec: GradientCodec, values: Array[Float]): Array[Byte] = {
    val bytes = new Array[Byte](codec.encodedBytes(values.length))
    java.util.Arrays.copyOf(bytes, codec.encode(values, 0, bytes, 0, values.length))
  }

  private def decoded(codec: GradientCodec, bytes: Array[Byte], length: Int): Array[Float] = {
    val values = Array.fill(length)(42f)
    codec.decode(bytes, 0, bytes.length, values, 0, length)
    values
  }

  private def roundTrip(codec: GradientCodec, values: Array[Float]): Array[Float] =
    decoded(codec, encoded(codec, values), values.length)

  private def bf16(value: Float): Float = roundTrip(GradientCodec.of("bf16"), Array(value)).head

  /** The k largest by a stable sort: the first among equals. */
  private def largest(values: Array[Float], k: Int): Seq[Int] =
    values.indices.sortBy(i => -math.abs(values(i))).take(k).filter(values(_) != 0).sorted

  for ((codec, share) <- Seq(percent -> 0.01, tenth -> 0.1))
    test(
      s"the sample is the whole range: exactly the k largest arrive, in bfloat16, share $share"
    ) {
      val random = new SplittableRandom(4)
      for (length <- (0 to 600 by 7) ++ Seq(3000, 6400).filter(_ * share <= 64)) {
        val ties = random.nextBoolean()
        val values =
          gaussian(length, random.nextLong()).map(v => if (ties) (2 * v).round / 2f else v)
        val sent = largest(values, math.ceil(share * length).toInt).toSet
        val expected = Array.tabulate(length)(i => if (sent(i)) bf16(values(i)) else 0f)
        assert(roundTrip(codec, values).toSeq == expected.toSeq)
      }
    }

  test("of a chunk of 65,536 the 656 largest arrive, whatever their distribution") {
    val random = new SplittableRandom(5)
    val draws = Seq[() => Double](
      () => random.nextGaussian(),
      () => math.exp(4 * random.nextGaussian()),
      () => random.nextDouble(),
      () => if (random.nextInt(10) == 0) random.nextGaussian() else 0
    )
    for (draw <- draws; _ <- 1 to 10) {
      val values = Array.fill(65536)(draw().toFloat)
      val sent = roundTrip(percent, values).zipWithIndex.filter(_._1 != 0).map(_._2)
      assert(sent.toSeq == largest(values, 656))
    }
  }

  test(
    "a column that is large in matrices of usual widths neither hides from the sample nor fills it"
  ) {
    for (width <- Seq(96, 192, 256, 320, 384, 1000, 1024)) {
      val random = new SplittableRandom(width.toLong)
      val values =
        Array.tabulate(65536)(i =>
          (random.nextGaussian() * (if (i % width < 3) 100 else 1)).toFloat
        )
      val sent = roundTrip(percent, values).zipWithIndex.filter(_._1 != 0).map(_._2)
      assert(sent.toSeq == largest(values, 656), s"width $width")
    }
  }

  test("payloads are as long as encode says, at most encodedBytes, about 3.3 bytes an entry") {
    for (length <- Seq(0, 1, 127, 128, 129, 16384, 16385, 65536); codec <- Seq(percent, tenth)) {
      val even = Array.tabulate(length)(i => if (i % 128 == 127) 5f + i % 3 else 0f)
      for (values <- Seq(gaussian(length), even)) {
        val bytes = Array.fill(codec.encodedBytes(length) + 10)(0x5a.toByte)
        val written = codec.encode(values, 0, bytes, 5, length)
        assert(written <= codec.encodedBytes(length))
        assert((bytes.take(5) ++ bytes.drop(5 + written)).forall(_ == 0x5a))
      }
    }
    assert(math.abs(encoded(percent, gaussian(65536)).length / 656.0 - 3.3) < 0.05)
    assert(percent.encodedBytes(65536) == 4 + 3 * 656 + 512 + 4)
  }

  test("offsets are respected and neighbours untouched; decodeAdd adds what decode gives") {
    val values = gaussian(300)
    val bytes = new Array[Byte](5) ++ encoded(tenth, values)
    val target = Array.fill(400)(42f)
    tenth.decode(bytes, 5, bytes.length - 5, target, 50, 300)
    assert(target.slice(50, 350).toSeq == roundTrip(tenth, values).toSeq)
    tenth.decodeAdd(bytes, 5, bytes.length - 5, target, 50, 300)
    assert(target.slice(50, 350).toSeq == roundTrip(tenth, values).map(2 * _).toSeq)
    assert((target.take(50) ++ target.drop(350)).forall(_ == 42f))
  }

  test("zeros are never sent; a range of zeros takes 4 bytes") {
    assert(encoded(percent, new Array[Float](5000)).toSeq == Seq[Byte](0, 0, 0, 0))
    val few = new Array[Float](5000).updated(17, -3f).updated(4711, 1e-30f)
    assert(encoded(percent, few).length == 4 + 1 + 2 + 4)
    assert(roundTrip(percent, few).zipWithIndex.filter(_._1 != 0).map(_._2).toSeq == Seq(17, 4711))
  }

  test("what is not finite is sent first") {
    for (bad <- Seq(Float.NaN, Float.PositiveInfinity, Float.NegativeInfinity)) {
      val back = roundTrip(percent, gaussian(65536).updated(40000, bad))
      assert(!java.lang.Float.isFinite(back(40000)))
      assert(roundTrip(percent, Array.fill(1000)(bad)).count(!_.isFinite) == 10)
    }
  }

  test("the payload of two entries, byte by byte") {
    val values = new Array[Float](400).updated(1, 1f).updated(300, -2f)
    // 298 elements lie between: 0xaa 0x02; 1 and -2 in bfloat16: 0x3f80, 0xc000.
    assert(
      encoded(percent, values).toSeq ==
        Seq(2, 0, 0, 0, 1, 0xaa, 2, 0x80, 0x3f, 0, 0xc0).map(_.toByte)
    )
  }

  test("damaged payloads are refused with what is wrong") {
    def refused(bytes: Int*): String = {
      val payload = bytes.map(_.toByte).toArray
      intercept[DamagedPayloadException](decoded(percent, payload, 400)).getMessage
    }
    val start = "topk payload of 400 elements "
    assert(refused(2, 0, 0) == start + "has no number of entries that fits its 3 bytes")
    assert(refused(5, 0, 0, 0) == start + "has no number of entries that fits its 4 bytes")
    assert(refused(-1, -1, -1, -1) == start + "has no number of entries that fits its 4 bytes")
    assert(refused(2, 0, 0, 0, 1, 2) == start + "has no number of entries that fits its 6 bytes")
    assert(refused(1, 0, 0, 0, 0xff, 0, 0) == start + "ends in the place of entry 0")
    assert(refused(1, 0, 0, 0, 0x90, 3, 0, 0) == start + "has entry 0 behind its end")
    assert(refused(1, 0, 0, 0, 0, 0, 0, 0) == start + "has 1 bytes too many")
    assert(
      refused(Seq(1, 0, 0, 0) ++ Seq.fill(9)(0xff) ++ Seq(0, 0, 0): _*) ==
        start + "ends in the place of entry 0"
    )
  }

  test(
    "10,000 payloads of garbage, and of damage to good ones, are refused or decode within bounds"
  ) {
    val random = new SplittableRandom(17)
    var refused = 0
    for (i <- 1 to 10000) {
      val length = random.nextInt(3000)
      val bytes =
        if (i % 2 == 0) encoded(tenth, gaussian(length, i.toLong))
        else {
          val garbage = new Array[Byte](random.nextInt(400))
          random.nextBytes(garbage)
          for (b <- 1 until math.min(4, garbage.length)) garbage(b) = 0
          garbage
        }
      if (bytes.nonEmpty) bytes(random.nextInt(bytes.length)) = random.nextInt().toByte
      val target = Array.fill(length + 20)(42f)
      try tenth.decode(bytes, 0, bytes.length, target, 10, length)
      catch {
        case e: DamagedPayloadException =>
          refused += 1
          assert(e.getMessage.startsWith(s"topk payload of $length elements "))
      }
      assert((target.take(10) ++ target.takeRight(10)).forall(_ == 42f))
    }
    assert(refused > 4000 && refused < 10000)
  }

  test("the n-th largest is that of sorting, for all n, ties and order") {
    val random = new SplittableRandom(6)
    for (length <- 1 to 60; n <- 1 to length) {
      val values = length % 4 match {
        case 0 => Array.fill(length)(random.nextInt(5))
        case 1 => Array.range(0, length)
        case 2 => Array.range(0, length).reverse
        case _ => Array.fill(length)(random.nextInt())
      }
      assert(Selection.nthLargest(values.clone, n) == values.sorted.apply(length - n))
    }
  }

  test("shares outside of (0, 1] are refused") {
    for (share <- Seq(0, -1, 1.01, Double.NaN)) {
      val error = intercept[IllegalArgumentException](GradientCodec.topK(share))
      assert(error.getMessage == s"topk-share must be in (0, 1], got $share")
    }
    assert(roundTrip(GradientCodec.topK(1), gaussian(100)).forall(_ != 0))
  }
}
