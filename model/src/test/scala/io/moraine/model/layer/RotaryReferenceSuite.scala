package io.moraine.model.layer

import org.scalatest.funsuite.AnyFunSuite

/** YaRN's frequencies against the published formula, written down a second time in float64. */
class RotaryReferenceSuite extends AnyFunSuite {

  private def published(dim: Int, max: Int, c: RotaryConfig): Seq[Double] = {
    val plain = (0 until dim by 2).map(i => 1 / math.pow(c.theta, i.toDouble / dim))
    if (max <= c.originalSequenceLength) plain
    else {
      def find(rotations: Double) =
        dim * math.log(c.originalSequenceLength / (rotations * 2 * math.Pi)) /
          (2 * math.log(c.theta))
      val low = math.max(math.floor(find(c.betaFast)), 0)
      val high = math.min(math.ceil(find(c.betaSlow)), dim - 1)
      val top = if (low == high) high + 0.001 else high
      plain.zipWithIndex.map { case (frequency, i) =>
        val smooth = 1 - math.min(1, math.max(0, (i - low) / (top - low)))
        frequency / c.factor * (1 - smooth) + frequency * smooth
      }
    }
  }

  for (dim <- Seq(2, 8, 64); max <- Seq(64, 4096, 16384); original <- Seq(64, 4096))
    test(s"frequencies for dim $dim, maximum $max, original length $original") {
      val config = new RotaryConfig(10000, original, 40, 32, 1, 1)
      for ((a, b) <- Rotary.frequencies(dim, max, config).zip(published(dim, max, config)))
        assert(math.abs(a - b) <= 1e-12 * math.abs(b))
    }

  test("the softmax scale is corrected by (0.1 mscale ln 40 + 1)^2 with YaRN alone") {
    val config = new RotaryConfig(10000, 64, 40, 32, 1, 1)
    assert(config.softmaxCorrection(64) == 1)
    assert(math.abs(config.softmaxCorrection(65) - math.pow(0.1 * math.log(40) + 1, 2)) < 1e-12)
  }
}
