package io.moraine.jobs.batch

import io.moraine.model.data._
import io.moraine.model.tensor.{Device, Torch}
import java.util.SplittableRandom
import org.bytedeco.pytorch.Tensor
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable.ArrayBuffer
import scala.jdk.CollectionConverters._

/** Batches that are read where a table lies, with tables in host memory. */
class DeviceBatchesSuite extends AnyFunSuite {

  private val (sequences, length) = (40, 9)
  private val row = length + 1

  private val random = new SplittableRandom(4)

  /** Tokens, how many are some, where documents begin. */
  private val data: IndexedSeq[(Array[Int], Int, Array[Int])] = (0 until sequences).map { s =>
    val filled = if (s % 7 == 3) 1 + random.nextInt(row) else row
    val starts = (0 until filled).filter(i => i == 0 || random.nextInt(4) == 0)
    (Array.fill(row)(random.nextInt(1000)), filled, starts.toArray)
  }

  /** The same from Parquet's rows. */
  private object Host extends TokenSource {
    override def sequences(): Long = DeviceBatchesSuite.this.sequences.toLong
    override def length(): Int = DeviceBatchesSuite.this.length
    override def close(): Unit = ()
    override def read(s: Long, dst: Array[Int], offset: Int): Unit = {
      val (tokens, filled, _) = data(s.toInt)
      for (i <- 0 until row) dst(offset + i) = if (i < filled) tokens(i) else TokenBatch.PADDING
    }
    override def readDocuments(s: Long, dst: Array[Int], offset: Int): Unit =
      for (i <- 0 until row) dst(offset + i) = data(s.toInt)._3.count(_ <= i) - 1
  }

  private def table(ids: Seq[Long], closed: HostTable => Unit = _ => ()): HostTable =
    new HostTable(
      ids.toArray,
      ids.map(id => data(id.toInt)._2).toArray,
      ids.map(id => data(id.toInt)._1).toArray,
      ids.map(id => data(id.toInt)._3).toArray,
      closed
    )

  private def reader(tables: Seq[DeviceTable], documents: Boolean = true): DeviceBatches = {
    Torch.start(1)
    new DeviceBatches(tables.iterator.asJava, sequences.toLong, length, Device.COPIED, documents)
  }

  private def ints(tensor: Tensor): Seq[Int] = {
    val wide = tensor.to(torch.ScalarType.Long).contiguous
    val values = new Array[Long](wide.numel.toInt)
    wide.data_ptr_long.get(values, 0, values.length)
    wide.close()
    values.map(_.toInt).toSeq
  }

  private def rows(batches: Iterable[Batch]): Seq[(Seq[Int], Seq[Int])] = batches.toSeq.flatMap {
    case b: TokenBatch =>
      b.tokens.toSeq.grouped(row).toSeq.zip(b.documents.toSeq.grouped(row).toSeq)
    case b: TensorBatch =>
      ints(b.tokens).grouped(row).toSeq.zip(ints(b.documents.get).grouped(row).toSeq)
  }

  for (worldSize <- Seq(1, 2, 3); each <- Seq(1, 5, 13, 1000))
    test(s"a rank of $worldSize sees what it sees from the host, in tables of $each rows") {
      val order = new SequenceOrder(sequences.toLong, 7)
      val sizes = StepSizes.ramp(3, 8, 40)
      val host = new StepBatches(Host, order, sizes, 3)
      for (rank <- 0 until worldSize) {
        val positions = (0L until sizes.through(20))
          .filter(p => StepBatches.rankAt(sizes, p, worldSize) == rank)
          .map(order.at)
        val tables = positions.grouped(each).toSeq.map(table(_))
        val there = reader(tables)
        val device = new StepBatches(there, order, sizes, 3)
        for (step <- 1 to 20) {
          val expected = host.of(step.toLong, rank, worldSize).asScala
          val ours = device.of(step.toLong, rank, worldSize).asScala
          assert(rows(ours) == rows(expected))
          assert(ours.map(_.predictions).sum == expected.map(_.predictions).sum)
          assert(ours.forall(_.sequences <= 3))
        }
        there.close()
        assert(tables.forall(_.closings == 1))
        assert(there.handoff.tables == tables.size && there.handoff.sequences == positions.size)
        assert(there.handoff.masked == positions.count(s => data(s.toInt)._2 < row))
        assert(there.handoff.hostBytes == 12 * positions.size)
        assert(there.handoff.rewrittenBytes > 0)
      }
    }

  private def whole: Seq[Long] = (0L until sequences.toLong).filter(s => data(s.toInt)._2 == row)

