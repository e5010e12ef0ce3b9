package io.moraine.pipeline.lsh

import org.scalatest.funsuite.AnyFunSuite

class BandingSuite extends AnyFunSuite {

  test("the bandings that other toolkits choose for a threshold and a number of components") {
    for (
      (threshold, components, bands, rows) <- Seq(
        (0.7, 256, 25, 10),
        (0.7, 250, 25, 10),
        (0.7, 128, 14, 9),
        (0.8, 128, 9, 13),
        (0.9, 128, 5, 25),
        (0.7, 240, 24, 10)
      )
    )
      assert(Banding.leastError(threshold, components) == new Banding(bands, rows))
  }

  test("published bandings find what their S-curve says") {
    for (
      (bands, rows, similarity, probability) <- Seq(
        (14, 8, 0.7, 0.565),
        (20, 13, 0.8, 0.677),
        (9, 13, 0.8, 0.399),
        (25, 10, 0.75, 0.765)
      )
    )
      assert(
        math.abs(
          new Banding(bands, rows).collisionProbability(similarity) - probability
        ) < 5e-4
      )
  }

  test("for a recall: enough bands, no more rows would do, one band less would not") {
    for (threshold <- Seq(0.5, 0.7, 0.9); recall <- Seq(0.9, 0.99, 0.999)) {
      val banding = Banding.forRecall(threshold, recall, 32)
      assert(banding.bands <= 32 && banding.collisionProbability(threshold) >= recall)
      if (banding.bands > 1)
        assert(
          new Banding(banding.bands - 1, banding.rowsPerBand)
            .collisionProbability(threshold) < recall
        )
      assert(
        new Banding(32, banding.rowsPerBand + 1).collisionProbability(threshold) < recall
      )
    }
    assert(Banding.forRecall(0.7, 0.99, 32) == new Banding(26, 5))
  }

  test("a recall that cannot be had is refused") {
    val error = intercept[IllegalArgumentException](Banding.forRecall(0.5, 0.999, 2))
    assert(error.getMessage.startsWith("no 2 bands find pairs of similarity 0.5"))
    assert(
      intercept[IllegalArgumentException](Banding.forRecall(1.5, 0.9, 32)).getMessage ==
        "threshold must be in (0, 1), got 1.5"
    )
  }
}
