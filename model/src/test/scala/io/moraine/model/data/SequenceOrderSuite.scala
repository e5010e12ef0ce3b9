package io.moraine.model.data

import org.scalatest.funsuite.AnyFunSuite

class SequenceOrderSuite extends AnyFunSuite {

  private def epoch(order: SequenceOrder, number: Long): Seq[Long] =
    (0L until order.sequences).map(i => order.at(number * order.sequences + i))

  test("every epoch is a permutation, for all sizes up to 200 and some large ones") {
    for (n <- (1 to 200) ++ Seq(1000, 4096, 10007)) {
      val order = new SequenceOrder(n, 5)
      for (number <- 0 to 2) assert(epoch(order, number).sorted == (0L until n))
    }
  }

  test("epochs and seeds differ, the same seed repeats") {
    val order = new SequenceOrder(1000, 1)
    assert(epoch(order, 0) != epoch(order, 1))
    assert(epoch(order, 0) != epoch(new SequenceOrder(1000, 2), 0))
    assert(epoch(order, 0) == epoch(new SequenceOrder(1000, 1), 0))
  }

  test("of 1000 sequences fewer than 10 stand at their own place (1 expected; false alarm 1e-6)") {
    val order = new SequenceOrder(1000, 11)
    assert(epoch(order, 0).zipWithIndex.count { case (s, i) => s == i } < 10)
  }

  test("data that is added: the epoch at hand ends as it was, then every epoch is over all") {
    val before = new SequenceOrder(100, 7)
    for (position <- Seq(0L, 1L, 99L, 100L, 250L)) {
      val grown = before.grown(position, 130)
      val end = (position + 99) / 100 * 100
      for (i <- 0L until end) assert(grown.at(i) == before.at(i))
      val epochs = (0 until 3).map(e => (0L until 130).map(i => grown.at(end + 130 * e + i)))
      assert(epochs.forall(_.sorted == (0L until 130)) && epochs.toSet.size == 3)
      assert(grown.sequences == 130 && grown.grown(position, 130) == grown)
      val twice = grown.grown(end + 131, 140)
      assert((0L until end + 260).forall(i => twice.at(i) == grown.at(i)))
      assert((0L until 140).map(i => twice.at(end + 260 + i)).sorted == (0L until 140))
    }
    val fewer = intercept[IllegalArgumentException](before.grown(5, 99))
    assert(fewer.getMessage == "100 sequences were trained on, only 99 are left")
  }

  test("sources one behind the other are one source") {
    val joined = new JoinedTokenSource(java.util.List.of(source, source))
    assert(joined.sequences == 20)
    assert((0L until 20).map(i => joined.batch(i).tokens()(0)) == (0 until 10) ++ (0 until 10))
    intercept[IndexOutOfBoundsException](joined.batch(20))
  }

  private val source = new TokenSource {
    override def sequences: Long = 10
    override def length: Int = 2
    override def read(sequence: Long, dst: Array[Int], offset: Int): Unit =
      for (i <- 0 to 2) dst(offset + i) = sequence.toInt
    override def close(): Unit = ()
  }

  private def seen(worldSize: Int, step: Long): Seq[Int] = {
    val batches = new StepBatches(source, new SequenceOrder(10, 3), StepSizes.constant(7), 2)
    for {
      rank <- 0 until worldSize
      i <- 0 until batches.of(step, rank, worldSize).size
      batch = batches.of(step, rank, worldSize).get(i)
      sequence <- 0 until batch.sequences
    } yield batch.asInstanceOf[TokenBatch].tokens()(sequence * 3)
  }

  test("a step has the same sequences in the same order for 1, 2, 3 and 7 ranks") {
    for (step <- 1 to 5; worldSize <- Seq(2, 3, 7)) assert(seen(worldSize, step) == seen(1, step))
  }

  test("ten steps of seven sequences see each of ten sequences seven times") {
    val counts = (1 to 10).flatMap(step => seen(2, step)).groupBy(identity).view.mapValues(_.size)
    assert((0 until 10).forall(counts(_) == 7))
  }
}
