package io.moraine.jobs.batch

import io.moraine.jobs.NeedsGpu
import io.moraine.model.data.{StepSizes, StepBatches, TensorBatch, SequenceOrder}
import io.moraine.model.tensor.{DeviceChoice, Torch}
import java.nio.file.Files
import org.apache.spark.sql.SparkSession
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
      .getOrCreate()
    try {
      val session = spark
      import session.implicits._
      val folder = Files.createTempDirectory("dataset")
      (0 until sequences)
        .map(s => (s.toLong, row, Seq.tabulate(row)(i => s * row + i), Seq(0)))
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
        assert(places.length == steps * 4 && places.forall(_ == ""), places.filter(_ != "").toSeq)
      }
    } finally spark.stop()
  }
}

object RapidsHandoffSparkSuite {

  private val (sequences, row, steps) = (40, 17, 12)
  private val order = new SequenceOrder(sequences.toLong, 3)
  private val sizes = StepSizes.constant(4)

  /** For each sequence that a rank sees what is wrong with it, or nothing. */
  private def seen(rank: Int, ranks: Int, tables: Iterator[AnyRef]): Iterator[String] = {
    val device = Torch.start(1, DeviceChoice.CUDA, 0)
    val adapter = ColumnarTables.adapter()
    var memory = Seq.empty[(Long, Long)]
    val adapted = tables.map { table =>
      val there = adapter.of(table)
      memory :+= ((there.tokens.address, there.tokens.address + 4 * there.tokens.elements))
      there
    }
    val reader = new DeviceBatches(adapted.asJava, sequences.toLong, row - 1, device, true)
    val batches = new StepBatches(reader, order, sizes, 3)
    val result = for {
      step <- 1 to steps
      batch <- batches.of(step.toLong, rank, ranks).asScala.toSeq.map(_.asInstanceOf[TensorBatch])
      i <- 0 until batch.sequences
    } yield {
      val from = batch.tokens.data_ptr.address + 4L * row * i
      val here = batch.tokens.narrow(0, i.toLong, 1).to(torch.ScalarType.Long).cpu
      val first = here.data_ptr_long.get(0) / row
      val inTable = memory.exists { case (a, b) => from >= a && from + 4L * row <= b }
      if (!batch.tokens.is_cuda || !inTable) s"step $step, $i: not in a table's memory"
      else if (here.data_ptr_long.get(row - 1L) != first * row + row - 1)
        s"step $step, $i: other tokens"
      else ""
    }
    reader.close()
    result.iterator
  }
}
