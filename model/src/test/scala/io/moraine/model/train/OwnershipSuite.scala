package io.moraine.model.train

import io.moraine.model.collective.Buckets
import io.moraine.model.tensor.{FlatBuffer, Slice}
import java.util.{List => JList}
import org.scalatest.funsuite.AnyFunSuite

class OwnershipSuite extends AnyFunSuite {

  /** A buffer that nobody reads. */
  private class Layout(parameters: Slice*) extends FlatBuffer {
    override val slices: JList[Slice] = JList.of(parameters: _*)
    override def length: Long = {
      val last = parameters.last
      (last.offsetElements + last.length + 255) / 256 * 256
    }
    override def get(from: Long, dst: Array[Float], offset: Int, count: Int): Unit = fail()
    override def put(to: Long, src: Array[Float], offset: Int, count: Int): Unit = fail()
  }

  private def ownership(layout: Layout, ranks: Int, rank: Int): Ownership = Ownership.of(
    RankParameters.whole(layout.slices),
    layout,
    Buckets.of(layout.length, ranks, FlatBuffer.ALIGNMENT, 1 << 24),
    rank
  )

  test("a rank that would own 2^31 parameters or more is refused in a line, two share them") {
    val layout = new Layout(new Slice("a", 0, JList.of(3L << 20, 1024L)))
    val error = intercept[IllegalArgumentException](ownership(layout, 1, 0))
    assert(
      error.getMessage == "rank 0 of 1 would own 3,221,225,472 parameters, and a rank owns at most 2,147,483,392. Use more ranks."
    )
    val shared = (0 until 2).map(ownership(layout, 2, _))
    assert(shared.map(_.size.toLong).sum == layout.length)
    val most = new Layout(new Slice("a", 0, JList.of(2147483392L)))
    assert(ownership(most, 1, 0).size == 2147483392)
  }

  test("elements of slices are found with the padding behind them, and no others") {
    val matrix = new Slice("m", 256, JList.of(2L, 150L))
    val layout = new Layout(
      new Slice("n", 0, JList.of(10L)),
      matrix,
      new Slice("o", 768, JList.of(7L))
    )
    val in = ownership(layout, 1, 0).in(JList.of(matrix))
    assert(in.toSeq == Seq.tabulate(1024)(i => i >= 256 && i < 768))
  }
}
