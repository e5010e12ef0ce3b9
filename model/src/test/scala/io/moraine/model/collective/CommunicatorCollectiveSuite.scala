package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import java.util.SplittableRandom
import java.util.concurrent.CountDownLatch
import org.scalatest.funsuite.AnyFunSuite

class CommunicatorCollectiveSuite extends AnyFunSuite {

  private val length = 300 * 1000 + 123

  private def contribution(rank: Int): Array[Float] = {
    val random = new SplittableRandom(rank.toLong)
    Array.fill(length)(random.nextGaussian().toFloat)
  }

  private def reader(values: Array[Float]): FloatReader =
    (from, dst, offset, count) => System.arraycopy(values, from.toInt, dst, offset, count)

  private def writer(values: Array[Float]): FloatWriter =
    (to, src, offset, count) => System.arraycopy(src, offset, values, to.toInt, count)

  /** How far each element may be from what is encoded (docs/collectives.md). */
  private def errors(codec: GradientCodec, values: Array[Float]): Array[Double] = {
    val sizes = values.map(v => math.abs(v.toDouble))
    def ofBlocks(share: Double) =
      sizes.grouped(256).flatMap(block => Seq.fill(block.length)(share * block.max)).toArray
    codec.name match {
      case "fp32" => sizes.map(_ => 0.0)
      case "bf16" => sizes.map(_ * math.pow(2, -8))
      case "int8" => ofBlocks(1.0 / 254)
      case "int4" => ofBlocks(1.0 / 14)
      case "sign" => ofBlocks(1)
      case "topk" => sizes
    }
  }

  for (codec <- Case.codecs; worldSize <- Seq(1, 2, 3, 4, 8)) {
    test(
      s"${codec.name}, P = $worldSize: a sum errs by no more than P encodings, what is gathered by one more"
    ) {
      val results = Ranks
        .run(worldSize) { communicator =>
          val layout = new ShardLayout(length, worldSize, 256)
          val shard = new Array[Float](layout.size(communicator.rank))
          communicator.reduceScatter(reader(contribution(communicator.rank)), layout, codec, shard)
          val all = new Array[Float](length)
          communicator.allGather(shard, layout, codec, writer(all))
          (shard, all)
        }
        .map(_.get)
      val sums = Array.concat(results.map(_._1): _*)
      val contributions = (0 until worldSize).map(contribution)
      val ofContributions = contributions.map(errors(codec, _))
      val ofSums = errors(codec, sums)
      val all = results.head._2
      def isWithin(i: Int): Boolean = {
        val exact = contributions.map(_(i).toDouble).sum
        val bound = ofContributions.map(_(i)).sum
        val rounding = 1e-6 * worldSize * contributions.map(values => math.abs(values(i))).sum
        // Scales are rounded too.
        math.abs(sums(i) - exact) <= bound * (1 + 1e-5) + rounding &&
        math.abs(all(i) - sums(i)) <= ofSums(i) * (1 + 1e-5)
      }
      assert((0 until length).find(!isWithin(_)).isEmpty)
      for ((_, other) <- results) assert(java.util.Arrays.equals(other, all))
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

  test("sums of different lengths are no operation of the same ranks") {
    val results = Ranks.run(2)(ranked => ranked.allReduceSum(new Array[Double](1 + ranked.rank)))
    val messages = results.map(_.failed.get.getMessage)
    // Who notices first says it.
    val due = Seq("sent 16 bytes where 8 were due", "sent 8 bytes where 16 were due")
      .map(_ + ": the ranks do not run the same operation")
    assert(messages.exists(message => due.exists(message.contains(_))), messages)
    assert(messages.forall(_.startsWith("sum of doubles at step 0 on rank ")), messages)
  }

  test("bytes that are gathered may be changed at once") {
    val results = Ranks.run(2) { ranked =>
      for (step <- 0 until 50) {
        val own = Array.fill(100000)(step.toByte)
        val all = ranked.allGatherBytes(own)
        java.util.Arrays.fill(own, -1.toByte)
        assert(all.forall(_.forall(_ == step)))
      }
    }
    results.foreach(_.get)
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

  test("a rank that gives up ends the operation on all, whomever they wait for") {
    val isOver = new CountDownLatch(1)
    val arePast = new CountDownLatch(2) // a rank that gives up drops what it has not sent yet
    val results = Ranks.run(3) { communicator =>
      communicator.barrier()
      communicator.rank match {
        case 0 =>
          arePast.countDown()
          isOver.await()
        case 1 =>
          arePast.countDown()
          try communicator.barrier()
          finally isOver.countDown()
        case 2 =>
          arePast.await()
          communicator.abort("out of disk")
      }
    }
    val message = results(1).failed.get.getMessage
    assert(message == "barrier at step 0 on rank 1 of 3: rank 2: gave up: out of disk")
  }

  test("ranks that end while another is still waited for have done their part") {
    val results = Ranks.run(3) { communicator =>
      if (communicator.rank == 0) Thread.sleep(3000)
      communicator.barrier()
    }
    results.foreach(_.get)
  }

  test("at the deadline of an operation it is said who is late, and who was before") {
    // A wait in which the machine stood still does not count: then another rank may be named.
    val due = "barrier at step 0 on rank 0 of 3: rank 2 has not done its part within 9000 ms" +
      "; rank 1 was waited for longest, \\d+ ms"
    val said = LazyList.fill(3)(ofLateRanks())
    assert(said.exists(_.matches(due)), said.toList)
  }

  private def ofLateRanks(): String = {
    val isOver = new CountDownLatch(1)
    val results = Ranks.run(3, silenceMillis = 20000, computeMillis = Some(9000)) { communicator =>
      if (communicator.rank == 1) Thread.sleep(6500)
      if (communicator.rank == 2) isOver.await()
      try communicator.barrier()
      finally isOver.countDown()
    }
    results.head.failed.get.getMessage
  }

  test("a rank that lives but does not deliver ends the operation at the compute deadline") {
    val isOver = new CountDownLatch(1)
    val results = Ranks.run(2, computeMillis = Some(1500)) { communicator =>
      if (communicator.rank == 1) isOver.await()
      else
        try communicator.barrier()
        finally isOver.countDown()
    }
    assert(
      results.head.failed.get.getMessage ==
        "barrier at step 0 on rank 0 of 2: rank 1 has not done its part within 1500 ms"
    )
  }

  test("a rank that computes for longer than the deadline of silence is waited for") {
    val results = Ranks.run(2, silenceMillis = 3000, computeMillis = Some(60000)) { communicator =>
      if (communicator.rank == 1) Thread.sleep(6000)
      communicator.barrier()
    }
    results.foreach(_.get)
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
