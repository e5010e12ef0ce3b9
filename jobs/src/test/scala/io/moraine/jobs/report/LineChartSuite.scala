package io.moraine.jobs.report

import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class LineChartSuite extends AnyFunSuite {

  test("a falling line of five values is drawn from the top left to the bottom right") {
    assert(
      LineChart.draw(Array(4.0, 3.0, 2.0, 1.0, 0.0), 5, 5).asScala ==
        Seq(
          "    4.000 |*",
          "    3.000 | *",
          "    2.000 |  *",
          "    1.000 |   *",
          "    0.000 |    *"
        )
    )
  }

  test("more values than columns are averaged per column") {
    assert(
      LineChart.draw(Array(5.0, 3.0, 1.0, 1.0), 2, 2).asScala == Seq(
        "    4.000 |*",
        "    1.000 | *"
      )
    )
  }

  test("a constant line is drawn in the first row") {
    assert(LineChart.draw(Array(2.0, 2.0), 10, 2).asScala == Seq("    2.000 |**", "    1.000 |"))
  }
}
