package io.moraine.jobs.batch

import io.moraine.jobs.NeedsGpu
import io.moraine.model.data.{SequenceOrder, StepBatches, StepSizes, TensorBatch, TokenBatch}
import io.moraine.model.tensor.{DeviceChoice, Torch}
import java.nio.file.Files
import org.apache.spark.sql.SparkSession
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.Tensor
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** RAPIDS's own tables, on a GPU. */
class RapidsHandoffSparkSuite extends AnyFunSuite {

  import RapidsHandoffSparkSuite._

  test("batches lie in the tables' own memory, in the order of the run, 1 and 2 ranks", NeedsGpu) {
    val spark = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.plugins", "com.nvidia.spark.SQLPlugin")
      .config("spark.rapids.memory.gpu.allocFraction", "0.12")
      .config("spark.rapids.memory.gpu.maxAllocFraction", "0.15")
      .config("spark.rapids.memory.gpu.minAllocFraction", "0")
      .config("spark.rapids.sql.batchSizeBytes", "1k") // several tables of a rank
      .getOrCreate()
    try {
      val session = spark
      import session.implicits._
      val folder = Files.createTempDirectory("dataset")
      (0 until sequences)
        .map(s => (s.toLong, filled(s), tokens(s).toSeq, starts(s).toSeq))
        .toDF("sequence_id", "filled", "tokens", "starts")
        .write
        .parquet(folder.resolve("sequences").toString)
      val parts = java.util.List.of(new SequencesByRank.Part(folder.toString, sequences.toLong))
      for (ranks <- Seq(1, 2)) {
        val rows = new SequencesByRank(order, sizes, ranks).of(spark, parts, 1, steps.toLong)
        val places = ColumnarTables
          .of(spark, rows)
          .mapPartitionsWithIndex((rank, tables) => seen(rank, ranks, tables))
          .collect()
        assert(places.length == steps * 4 + ranks)
        assert(places.forall(_ == ""), places.filter(_ != "").toSeq)
      }
    } finally spark.stop()
  }
}

object RapidsHandoffSparkSuite {

  private val (sequences, row, steps) = (40, 17, 12)
  private val order = new SequenceOrder(sequences.toLong, 3)
  private val sizes = StepSizes.constant(4)

  private def filled(s: Int): Int = if (s % 7 == 3) 5 else row
  private def tokens(s: Int): Array[Int] = Array.tabulate(row)(s * row + _)
  private def starts(s: Int): Array[Int] = if (s % 3 == 0) Array(0) else Array(0, 2, 4)

  private def ints(tensor: Tensor): Seq[Int] = {
    val wide = tensor.to(torch.ScalarType.Long).cpu.contiguous
    val values = new Array[Long](wide.numel.toInt)
    wide.data_ptr_long.get(values, 0, values.length)
    values.map(_.toInt).toSeq
  }

  /** For each sequence that a rank sees what is wrong with it, or nothing. */
  private def seen(rank: Int, ranks: Int, tables: Iterator[AnyRef]): Iterator[String] = {
    val device = Torch.start(1, DeviceChoice.CUDA, 0)
    val adapter = ColumnarTables.adapter()
    var memory = Map.empty[DeviceTable, (Long, Long)]
    val adapted = tables.map { table =>
      val there = new Watched(adapter.of(table), closed => memory -= closed)
      memory += there -> (there.tokens.address, there.tokens.address + 4 * there.tokens.elements)
      there
    }
    val reader = new DeviceBatches(adapted.asJava, sequences.toLong, row - 1, device, true)
    val batches = new StepBatches(reader, order, sizes, 3)
    val expected = (0L until sizes.through(steps.toLong))
      .filter(StepBatches.rankAt(sizes, _, ranks) == rank)
      .map(order.at(_).toInt)
      .iterator
    try {
      val result = for {
        step <- 1 to steps
        batch <- batches.of(step.toLong, rank, ranks).asScala.toSeq.map(_.asInstanceOf[TensorBatch])
        i <- 0 until batch.sequences
      } yield {
        val s = expected.next()
        val from = batch.tokens.data_ptr.address + 4L * row * i
        val inTable = memory.values.exists { case (a, b) => from >= a && from + 4L * row <= b }
        val own = new PointerScope()
        try {
          val here = ints(batch.tokens.narrow(0, i.toLong, 1))
          val due = tokens(s).zipWithIndex.map { case (token, at) =>
            if (at < filled(s)) token else TokenBatch.PADDING
          }
          val documents = (0 until row).map(at => starts(s).count(_ <= at) - 1)
          if (!batch.tokens.is_cuda) s"step $step, $i: not on the GPU"
          else if (filled(s) == row && !inTable && ofWholeRows(batch))
            s"step $step, $i: not in a table's memory"
          else if (here != due.toSeq) s"step $step, $i: other tokens than those of sequence $s"
          else if (ints(batch.documents.get.narrow(0, i.toLong, 1)) != documents)
            s"step $step, $i: other documents than those of sequence $s"
          else ""
        } finally own.close()
      }
      val handoff = reader.handoff
      val counted =
        if (handoff.hostBytes != 12 * handoff.sequences) s"rank $rank: ${handoff.hostBytes} bytes"
        else if (handoff.tables < 2) s"rank $rank: one table"
        else ""
      result.iterator ++ Iterator(counted)
    } finally reader.close()
  }

  /** Else its tokens are written anew, beside the table. */
  private def ofWholeRows(batch: TensorBatch): Boolean =
    !ints(batch.tokens).contains(TokenBatch.PADDING)

  /** Says when it is closed, as its memory may be another table's then. */
  private class Watched(own: DeviceTable, closed: DeviceTable => Unit) extends DeviceTable {
    override def ids(): Array[Long] = own.ids()
    override def filled(): Array[Int] = own.filled()
    override def tokens(): DeviceTable.Ints = own.tokens()
    override def tokenOffsets(): DeviceTable.Ints = own.tokenOffsets()
    override def starts(): DeviceTable.Ints = own.starts()
    override def startOffsets(): DeviceTable.Ints = own.startOffsets()
    override def close(): Unit = {
      closed(this)
      own.close()
    }
  }
}
