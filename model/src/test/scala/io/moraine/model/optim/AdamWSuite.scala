package io.moraine.model.optim

import io.moraine.model.optim.LearningRateSchedule.{Phase, Shape}
import java.util.{List => JList, SplittableRandom}
import org.scalatest.funsuite.AnyFunSuite

class AdamWSuite extends AnyFunSuite {

  test("two steps on one weight give the closed form") {
    val adam = new AdamW(new AdamW.Config(0.9, 0.95, 1e-8, 0.1), Array(true))
    val weights = Array(1f)
    adam.update(1, 0.1, weights, Array(0.5f), 1)
    // First step: m/(1-b1) = g, sqrt(v/(1-b2)) = |g|: the step is the learning rate.
    assert(math.abs(weights(0) - (1 * 0.99 - 0.1)) < 1e-6)
    adam.update(2, 0.1, weights, Array(-0.25f), 1)
    val m = (0.9 * 0.05 - 0.1 * 0.25) / (1 - 0.81)
    val v = (0.95 * 0.05 * 0.25 + 0.05 * 0.0625) / (1 - 0.9025)
    assert(math.abs(weights(0) - (0.89 * 0.99 - 0.1 * m / math.sqrt(v))) < 1e-6)
  }

  test("a hundred steps agree with the rule written in float64, decay only where asked") {
    val random = new SplittableRandom(1)
    val decays = Array.tabulate(50)(_ % 2 == 0)
    val adam = new AdamW(new AdamW.Config(0.9, 0.99, 1e-8, 0.2), decays)
    val weights = Array.fill(50)(random.nextGaussian().toFloat)
    val reference = weights.map(_.toDouble)
    val m = new Array[Double](50)
    val v = new Array[Double](50)
    for (step <- 1 to 100) {
      val gradients = Array.fill(50)(random.nextGaussian().toFloat)
      adam.update(step, 0.01, weights, gradients, 0.5)
      for (i <- 0 until 50) {
        val g = gradients(i) * 0.5
        m(i) = 0.9 * m(i) + 0.1 * g
        v(i) = 0.99 * v(i) + 0.01 * g * g
        val decayed = if (decays(i)) reference(i) * (1 - 0.01 * 0.2) else reference(i)
        val root = math.sqrt(v(i) / (1 - math.pow(0.99, step))) + 1e-8
        reference(i) = decayed - 0.01 * m(i) / (1 - math.pow(0.9, step)) / root
      }
    }
    for (i <- 0 until 50) assert(math.abs(weights(i) - reference(i)) < 1e-4)
  }

  test("the schedule rises to the peak, is half way down in the middle and ends at the floor") {
    val schedule = LearningRateSchedule.cosine(1e-3, 1e-4, 10)
    def at(step: Long): Double = schedule.at(step, _ / 110.0)
    assert(math.abs(at(1) - 1e-4) < 1e-12)
    assert(at(10) == 1e-3)
    assert(math.abs(at(60) - 5.5e-4) < 1e-12)
    assert(math.abs(at(110) - 1e-4) < 1e-12)
  }

  test("without phases the peak stays behind the warm-up") {
    val schedule = new LearningRateSchedule(1e-3, 4, JList.of())
    assert(
      Seq(1L, 2L, 4L, 5L, 100L).map(schedule.at(_, _ / 100.0)) == Seq(2.5e-4, 5e-4, 1e-3, 1e-3,
        1e-3)
    )
  }

  test("phases follow each other at their shares: constant, cosine, two constants") {
    val schedule = new LearningRateSchedule(
      2.2e-4,
      20,
      JList.of(
        new Phase(10000, Shape.CONSTANT, 2.2e-4),
        new Phase(4300, Shape.COSINE, 2.2e-5),
        new Phase(333, Shape.CONSTANT, 2.2e-5),
        new Phase(167, Shape.CONSTANT, 7.3e-6)
      )
    )
    // A step of ten billion tokens.
    def at(step: Long): Double = schedule.at(step, _ / 1480.0)
    assert(math.abs(at(10) - 1.1e-4) < 1e-16)
    assert(at(20) == 2.2e-4 && at(21) == 2.2e-4 && at(1000) == 2.2e-4)
    assert(math.abs(at(1215) - (2.2e-4 + 2.2e-5) / 2) < 1e-12)
    assert(math.abs(at(1001) - 2.2e-4) < 3e-9 && at(1001) < 2.2e-4)
    assert(math.abs(at(1430) - 2.2e-5) < 1e-15)
    assert(at(1431) == 2.2e-5 && at(1463) == 2.2e-5)
    assert(at(1464) == 7.3e-6 && at(1480) == 7.3e-6)
  }

  test("a schedule that makes no sense is refused with its values") {
    def refused(make: => Any): String = intercept[IllegalArgumentException](make).getMessage
    assert(
      refused(new LearningRateSchedule(0, 1, JList.of())) == "peak must be positive, got 0.0"
    )
    assert(
      refused(new LearningRateSchedule(1, -1, JList.of())) ==
        "warm-up-steps must be at least 0, got -1"
    )
    assert(
      refused(new Phase(0, Shape.COSINE, 1)) ==
        "length must be positive and rate not negative, got 0.0 and 1.0"
    )
    assert(
      refused(new Phase(1, Shape.COSINE, -1)) ==
        "length must be positive and rate not negative, got 1.0 and -1.0"
    )
  }

  test("settings out of range are refused with their values") {
    val error = intercept[IllegalArgumentException](new AdamW.Config(0.9, 1, 1e-8, 0))
    assert(error.getMessage == "beta1 and beta2 must be in [0, 1), got 0.9 and 1.0")
  }
}
