package io.moraine.model.checkpoint

import io.moraine.model.checkpoint.Ranges.Range
import java.util.{List => JList}
import org.scalatest.funsuite.AnyFunSuite

class RangesSuite extends AnyFunSuite {

  private def ranges(bounds: (Long, Long)*): Ranges =
    new Ranges(JList.of(bounds.map { case (from, to) => new Range(from, to) }: _*))

  /** An array whose elements say where in the whole they stand. */
  private def places(ranges: Ranges): Array[Float] =
    ranges.list.toArray(Array.empty[Range]).flatMap(r => (r.from until r.to).map(_.toFloat))

  test("what both have is copied to its place, whatever the order; the rest stays") {
    val src = ranges((8, 12), (0, 3), (20, 30))
    val dst = ranges((25, 32), (2, 9))
    val values = Array.fill(14)(-1f)
    src.copy(places(src), values, dst)
    val expected = places(dst).map { place =>
      val has = place >= 8 && place < 12 || place < 3 || place >= 20 && place < 30
      if (has) place else -1f
    }
    assert(values.toSeq == expected.toSeq)
    assert(src.meet(dst) && !src.meet(ranges((3, 8), (12, 20))))
  }

  test("they are written and read back; neighbours are one range") {
    val written = ranges((0, 256), (256, 512), (1024, 2048))
    assert(written.written == "0-512 1024-2048")
    assert(Ranges.parse(written.written) == written)
    assert(Ranges.parse("") == Ranges.of(5, 5) && Ranges.of(5, 5).list.isEmpty)
    for (bad <- Seq("0", "5-5", "7-3", "a-b"))
      intercept[IllegalArgumentException](Ranges.parse(bad))
  }

  test("a checkpoint whose ranges leave something out, or have it twice, has no state") {
    def state(ranks: Ranges*) =
      new Checkpoint.State(
        512,
        2,
        0,
        "digest",
        JList.of(),
        JList.of(ranks: _*),
        Checkpoint.History.EMPTY,
        null,
        0
      )
    assert(state(ranges((256, 512)), ranges((0, 256))).ranges.size == 2)
    assert(state().ranges.isEmpty)
    for (
      bad <- Seq(
        Seq(ranges((0, 512))),
        Seq(ranges((0, 256)), ranges((257, 512))),
        Seq(ranges((0, 256)), ranges((128, 512))),
        Seq(ranges((0, 256)), ranges((256, 600)))
      )
    ) {
      val error = intercept[IllegalArgumentException](state(bad: _*))
      assert(error.getMessage == "the ranges of 2 ranks do not make up 512 parameters")
    }
  }
}
