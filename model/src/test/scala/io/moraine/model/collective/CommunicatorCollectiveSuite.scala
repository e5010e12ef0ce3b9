package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class CommunicatorCollectiveSuite extends AnyFunSuite {

  private val worldSizes = Seq(1, 2, 3, 8)
  private val length = 300 * 1000 + 123

  private def contribution(rank: Int): Array[Float] = {
    val random = new SplittableRandom(rank.toLong)
    Array.fill(length)(random.nextGaussian().toFloat)
  }

  private def reader(values: Array[Float]): FloatReader =
    (from, dst, offset, count) => System.arraycopy(values, from.toInt, dst, offset, count)

  private def writer(values: Array[Float]): FloatWriter =
    (to, src, offset, count) => System.arraycopy(src, offset, values, to.toInt, count)

  private val codecs = GradientCodec.all().asScala :+ GradientCodec.topK(0.01)

  for (codec <- codecs; worldSize <- worldSizes) {
    test(
      s"${codec.name}, P = $worldSize: reduce-scatter and all-gather give every rank the sum, the same bits"
    ) {
      val results = Ranks
        .run(worldSize) { communicator =>
          val layout = new ShardLayout(length, worldSize, 256)
          val shard = new Array[Float](layout.size(communicator.rank))
          communicator.reduceScatter(reader(contribution(communicator.rank)), layout, codec, shard)
          val all = new Array[Float](length)
          communicator.allGather(shard, layout, codec, writer(all))
          all
        }
        .map(_.get)
      for (result <- results) assert(java.util.Arrays.equals(result, results.head))
      val contributions = (0 until worldSize).map(contribution)
      val bound = codec.name match {
        case "fp32" => 1e-5
        case "bf16" => 0.01 * worldSize
        case "int8" => 5.0 / 254 * worldSize * 2.5
        // P contributions below 5, then their sum, whose spread grows by the root of P.
        // A contribution becomes its block's mean, 0.8, and so does the sum.
        // Or zero, of contributions as of the sum.
        case "topk" => 2 * (5.0 * worldSize)
        case "sign" => 5.0 * worldSize + 5 * math.sqrt(worldSize)
        case "int4" => (5.0 * worldSize + 5 * math.sqrt(worldSize) + 5.0 / 14 * worldSize) / 14
      }
      for (i <- 0 until length by 97) {
        val exact = contributions.map(_(i).toDouble).sum
        assert(math.abs(results.head(i) - exact) <= bound * math.max(1, math.abs(exact)))
      }
    }
  }

  test("int8 reduce-scatter at P = 4 sends at most 1.03 bytes per element that leaves the rank") {
    val sent = Ranks.run(4) { communicator =>
      val layout = new ShardLayout(length, 4, 256)
      val shard = new Array[Float](layout.size(communicator.rank))
      communicator.barrier()
      val before = communicator.sentBytes
      communicator.reduceScatter(
        reader(contribution(0)),
        layout,
        GradientCodec.of("int8"),
        shard
      )
      communicator.barrier()
      (communicator.sentBytes - before, length - layout.size(communicator.rank))
    }
    for ((bytes, elements) <- sent.map(_.get)) assert(bytes <= 1.03 * elements + 500)
  }

  test("sums of doubles and longs, bytes by rank and a barrier, P = 3") {
    for (
      result <- Ranks.run(3) { communicator =>
        val rank = communicator.rank
        communicator.barrier()
        val sums = communicator.allReduceSum(Array(rank + 0.5, 1.0))
        val counts = communicator.allReduceSum(Array(rank.toLong, 10L))
        val bytes = communicator.allGatherBytes(Array.fill(rank)(7.toByte))
        (sums.toSeq, counts.toSeq, bytes.map(_.length).toSeq)
      }
    ) {
      assert(result.get == (Seq(4.5, 3.0), Seq(3L, 30L), Seq(0, 1, 2)))
    }
  }

  test("ranks with different weights are named with their digests") {
    for (
      result <- Ranks.run(3) { communicator =>
        communicator.beginStep(50)
        communicator.requireIdentical("the digest", if (communicator.rank == 1) 2L else 1L)
      }
    )
      assert(
        result.failed.get.getMessage.endsWith(
          "the digest differs between ranks: {0000000000000001= 0 2, 0000000000000002= 1}"
        )
      )
  }

  test("a rank that gives up ends the operation on all others with its reason") {
    val results = Ranks.run(3) { communicator =>
      communicator.beginStep(9)
      if (communicator.rank == 2) {
        communicator.abort("out of disk")
        throw new IllegalStateException("out of disk")
      }
      communicator.barrier()
    }
    for (rank <- 0 to 1) {
      val message = results(rank).failed.get.getMessage
      assert(message.contains(s"at step 9 on rank $rank of 3: "), message)
      assert(message.contains("out of disk"), message)
    }
  }

  test("a rank that dies ends the operation on all others, which name it") {
    val results = Ranks.run(3) { communicator =>
      if (communicator.rank == 1) throw new IllegalStateException("died")
      communicator.barrier()
      communicator.barrier()
    }
    val messages = Seq(0, 2).map(results(_).failed.get.getMessage)
    assert(messages.exists(_.contains("rank 1: connection lost")), messages)
    assert(messages.forall(_.contains("connection lost")), messages)
  }

  test("a rank that lives but does not deliver ends the operation at the compute deadline") {
    val results = Ranks.run(2, silenceMillis = 1500) { communicator =>
      if (communicator.rank == 1) Thread.sleep(6000) else communicator.barrier()
    }
    assert(
      results.head.failed.get.getMessage ==
        "barrier at step 0 on rank 0 of 2: rank 1 sends no data for 1500 ms"
    )
  }

  test("shards cover every element once, aligned, for lengths around the alignment") {
    for (length <- Seq(0L, 1L, 255L, 256L, 257L, 5000L); worldSize <- 1 to 9) {
      val layout = new ShardLayout(length, worldSize, 256)
      assert(layout.from(0) == 0 && layout.to(worldSize - 1) == length)
      for (rank <- 1 until worldSize) {
        assert(layout.from(rank) == layout.to(rank - 1))
        assert(layout.from(rank) % 256 == 0 || layout.from(rank) == length)
      }
    }
  }
}
