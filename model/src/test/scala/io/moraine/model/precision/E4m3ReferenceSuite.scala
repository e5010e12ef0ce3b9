package io.moraine.model.precision

import java.lang.Float.{floatToRawIntBits, intBitsToFloat}
import java.util.SplittableRandom
import org.bytedeco.pytorch.TensorOptions
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

class E4m3ReferenceSuite extends AnyFunSuite {
  import RoundedNumbers._

  private def rounded(values: Seq[Float]): Seq[Float] = scoped {
    matrix(E4m3.round(tensor(Array(values.toArray)))).head.toSeq
  }

  private def bits(values: Seq[Float]): Seq[Int] = values.map(floatToRawIntBits)

  test("the table has 126 positive values, 2^-9 to 448, and its known places") {
    assert(positive.size == 127 && positive == positive.sorted)
    assert(positive(1) == 1.0 / 512 && positive.last == 448)
    assert(positive(7) == 7.0 / 512 && positive(8) == 1.0 / 64)
    assert(positive(0x38) == 1 && positive(0x39) == 1.125)
    assert(e4m3(0x7f).isNaN && e4m3(0xff).isNaN && e4m3(0xfe) == -448)
  }

  test("libtorch decodes all 256 bytes as the table does") {
    val decoded = scoped {
      matrix(
        torch
          .arange(
            new org.bytedeco.pytorch.Scalar(256),
            new TensorOptions(torch.ScalarType.Int)
          )
          .to(torch.ScalarType.Byte)
          .view(torch.ScalarType.Float8_e4m3fn)
          .to(torch.ScalarType.Float)
          .view(1L, 256L)
      ).head
    }
    for (i <- 0 until 256) {
      val expected = e4m3(i)
      assert(decoded(i).toDouble == expected || decoded(i).isNaN && expected.isNaN, i)
    }
  }

  test("all 254 finite values stay as they are, the two zeros apart") {
    val values = (0 until 256).map(e4m3).filterNot(_.isNaN).map(_.toFloat)
    assert(values.size == 254)
    assert(bits(rounded(values)) == bits(values))
  }

  test("midpoints go to the even mantissa, a bit beside them to the nearer value") {
    for (i <- 0 until 126; sign <- Seq(1f, -1f)) {
      val (below, above) = (positive(i).toFloat, positive(i + 1).toFloat)
      val middle = ((positive(i) + positive(i + 1)) / 2).toFloat
      val even = if (i % 2 == 0) below else above
      val beside = Seq(math.nextAfter(middle, 0.0), middle, math.nextUp(middle)).map(_ * sign)
      assert(rounded(beside) == Seq(below, even, above).map(_ * sign), s"between $below and $above")
    }
  }

  test("what lies beyond 448 becomes 448, infinity too; NaN stays NaN") {
    val beyond = Seq(448.001f, 463.9f, 464f, 464.1f, 480f, 1e4f, 3e38f, Float.PositiveInfinity)
    assert(rounded(beyond).forall(_ == 448f))
    assert(rounded(beyond.map(-_)).forall(_ == -448f))
    assert(rounded(Seq(Float.NaN)).head.isNaN)
  }

  test("half of the smallest value and less becomes zero, with its sign") {
    val tiny = Seq(1f / 1024, 1e-4f, 1e-30f, Float.MinPositiveValue)
    assert(bits(rounded(tiny)) == bits(tiny.map(_ => 0f)))
    assert(bits(rounded(tiny.map(-_))) == bits(tiny.map(_ => -0f)))
    assert(rounded(Seq(math.nextUp(1f / 1024))) == Seq(1f / 512))
  }

  test("200,000 random bit patterns round as the nearest of all values, found by looking at each") {
    val random = new SplittableRandom(1)
    val any = Seq.fill(100000)(intBitsToFloat(random.nextInt())).filterNot(_.isNaN)
    val usual = Seq.fill(100000)(
      ((random.nextDouble() - 0.5) * math.pow(2, random.nextInt(-12, 11).toDouble)).toFloat
    )
    val values = (any ++ usual).toVector
    val expected = bits(values.map(toE4m3))
    val wrong = bits(rounded(values)).zip(expected).indexWhere { case (a, b) => a != b }
    assert(wrong < 0, values.lift(wrong))
  }
}