  test("tokens without padding lie in the table's own memory, at their rows' places") {
    val own = table(whole)
    val there = reader(Seq(own), documents = false)
    val batches = there.batches(whole.toArray, 4).asScala
    for ((batch, i) <- batches.zipWithIndex) {
      val tensor = batch.asInstanceOf[TensorBatch].tokens
      assert(tensor.data_ptr.address == own.address + 4L * i * 4 * row)
      assert(tensor.scalar_type.intern == torch.ScalarType.Int)
      assert(!batch.asInstanceOf[TensorBatch].documents.isPresent)
    }
    assert(batches.size > 5 && there.handoff.masked == 0 && there.handoff.rewrittenBytes == 0)
    assert(there.handoff.hostBytes == 12 * whole.size)
    there.close()
  }

  test("a table is closed once, when its rows are read and the next ones are asked for") {
    val closed = ArrayBuffer.empty[Int]
    val tables = whole.take(12).grouped(4).toSeq
    lazy val opened: Seq[HostTable] = tables.map(table(_, t => closed += opened.indexOf(t)))
    val there = reader(opened)
    val wanted = whole.take(12).toArray
    there.batches(wanted.take(3), 2)
    assert(closed.isEmpty)
    there.batches(wanted.slice(3, 6), 2)
    assert(closed.isEmpty)
    there.batches(wanted.slice(6, 8), 2)
    assert(closed.toSeq == Seq(0))
    there.batches(wanted.slice(8, 12), 2)
    assert(closed.toSeq == Seq(0, 1))
    there.close()
    assert(closed.toSeq == Seq(0, 1, 2) && opened.forall(_.closings == 1))
  }

  test("a table whose tensor somebody holds stays open until that is gone") {
    val tables = whole.take(9).grouped(3).map(table(_)).toSeq
    val there = reader(tables, documents = false)
    val first = there.batches(whole.take(3).toArray, 3).get(0).asInstanceOf[TensorBatch]
    val held = first.tokens.narrow(0, 1, 1)
    there.batches(whole.slice(3, 6).toArray, 3)
    there.batches(whole.slice(6, 9).toArray, 3)
    assert(tables.map(_.closings) == Seq(0, 1, 0))
    assert(ints(held) == data(whole(1).toInt)._1.toSeq)
    held.close()
    there.close()
    assert(tables.map(_.closings) == Seq(1, 1, 1))
  }

  test("a tensor that is held when all ends is told, and its table is not closed under it") {
    val tables = Seq(table(whole.take(3)))
    val there = reader(tables, documents = false)
    val batch = there.batches(whole.take(3).toArray, 3).get(0).asInstanceOf[TensorBatch]
    val held = batch.tokens.narrow(0, 0, 1)
    val error = intercept[IllegalStateException](there.close())
    assert(error.getMessage == "1 tables cannot be closed: tensors over them are still held")
    assert(tables.head.closings == 0 && ints(held) == data(whole.head.toInt)._1.toSeq)
    held.close()
    there.close()
    assert(tables.head.closings == 1)
  }

  test("tables in another order, too few of them and rows of another length are refused") {
    val swapped = reader(Seq(table(whole.take(4).reverse)))
    val other = intercept[IllegalStateException](swapped.batches(whole.take(4).toArray, 4))
    assert(
      other.getMessage == s"sequence ${whole(3)} lies where ${whole.head} is due: the tables are not in the order of this run"
    )
    val few = reader(Seq(table(whole.take(2)), table(Seq.empty)))
    val none = intercept[IllegalStateException](few.batches(whole.take(4).toArray, 4))
    assert(none.getMessage == s"sequence ${whole(2)} is due and there is no table any more")
    val short = new HostTable(
      Array(0L, 1L),
      Array(row, row),
      Array(Array(1, 2), Array(3)),
      Array(Array(0), Array(0)),
      _ => ()
    )
    val length = intercept[IllegalStateException](reader(Seq(short)).batches(Array(0L), 1))
    assert(
      length.getMessage == s"a table of 2 sequences of $row tokens has ${2 * row} tokens, got 3"
    )
    // As many as are due, but not in each row.
    val uneven = new HostTable(
      Array(0L, 1L, 2L),
      Array(row, row, row),
      Array(Array.fill(row)(1), Array.fill(row + 2)(2), Array.fill(row - 2)(3)),
      Array.fill(3)(Array(0)),
      _ => ()
    )
    val wrong = intercept[IllegalStateException](reader(Seq(uneven)).batches(Array(0L), 1))
    assert(
      wrong.getMessage == s"sequence 1 has not $row tokens, as rows that are read in place must have. train.engine.batches = host names its file."
    )
    assert(uneven.closings == 1)
  }
}
