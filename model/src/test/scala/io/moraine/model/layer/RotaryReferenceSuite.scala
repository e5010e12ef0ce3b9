package io.moraine.model.layer

import io.moraine.model.tensor.Torch
import org.bytedeco.pytorch.TensorOptions
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

/** Rotary positions against the published formulas, written down a second time in float64. */
class RotaryReferenceSuite extends AnyFunSuite {

  private val theta = 10000.0

  private def plain(dim: Int, theta: Double) =
    (0 until dim by 2).map(i => 1 / math.pow(theta, i.toDouble / dim))

  private def published(dim: Int, max: Int, c: YarnScaling): Seq[Double] = {
    val plain = this.plain(dim, theta)
    if (max <= c.originalSequenceLength) plain
    else {
      def find(rotations: Double) =
        dim * math.log(c.originalSequenceLength / (rotations * 2 * math.Pi)) /
          (2 * math.log(theta))
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
    test(s"YaRN's frequencies for dim $dim, maximum $max, original length $original") {
      val config = RotaryConfig.deepSeek(theta, original, 40, 32, 1, 1)
      val expected = published(dim, max, config.scaling.asInstanceOf[YarnScaling])
      for ((a, b) <- config.frequencies(dim, max).zip(expected))
        assert(math.abs(a - b) <= 1e-12 * math.abs(b))
    }

  test("YaRN corrects the softmax scale by (0.1 mscale_all_dim ln s + 1)^2, where it is used") {
    val yarn = new YarnScaling(64, 40, 32, 1, 0.707, 0.707)
    assert(yarn.softmaxCorrection(64) == 1 && yarn.magnitude(64) == 1)
    val expected = math.pow(0.1 * 0.707 * math.log(40) + 1, 2)
    assert(math.abs(yarn.softmaxCorrection(65) - expected) < 1e-12)
    assert(yarn.magnitude(65) == 1)
  }

  test("YaRN with two weights corrects rotated vectors by their ratio") {
    val both = new YarnScaling(64, 40, 32, 1, 1, 0.5)
    val ratio = (0.1 * math.log(40) + 1) / (0.05 * math.log(40) + 1)
    assert(math.abs(both.magnitude(65) - ratio) < 1e-12)
    val vectorsAlone = new YarnScaling(64, 40, 32, 1, 1, 0)
    assert(vectorsAlone.softmaxCorrection(65) == 1)
    assert(math.abs(vectorsAlone.magnitude(65) - (0.1 * math.log(40) + 1)) < 1e-12)
  }

  for ((factor, original) <- Seq(8.0 -> 8192, 32.0 -> 8192, 4.0 -> 16); dim <- Seq(8, 64, 128))
    test(s"Llama 3's frequencies for factor $factor, original length $original, dim $dim") {
      val (low, high) = (1.0, 4.0)
      val base = 500000.0
      val expected = plain(dim, base).map { frequency =>
        val wavelength = 2 * math.Pi / frequency
        if (wavelength < original / high) frequency
        else if (wavelength > original / low) frequency / factor
        else {
          val smooth = (original / wavelength - low) / (high - low)
          (1 - smooth) * frequency / factor + smooth * frequency
        }
      }
      val config = new RotaryConfig(
        base,
        RotaryConfig.Layout.HALVES,
        new Llama3Scaling(original, factor, low, high)
      )
      for ((a, b) <- config.frequencies(dim, 131072).zip(expected))
        assert(math.abs(a - b) <= 1e-12 * b)
    }

  for (layout <- RotaryConfig.Layout.values)
    test(s"$layout: pairs turn by position times frequency, in float64 a second time") {
      Torch.start(1)
      val dim = 6
      val length = 5
      val rotary = new Rotary(dim, 20, new RotaryConfig(theta, layout, new RotaryScaling.None))
      val values = Array.tabulate(length * 2 * dim)(i => math.sin(i * 1.7).toFloat)
      val x = torch.tensor(values, new TensorOptions(torch.ScalarType.Float))
      val turned = new Array[Float](values.length)
      rotary
        .rotate(x.view(1, length.toLong, 2, dim.toLong), 3)
        .contiguous
        .data_ptr_float
        .get(turned)
      for (position <- 0 until length; head <- 0 until 2; pair <- 0 until dim / 2) {
        val (i, j) = layout match {
          case RotaryConfig.Layout.INTERLEAVED => (2 * pair, 2 * pair + 1)
          case RotaryConfig.Layout.HALVES      => (pair, pair + dim / 2)
        }
        val at = (position * 2 + head) * dim
        val angle = (position + 3) * plain(dim, theta)(pair)
        val (a, b) = (values(at + i).toDouble, values(at + j).toDouble)
        assert(math.abs(turned(at + i) - (a * math.cos(angle) - b * math.sin(angle))) < 1e-6)
        assert(math.abs(turned(at + j) - (a * math.sin(angle) + b * math.cos(angle))) < 1e-6)
      }
      rotary.close()
    }
}
