package io.moraine.model.reduction

import io.moraine.model.collective.{Buckets, Ranks}
import io.moraine.model.tensor.Slice
import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class PowerSgdSuite extends AnyFunSuite {

  import PowerSgdSuite._

  /** A step's gradients by rank, then what comes of them. */
  private case class Step(sum: Array[Float], states: Seq[Map[String, Array[Float]]])

  /** Runs steps on as many ranks as the gradients are for. */
  private def run(
      slices: Seq[Slice],
      config: ReductionConfig,
      steps: Seq[Seq[Array[Float]]]
  ): Seq[Step] = {
    val worldSize = steps.head.size
    val length = ReductionConfig.length(slices.asJava)
    val results = Ranks
      .run(worldSize) { communicator =>
        val layout = Buckets.of(length, worldSize, 256, length)
        var own = new Array[Float](0)
        val reader: Gradients =
          (from, dst, offset, count) => System.arraycopy(own, from.toInt, dst, offset, count)
        val reduction = GradientReduction.of(config, communicator, layout, slices.asJava, reader, 7)
        steps.map { gradients =>
          own = gradients(communicator.rank)
          val shard = Array.fill(layout.size(communicator.rank))(42f)
          reduction.reduce(0, OwnedGradients.of(shard))
          (shard, reduction.state.asScala.map(t => t.name -> t.values.clone).toMap)
        }
      }
      .map(_.get)
    steps.indices.map(s => Step(results.flatMap(_(s)._1).toArray, results.map(_(s)._2)))
  }

  private def rank(r: Int, feedback: Boolean = true) = new ReductionConfig.PowerSgd(r, feedback)

  private def slice(name: String, offset: Long, shape: Long*) =
    new Slice(name, offset, shape.map(Long.box).asJava)

  private def matrixOnly(rows: Int, columns: Int) = Seq(slice("m", 0, rows.toLong, columns.toLong))

  private def padded(values: Array[Float]): Array[Float] =
    values ++ new Array[Float]((256 - values.length % 256) % 256)

  private def distance(a: Array[Float], b: Array[Float]): Double =
    math.sqrt(a.zip(b).map { case (x, y) => math.pow(x.toDouble - y, 2) }.sum)

  private def norm(a: Array[Float]) = distance(a, new Array[Float](a.length))

  for (r <- Seq(1, 2, 4))
    test(s"a matrix of rank $r is exact in rank $r, from the first step on") {
      val m = padded(withSingularValues(60, 40, Seq(5.0, 2.0, 0.7, 0.3).take(r), seed = 3))
      for (step <- run(matrixOnly(60, 40), rank(r), Seq.fill(5)(Seq(m))))
        assert(distance(step.sum, m) < 1e-5 * norm(m))
    }

  test("a matrix of rank 1 is exact in rank 4 too, and when it then gets rank 3") {
    val low = padded(withSingularValues(60, 40, Seq(5.0), seed = 3))
    val high = padded(withSingularValues(60, 40, Seq(4.0, 2.0, 1.0), seed = 4))
    val steps = run(matrixOnly(60, 40), rank(4), Seq.fill(3)(Seq(low)) ++ Seq.fill(3)(Seq(high)))
    for (step <- steps.take(3)) assert(distance(step.sum, low) < 1e-5 * norm(low))
    assert(distance(steps.last.sum, high) < 1e-4 * norm(high))
  }

  test(
    "the error on one matrix falls to that of the best matrix of that rank, which the SVD gives"
  ) {
    val values = Seq(8.0, 6, 4, 3, 2, 1.5, 1, 0.5, 0.25)
    val m = padded(withSingularValues(60, 40, values, seed = 5))
    for (r <- Seq(1, 2, 4)) {
      val steps = run(matrixOnly(60, 40), rank(r, feedback = false), Seq.fill(60)(Seq(m)))
      val errors = steps.map(step => distance(step.sum, m))
      val best = math.sqrt(values.drop(r).map(v => v * v).sum)
      info(f"rank $r: first ${errors.head}%.4f, last ${errors.last}%.4f, best $best%.4f")
      assert(errors.forall(_ >= best * (1 - 1e-5)))
      assert(errors.head > best * 1.01 && errors.last < best * (1 + 1e-4))
    }
  }

  test(
    "with feedback the mean of what arrives goes to the matrix, whatever the rank; not without"
  ) {
    val m = padded(withSingularValues(60, 40, Seq(8.0, 6, 4, 3, 2, 1.5, 1, 0.5), seed = 6))
    def mean(feedback: Boolean, count: Int) = {
      val steps = run(matrixOnly(60, 40), rank(1, feedback), Seq.fill(count)(Seq(m)))
      steps.map(_.sum).transpose.map(v => (v.map(_.toDouble).sum / count).toFloat).toArray
    }
    val (early, late) = (distance(mean(true, 20), m), distance(mean(true, 200), m))
    assert(late < early / 5 && late < 0.05 * norm(m))
    assert(distance(mean(false, 200), m) > 0.4 * norm(m))
  }

  /** Two matrices with padding behind, a vector, a matrix too small for rank 2, stacked experts. */
  private val slices = Seq(
    slice("a", 0, 30, 20),
    slice("norm", 768, 50),
    slice("small", 1024, 3, 4),
    slice("experts", 1280, 3, 10, 16),
    slice("b", 1792, 25, 40)
  )
  private val length = 1792 + 1024

  private def gradient(rank: Int, step: Int): Array[Float] = {
    val random = new SplittableRandom(1000L * rank + step)
    val all = new Array[Float](length)
    for (s <- slices; i <- 0 until s.length.toInt)
      all(s.offsetElements.toInt + i) = random.nextGaussian().toFloat
    all
  }

  private def steps(worldSize: Int, count: Int) =
    (1 to count).map(step => (0 until worldSize).map(gradient(_, step)))

  for (worldSize <- Seq(1, 2, 3, 4, 8)) {
    test(s"P = $worldSize: what was contributed is what arrived and what is owed, to rounding") {
      val gradients = steps(worldSize, 30)
      val results = run(slices, rank(2), gradients)
      val contributed = new Array[Double](length)
      val arrived = new Array[Double](length)
      for ((step, result) <- gradients.zip(results)) {
        for (own <- step; i <- own.indices) contributed(i) += own(i)
        for (i <- arrived.indices) arrived(i) += result.sum(i)
        val owed = result.states.map(_("powersgd_residual")).transpose.map(_.map(_.toDouble).sum)
        for (i <- owed.indices) assert(math.abs(contributed(i) - arrived(i) - owed(i)) < 2e-3)
      }
      assert(results.last.states.forall(state => norm(state("powersgd_residual")) > 1))
    }

    test(s"P = $worldSize: the steps of the published algorithm in float64, to rounding") {
      val gradients = steps(worldSize, 4)
      val results = run(slices, rank(2), gradients)
      for (reference <- Seq((0, 30, 20, 0), (1280 + 160, 10, 16, 2 * 20 + 2 * 16))) {
        val (offset, rows, columns, place) = reference
        val first = initialQ(slices, worldSize).slice(place, place + 2 * columns)
        var q = Array.tabulate(columns, 2)((j, c) => first(c * columns + j).toDouble)
        val owed = Array.fill(worldSize)(Array.ofDim[Double](rows, columns))
        for ((step, result) <- gradients.zip(results)) {
          for (w <- 0 until worldSize; i <- 0 until rows; j <- 0 until columns)
            owed(w)(i)(j) += step(w)(offset + i * columns + j)
          val p = orthonormal(sum(owed.toSeq.map(times(_, q))))
          val own = owed.toSeq.map(m => times(m.transpose, p))
          for (w <- 0 until worldSize) {
            val sent = times(p, own(w).transpose)
            for (i <- 0 until rows; j <- 0 until columns) owed(w)(i)(j) -= sent(i)(j)
          }
          q = sum(own)
          val expected = times(p, q.transpose).flatten
          for (i <- expected.indices) assert(math.abs(result.sum(offset + i) - expected(i)) < 1e-3)
        }
      }
    }

    test(
      s"P = $worldSize: all ranks have the same Q; the same bits from run to run; padding is zero"
    ) {
      val gradients = steps(worldSize, 5)
      val results = run(slices, rank(2), gradients)
      for (step <- results) {
        assert(step.states.map(_("powersgd_q").toSeq).toSet.size == 1)
        for (i <- (600 until 768) ++ (818 until 1024) ++ (1036 until 1280) ++ (2792 until length))
          assert(step.sum(i) == 0)
      }
      val again = run(slices, rank(2), gradients)
      assert(again.map(_.sum.toSeq) == results.map(_.sum.toSeq))
    }
  }

  test("vectors and matrices too small for factors arrive as float32 sums in the order of ranks") {
    val gradients = steps(3, 2)
    for ((step, result) <- gradients.zip(run(slices, rank(2), gradients)))
      for (i <- (768 until 818) ++ (1024 until 1036))
        assert(result.sum(i) == step(0)(i) + step(1)(i) + step(2)(i))
  }

  test("stacked experts are matrices of their own") {
    val stacked = LowRankLayout.of(slices.asJava, 2)
    assert(
      stacked.matrices.asScala.map(m => (m.offset, m.rows, m.columns)) ==
        Seq((0, 30, 20), (1280, 10, 16), (1440, 10, 16), (1600, 10, 16), (1792, 25, 40))
    )
    assert(stacked.plain.asScala.map(p => (p.offset, p.length)) == Seq((768, 50), (1024, 12)))
    assert(stacked.leftLength == 2 * (30 + 3 * 10 + 25) + 62)
    assert(stacked.rightLength == 2 * (20 + 3 * 16 + 40))
  }

  test("a matrix is sent as factors if these are smaller, and only then") {
    def plain(rows: Long, columns: Long, r: Int) =
      LowRankLayout.of(Seq(slice("m", 0, rows, columns)).asJava, r).plain.size == 1
    assert(plain(4, 4, 2) && !plain(5, 4, 2) && plain(1, 1000, 1) && !plain(2, 1000, 1))
  }

  test("a matrix without gradients on one rank adds nothing and stays owed; on all, Q stays too") {
    val zero = new Array[Float](length)
    val both = Seq(gradient(0, 1), gradient(1, 1))
    val one = Seq(gradient(0, 2), zero)
    val none = Seq(zero, zero)
    val results = run(slices, rank(2), Seq(both, one, none))
    val owed = results.map(_.states.map(_("powersgd_residual").toSeq))
    assert(owed(1)(1) == owed(0)(1) && owed(1).head != owed.head.head)
    assert(owed(2) == owed(1))
    assert(results(2).sum.forall(_ == 0))
    assert(results(2).states.head("powersgd_q").toSeq == results(1).states.head("powersgd_q").toSeq)
  }

  test("what is not finite in a gradient is not finite in the sum") {
    for (bad <- Seq(Float.NaN, Float.PositiveInfinity, Float.NegativeInfinity); at <- Seq(7, 770)) {
      val results =
        run(slices, rank(2), Seq(Seq(gradient(0, 1), gradient(1, 1).updated(at, bad))))
      assert(!results.head.sum(at).isFinite)
    }
  }

  test("a rank sends the factors and no more, twice (P-1)/P of them") {
    val big = Seq(slice("m", 0, 1024, 512), slice("norm", 1024 * 512, 512))
    val gradient = Array.tabulate(1024 * 512 + 512)(i => (i % 97 - 48) * 0.01f)
    val sent = Ranks.run(4) { communicator =>
      val layout = Buckets.of(gradient.length.toLong, 4, 256, gradient.length.toLong)
      val reader: Gradients =
        (from, dst, offset, count) => System.arraycopy(gradient, from.toInt, dst, offset, count)
      val reduction = GradientReduction.of(rank(4), communicator, layout, big.asJava, reader, 7)
      communicator.barrier()
      val before = communicator.sentBytes
      reduction.reduce(0, OwnedGradients.of(new Array[Float](layout.size(communicator.rank))))
      communicator.barrier()
      communicator.sentBytes - before
    }
    val expected = 2 * 4 * (4 * (1024 + 512) + 512) * 3.0 / 4
    assert(rank(4).wireBytes(big.asJava) * 3 / 4 == expected)
    // Shards are whole blocks of 256: to each of three ranks, there and back, a block more or less.
    for (bytes <- sent.map(_.get)) assert(math.abs(bytes - expected) < 3 * 2 * 4 * 256)
  }

  test("a rank below 1 is refused") {
    val error = intercept[IllegalArgumentException](rank(0))
    assert(error.getMessage == "powersgd-rank must be at least 1, got 0")
  }

  /** The first Q, which the first step's state no longer has: that of a rank whose matrices rest.
    */
  private def initialQ(slices: Seq[Slice], worldSize: Int): Array[Float] =
    run(slices, rank(2), Seq(Seq.fill(worldSize)(new Array[Float](length)))).head.states
      .head("powersgd_q")
}

