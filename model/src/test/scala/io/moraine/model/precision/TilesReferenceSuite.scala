package io.moraine.model.precision

import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

class TilesReferenceSuite extends AnyFunSuite {
  import RoundedNumbers._

  private val sizes =
    Seq((1, 1), (3, 128), (5, 129), (130, 300), (200, 96), (128, 128), (257, 384), (1, 1000))

  /** Normal values, each tile of another size. */
  private def random(rows: Int, columns: Int, seed: Long): Matrix = {
    val random = new SplittableRandom(seed)
    val size = Array.fill(rows / 128 + 1, columns / 128 + 1)(
      math.pow(10, random.nextInt(-6, 4).toDouble)
    )
    Array.tabulate(rows, columns)((i, j) =>
      (random.nextGaussian() * size(i / 128)(j / 128)).toFloat
    )
  }

  private def same(ours: Matrix, expected: Matrix): Unit =
    for ((a, b) <- ours.zip(expected); (x, y) <- a.zip(b))
      assert(java.lang.Float.floatToRawIntBits(x) == java.lang.Float.floatToRawIntBits(y))

  private def ofRows(m: Matrix) = scoped(matrix(Tiles.ofRows(tensor(m))))
  private def ofBlocks(m: Matrix) = scoped(matrix(Tiles.ofBlocks(tensor(m))))

  for ((rows, columns) <- sizes)
    test(s"$rows x $columns: tiles of 1 x 128 and 128 x 128 equal a plain loop's, bit for bit") {
      val m = random(rows, columns, rows.toLong * columns)
      same(ofRows(m), tiled(m, 1, 128))
      same(ofBlocks(m), tiled(m, 128, 128))
    }

  test("a transposed matrix gets its tiles along the other dimension") {
    val m = random(200, 130, 7)
    same(scoped(matrix(Tiles.ofRows(tensor(m).t()))), tiled(m, 128, 1).transpose)
  }

  test("each value is off by at most 2^-4 of itself or half a step at the tile's bottom") {
    val m = random(64, 256, 3)
    for ((row, rounded) <- m.zip(ofRows(m)); left <- Seq(0, 128)) {
      val scale = row.slice(left, left + 128).map(math.abs).max / 448
      for (j <- left until left + 128)
        assert(math.abs(row(j) - rounded(j)) <= math.abs(row(j)) / 16 * 1.0001 + scale / 1024)
    }
  }

  test("a tile of zeros stays zero; one so small that its scale vanishes becomes zero") {
    val m = Array.tabulate(2, 256)((i, j) => if (j < 128) 0f else if (i == 0) 1e-44f else 3f)
    assert(ofRows(m).map(_.toSeq).toSeq == Seq(Seq.fill(256)(0f), m(1).toSeq))
  }

  test("an outlier costs its own tile alone; NaN and infinity make their own tile NaN") {
    val m = random(2, 384, 5)
    val before = ofRows(m)
    for (bad <- Seq(1e30f, Float.NaN, Float.PositiveInfinity)) {
      val changed = m.map(_.clone())
      changed(0)(200) = bad
      val after = ofRows(changed)
      for (i <- 0 until 2; j <- 0 until 384 if i == 1 || j / 128 != 1)
        assert(after(i)(j) == before(i)(j))
      val tile = after(0).slice(128, 256)
      if (bad == 1e30f) assert(tile.count(_ == 0) == 127) else assert(tile.forall(_.isNaN))
    }
  }
}
