package io.moraine.model.precision

import io.moraine.model.tensor.Torch
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.global.torch
import org.bytedeco.pytorch.{Tensor, TensorOptions}

/** E4M3, bfloat16 and tiles in plain arithmetic, from their definitions. */
object RoundedNumbers {

  /** The value of 8 bits; NaN for all ones. */
  def e4m3(bits: Int): Double = {
    val sign = if ((bits & 0x80) != 0) -1.0 else 1.0
    val exponent = (bits >> 3) & 0xf
    val mantissa = bits & 7
    if (exponent == 15 && mantissa == 7) Double.NaN
    else if (exponent == 0) sign * mantissa * math.pow(2, -9)
    else sign * (8 + mantissa) * math.pow(2, exponent - 10.0)
  }

  /** Those from 0 on, ascending: the i-th has the bits i. */
  val positive: IndexedSeq[Double] = (0 until 127).map(e4m3)

  private val table = positive.toArray

  /** The nearest value, of two equally near ones that with an even mantissa; at most 448. */
  def toE4m3(x: Float): Float =
    if (x.isNaN) x
    else {
      val size = math.min(math.abs(x.toDouble), table.last)
      var nearest = 0
      var i = 1
      while (i < table.length) {
        val closer = math.abs(table(nearest) - size) - math.abs(table(i) - size)
        if (closer > 0 || closer == 0 && i % 2 == 0) nearest = i
        i += 1
      }
      math.copySign(table(nearest), x.toDouble).toFloat
    }

  /** The nearest bfloat16, ties to even. */
  def toBf16(x: Double): Float = {
    val bits = java.lang.Float.floatToRawIntBits(x.toFloat)
    val rounded = bits + 0x7fff + ((bits >>> 16) & 1)
    java.lang.Float.intBitsToFloat(rounded & 0xffff0000)
  }

  type Matrix = Array[Array[Float]]

  /** E4M3 times its tile's scale; tiles of height x width. */
  def tiled(m: Matrix, height: Int, width: Int): Matrix = {
    val result = m.map(_.clone())
    for (top <- m.indices by height; left <- m(0).indices by width) {
      val rows = top until math.min(top + height, m.length)
      val columns = left until math.min(left + width, m(0).length)
      var largest = 0f
      for (i <- rows; j <- columns) largest = math.max(largest, math.abs(m(i)(j)))
      val scale = if (largest / 448f == 0) 1f else largest / 448f
      for (i <- rows; j <- columns) result(i)(j) = toE4m3(m(i)(j) / scale) * scale
    }
    result
  }

  /** The product in float64, and the sum of its terms' sizes. */
  def product(a: Matrix, b: Matrix): (Array[Array[Double]], Array[Array[Double]]) = {
    val columns = b.transpose
    def sums(term: (Float, Float) => Double) =
      a.map { row =>
        columns.map { column =>
          var sum = 0.0
          for (i <- row.indices) sum += term(row(i), column(i))
          sum
        }
      }
    (sums(_.toDouble * _), sums((x, y) => math.abs(x.toDouble * y)))
  }

  def tensor(m: Matrix): Tensor = {
    Torch.start(1)
    torch
      .tensor(m.flatten, new TensorOptions(torch.ScalarType.Float))
      .view(m.length.toLong, m(0).length.toLong)
  }

  def matrix(t: Tensor): Matrix = {
    val values = new Array[Float](t.numel.toInt)
    t.contiguous.data_ptr_float.get(values)
    values.grouped(t.size(1).toInt).toArray
  }

  def scoped[T](work: => T): T = {
    Torch.start(1)
    val scope = new PointerScope()
    try work
    finally scope.close()
  }
}