/** Plain products, and matrices whose singular values are known. */
object PowerSgdSuite {

  type Matrix = Array[Array[Double]]

  def times(a: Matrix, b: Matrix): Matrix =
    Array.tabulate(a.length, b.head.length)((i, j) => b.indices.map(k => a(i)(k) * b(k)(j)).sum)

  def sum(all: Seq[Matrix]): Matrix =
    Array.tabulate(all.head.length, all.head.head.length)((i, j) => all.map(_(i)(j)).sum)

  /** Gram-Schmidt over columns. */
  def orthonormal(m: Matrix): Matrix = {
    val columns = m.transpose.map(_.clone)
    for (c <- columns.indices) {
      for (_ <- 1 to 2; other <- 0 until c) {
        val share = columns(c).zip(columns(other)).map { case (a, b) => a * b }.sum
        for (i <- columns(c).indices) columns(c)(i) -= share * columns(other)(i)
      }
      val norm = math.sqrt(columns(c).map(v => v * v).sum)
      for (i <- columns(c).indices) columns(c)(i) /= norm
    }
    columns.transpose
  }

  def withSingularValues(rows: Int, columns: Int, values: Seq[Double], seed: Long): Array[Float] = {
    val random = new SplittableRandom(seed)
    def basis(n: Int) = orthonormal(Array.fill(n, values.size)(random.nextGaussian()))
    val (u, v) = (basis(rows), basis(columns))
    val scaled = u.map(row => row.zip(values).map { case (x, s) => x * s })
    times(scaled, v.transpose).flatten.map(_.toFloat)
  }
}
