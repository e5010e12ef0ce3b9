package io.moraine.jobs.figures

import io.moraine.jobs.config.ConfigException
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class LineGridSuite extends AnyFunSuite {

  private def lines(run: String, points: Seq[(Double, Any)]): LineGrid.Lines =
    LineGrid.Lines.of(run, points.map { case (x, y) => Row(x, y) }.asJava, 0, 1)

  /** Runs of y = 2 x + 1. */
  private def straight(run: String, xs: Seq[Int]): LineGrid.Lines =
    lines(run, xs.map(x => x.toDouble -> (2.0 * x + 1)))

  private def drawn(runs: LineGrid.Lines*): Map[String, Seq[(Double, Double)]] =
    LineGrid
      .points(runs.asJava)
      .asScala
      .toSeq
      .groupMap(_.run)(point => point.x -> point.values.get(0).doubleValue)

  /** No chart leaves anything out: every run has every x of all that is between its ends. */
  private def hasNoGaps(all: Map[String, Seq[(Double, Double)]]): Boolean = {
    val xs = all.values.flatten.map(_._1).toSeq.distinct.sorted
    all.values.forall { points =>
      val own = points.map(_._1)
      own == xs.filter(x => x >= own.head && x <= own.last) && own.size > 1
    }
  }

  test("one run, and runs whose x another one has, are drawn as they are") {
    val one = straight("one", 3 to 30 by 3)
    assert(drawn(one)("one") == (3 to 30 by 3).map(x => x.toDouble -> (2.0 * x + 1)))
    val both = drawn(one, straight("short", 3 to 15 by 3))
    assert(both("one").map(_._1) == (3 to 30 by 3).map(_.toDouble))
    assert(both("short").map(_._1) == (3 to 15 by 3).map(_.toDouble))
    val spread = drawn(one, straight("held out", Seq(12, 30)))
    assert(spread("held out").map(_._1) == (12 to 30 by 3).map(_.toDouble))
    assert(hasNoGaps(both) && hasNoGaps(spread))
  }

  test("runs that share no x have one grid, keep their ends, and lie on their lines") {
    val all = drawn(
      straight("a", 100 to 40000 by 100),
      straight("b", 64 to 25600 by 64),
      straight("c", Seq(7, 9)),
      straight("held out", 1000 to 39999 by 1300)
    )
    assert(hasNoGaps(all))
    assert(all("b").head._1 == 64 && all("b").last._1 == 25600, "it ends where its run does")
    assert(all("c").map(_._1).contains(7.0) && all("c").last._1 == 9)
    for ((x, y) <- all.values.flatten) assert(math.abs(y - (2 * x + 1)) < 1e-6)
    assert(all("a").size > 200 && all.values.map(_.size).sum <= 1000)
  }

  test("a line of a single point is level over one stretch: a point alone is not drawn") {
    assert(drawn(lines("a", Seq(50.0 -> 3.0)))("a") == Seq(0.0 -> 3.0, 50.0 -> 3.0))
    assert(drawn(lines("a", Seq(0.0 -> 3.0)))("a") == Seq(0.0 -> 3.0, 1.0 -> 3.0))
    val both = drawn(lines("a", Seq(50.0 -> 3.0)), straight("b", 10 to 90 by 20))
    assert(both("a") == Seq(30.0 -> 3.0, 50.0 -> 3.0) && hasNoGaps(both))
    assert(drawn(lines("a", Seq(10.0 -> 3.0)), straight("b", 10 to 90 by 20))("a").size == 2)
  }

  test("gaps within a line are bridged; beyond its ends it is not there; nothing makes nothing") {
    val points = Seq[(Double, Any)](1.0 -> null, 2.0 -> 4.0, 3.0 -> null, 4.0 -> 8.0, 5.0 -> null)
    val all = drawn(lines("a", points), straight("b", 1 to 5))
    assert(all("a") == Seq(2.0 -> 4.0, 3.0 -> 6.0, 4.0 -> 8.0))
    val columns = LineGrid.Lines.of(
      "a",
      Seq(Row(1L, 1.0, null), Row(2L, 2.0, 5.0), Row(3L, 3.0, 6.0)).asJava,
      0,
      1,
      2
    )
    val values = LineGrid.points(Seq(columns).asJava).asScala.map(_.values.asScala.toSeq)
    assert(values == Seq(Seq(1.0, null), Seq(2.0, 5.0), Seq(3.0, 6.0)))
    assert(drawn(lines("a", Seq(1.0 -> null))).isEmpty && drawn().isEmpty)
  }

  test("many runs stay within the rows that Zeppelin shows, none loses an end") {
    for (runs <- Seq(1, 2, 3, 10, 20)) {
      val made = (1 to runs).map(i => straight(s"run $i", (1 to 400).map(_ * (10 + i))))
      val all = drawn(made: _*)
      assert(all.values.map(_.size).sum <= 1000 && hasNoGaps(all), runs)
      for (i <- 1 to runs) {
        assert(all(s"run $i").head._1 == 10 + i && all(s"run $i").last._1 == 400 * (10 + i))
      }
    }
    val thrown = intercept[ConfigException](
      drawn((1 to 40).map(i => straight(s"run $i", Seq(i, 1000 + i))): _*)
    )
    assert(
      thrown.getMessage ==
        "40 runs are too many for one chart: Zeppelin shows 1,000 rows. Look at fewer at once."
    )
  }
}
