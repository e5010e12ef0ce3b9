package io.moraine.model.data

import org.scalatest.funsuite.AnyFunSuite

class StepSizesSuite extends AnyFunSuite {

  test("without a ramp every step has as many sequences") {
    val sizes = StepSizes.constant(7)
    assert((1L to 5L).map(sizes.of(_)) == Seq.fill(5)(7))
    assert(sizes.through(0) == 0 && sizes.through(1000000000000L) == 7000000000000L)
  }

  test("a step of the ramp has as many as the sequences before it say, by hand") {
    val sizes = StepSizes.ramp(2, 10, 40)
    // 2; 2 + 8 * 2 / 40 = 2; 2 + 8 * 4 / 40 = 2; 2 + 8 * 6 / 40 = 3; then 9, 12, 16, 21, 27, 34 before.
    assert((1L to 12L).map(sizes.of(_)) == Seq(2, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 10))
    assert(sizes.through(10) == 42 && sizes.through(12) == 62)
  }

  test("DeepSeek-V3's ramp: from 3,072 to 15,360 sequences in the time of a logarithm") {
    val ramp = 469000000000L / 4096
    val sizes = StepSizes.ramp(3072, 15360, ramp)
    val steps = math.log(5) * ramp / (15360 - 3072)
    val end = Iterator.from(1).map(_.toLong).dropWhile(sizes.of(_) < 15360).next()
    assert(math.abs(end / steps - 1) < 1e-3)
    assert(sizes.of(1) == 3072 && sizes.of(end - 1) < 15360 && sizes.of(end + 100000) == 15360)
    assert((1L until end).forall(step => sizes.of(step) <= sizes.of(step + 1)))
    assert(sizes.through(end - 1) >= ramp && sizes.through(end - 2) < ramp)
  }

  test("a ramp that begins above its end is refused") {
    val error = intercept[IllegalArgumentException](StepSizes.ramp(5, 4, 10))
    assert(
      error.getMessage == "a ramp begins in [1, 4] and is not negative, got 5 over 10 sequences"
    )
  }
}
