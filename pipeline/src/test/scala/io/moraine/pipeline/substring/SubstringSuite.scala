package io.moraine.pipeline.substring

import io.moraine.pipeline.SeededProperties
import io.moraine.pipeline.hash.Mix64
import io.moraine.pipeline.text.WordRange
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class SubstringSuite extends AnyFunSuite with SeededProperties {

  private val words = Gen.listOf(Gen.choose(1L, 3L)).map(_.map(w => Mix64.murmurFinal(w)))

  test("equal windows have their anchor in the same place and with the same hash") {
    forEvery(Gen.zip(words, Gen.choose(2, 7)), 300) { case (sequence, n) =>
      val anchors = Anchors.of(sequence.toArray, n)
      assert(anchors.windows == math.max(0, sequence.size - n + 1))
      val windows = sequence.sliding(n).toSeq
      for (i <- 0 until anchors.windows) {
        assert(anchors.ofWindow(i) >= i && anchors.ofWindow(i) + (n + 1) / 2 <= i + n)
        for (j <- 0 until i if windows(i) == windows(j)) {
          assert(anchors.ofWindow(i) - i == anchors.ofWindow(j) - j)
          assert(anchors.hash(anchors.ofWindow(i)) == anchors.hash(anchors.ofWindow(j)))
        }
      }
      assert(anchors.distinct.toSeq == (0 until anchors.windows).map(anchors.ofWindow).distinct)
    }
  }

  test("of distinct words about one in n / 4 is an anchor") {
    val distinct = Array.tabulate(100000)(i => Mix64.murmurFinal(i.toLong))
    val share = Anchors.of(distinct, 50).distinct.length / 1e5
    assert(share > 0.06 && share < 0.09, share)
  }

  test("a run takes its own words, but never those of the first copy it overlaps") {
    assert(new CopyRun(10, 3, "a", 2, false).region(4) == new WordRange(10, 16))
    assert(new CopyRun(10, 3, "a", 2, true).region(4) == new WordRange(10, 16))
    assert(new CopyRun(10, 3, "a", 8, true).region(4) == new WordRange(12, 16))
  }

  test("only copies whose first window keeps all its words are left of a run") {
    val run = new CopyRun(100, 10, "a", 0, false)
    def starts(regions: (Int, Int)*): Seq[Int] =
      run
        .whoseFirstsAvoid(regions.map { case (a, b) => new WordRange(a, b) }.asJava, 3)
        .asScala
        .toSeq
        .flatMap(part => part.start until part.start + part.windows)
    assert(starts() == (100 until 110))
    assert(starts(0 -> 12).isEmpty)
    assert(starts(4 -> 6) == Seq(100, 101, 106, 107, 108, 109))
    assert(starts(1 -> 2, 9 -> 10) == Seq(102, 103, 104, 105, 106))
    assert(starts(12 -> 20, 30 -> 31) == (100 until 110))
  }

  test("cut spans cover every word of the runs once and are the fewest that can") {
    val copies = (1 to 8).map(i => new CopyRun(i, 1, "a", 0, true)) :+
      new CopyRun(20, 2, "b", 5, false)
    val spans = CutSpan.of(copies.asJava, 3).asScala.toSeq
    assert(
      spans == Seq(
        new CutSpan(new WordRange(3, 6), "a", 0),
        new CutSpan(new WordRange(6, 9), "a", 0),
        new CutSpan(new WordRange(9, 11), "a", 1),
        new CutSpan(new WordRange(20, 24), "b", 5)
      )
    )
  }

  test("settings out of range are refused with rule and value") {
    val n = intercept[IllegalArgumentException](new SubstringConfig(1, 5))
    assert(n.getMessage == "min-words must be in [2, 1000], got 1")
    val passes = intercept[IllegalArgumentException](new SubstringConfig(50, 0))
    assert(passes.getMessage == "max-passes must be in [1, 1000], got 0")
  }
}
