package io.moraine.model.tensor

import java.util.List
import org.scalatest.funsuite.AnyFunSuite

class SliceSuite extends AnyFunSuite {

  test("a slice of shape (3, 5) has 15 elements") {
    assert(new Slice("w", 256, List.of(3L, 5L)).length == 15)
  }

  test("a slice that starts inside a block is rejected with its name and offset") {
    val error =
      intercept[IllegalArgumentException](new Slice("layers.0.w", 100, List.of(3L)))
    assert(error.getMessage == "slice layers.0.w must start at a multiple of 256, got 100")
  }
}
