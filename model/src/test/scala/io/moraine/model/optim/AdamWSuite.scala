package io.moraine.model.optim

import java.util.SplittableRandom
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
    val schedule = new LearningRateSchedule(1e-3, 1e-4, 10, 110)
    assert(math.abs(schedule.at(1) - 1e-4) < 1e-12)
    assert(schedule.at(10) == 1e-3)
    assert(math.abs(schedule.at(60) - 5.5e-4) < 1e-12)
    assert(math.abs(schedule.at(110) - 1e-4) < 1e-12)
    assert(math.abs(schedule.at(1000) - 1e-4) < 1e-12)
  }

  test("settings out of range are refused with their values") {
    val error = intercept[IllegalArgumentException](new AdamW.Config(0.9, 1, 1e-8, 0))
    assert(error.getMessage == "beta1 and beta2 must be in [0, 1), got 0.9 and 1.0")
  }
}
