package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.collective.transport.{Operation, Tag}
import java.nio.{ByteBuffer, ByteOrder}
import java.util.concurrent.CountDownLatch
import org.scalatest.funsuite.AnyFunSuite

/** Ranks that do not run the same, and ranks that send what none should. */
class MismatchCollectiveSuite extends AnyFunSuite {

  private val fp32 = GradientCodec.of("fp32")

  /** Operations whose messages look alike: as many, as long, in the same order. */
  private val alike: Seq[Seq[(String, Communicator => Unit)]] = Seq(
    Seq(
      "all-gather of bytes" -> (_.allGatherBytes(new Array[Byte](8))),
      "sum of doubles" -> (_.allReduceSum(new Array[Double](1))),
      "sum of longs" -> (_.allReduceSum(new Array[Long](1))),
      "comparison" -> (_.requireIdentical("what is compared", 1))
    ),
    Seq(
      "broadcast" -> (_.broadcast(0, new Array[Float](1), fp32)),
      "broadcast of bytes" -> (_.broadcastBytes(0, new Array[Byte](4)))
    ),
    Seq(
      "all-to-all" -> (_.allToAll(new Array[Float](2), ones, fp32, new Array[Float](2), ones)),
      "all-to-all of bytes" ->
        (_.allToAll(new Array[Byte](8), ones.map(4 * _), new Array[Byte](8), ones.map(4 * _))),
      "exchange of counts" -> (_.exchangeCounts(ones))
    )
  )

  private def ones = Array(1, 1)

  for (kind <- alike; pair <- kind.combinations(2)) {
    val names = pair.map(_._1)
    test(s"${names.head} on one rank, ${names.last} on the other: they say so") {
      val results = Ranks.run(2)(ranked => pair(ranked.rank)._2(ranked))
      def noticed(rank: Int) = s"${names(rank)} at step 0 on rank $rank of 2: rank ${1 - rank} " +
        s"runs ${names(1 - rank)} (collective 1, step 0), " +
        s"this rank ${names(rank)} (collective 1, step 0)"
      // The root of a broadcast hears nothing; of the others one may hear of the other's abort.
      val messages = results.flatMap(_.failed.toOption).map(_.getMessage)
      assert((0 to 1).exists(rank => messages.contains(noticed(rank))), messages)
      assert(results(1).isFailure)
    }
  }

  /** What the rank says that begins late, when it has all that the other one has sent. */
  private def ofLate(late: Int)(work: Communicator => Unit): String = {
    val isBegun = new CountDownLatch(1)
    val results = Ranks.run(2) { ranked =>
      if (ranked.rank == late) {
        isBegun.await()
        Thread.sleep(1000)
      } else isBegun.countDown()
      work(ranked)
    }
    assert(results.forall(_.isFailure))
    results(late).failed.get.getMessage
  }

  private val differ = "the ranks do not run the same operation"

  for (
    (late, said) <- Seq(
      "rank 1 sent 6144 bytes where at most 2048 were due",
      "rank 0 sent something else: fp32 payload of 1464 elements must have 5856 bytes, got 1952"
    ).zipWithIndex.map(_.swap)
  )
    test(s"all-reduce of 1000 elements on rank 0, 3000 on rank 1, rank $late late: it says so") {
      val message =
        ofLate(late)(ranked => ranked.allReduce(new Array[Float](1000 + 2000 * ranked.rank), fp32))
      assert(message == s"all-reduce at step 0 on rank $late of 2: $said: $differ")
    }

  for (
    (late, said) <- Seq(
      "rank 1 sent 520 bytes where at most 264 were due",
      "rank 0 sent something else: int8 payload of 512 elements must have 520 bytes, got 264"
    ).zipWithIndex.map(_.swap)
  )
    test(s"all-reduce in int4 on rank 0, in int8 on rank 1, rank $late late: it says so") {
      val codecs = Seq("int4", "int8").map(GradientCodec.of)
      val message =
        ofLate(late)(ranked => ranked.allReduce(new Array[Float](1024), codecs(ranked.rank)))
      assert(message == s"all-reduce at step 0 on rank $late of 2: $said: $differ")
    }

  /** What rank 1 says of an integer that rank 0 sends. */
  private def ofInteger(operation: Operation, order: ByteOrder, sent: Int)(
      work: Communicator => Unit
  ): String =
    Ranks
      .onHosts(Seq(0, 0), Hierarchy.FLAT) { (ranked, mesh) =>
        if (ranked.rank == 1) work(ranked)
        else {
          val bytes = ByteBuffer.allocate(4).order(order).putInt(sent).array
          val tag = new Tag(operation, 1, 0)
          mesh.send(1, tag, mesh.wrap(bytes))
          // The other one sends too: who has left is not sent to.
          if (operation == Operation.EXCHANGE_OF_COUNTS) mesh.receive(1, tag).release()
        }
      }(1)
      .failed
      .get
      .getMessage

  private def ofBroadcast(size: Int): String =
    ofInteger(Operation.BROADCAST_BYTES, ByteOrder.LITTLE_ENDIAN, size)(
      _.broadcastBytes(0, Array.empty[Byte])
    )

  test("a number of bytes below 0 from a broadcast's root: the root is named") {
    val message = ofBroadcast(-2)
    assert(
      message == "broadcast of bytes at step 0 on rank 1 of 2: rank 0 sent a count below 0: -2"
    )
  }

  test("2^31 - 1 bytes that a broadcast's root promises and does not send take no memory") {
    val message = ofBroadcast(Int.MaxValue)
    assert(
      message.startsWith("broadcast of bytes at step 0 on rank 1 of 2: rank 0: connection lost"),
      message
    )
  }

  test("a count below 0 in an exchange of counts: the rank is named") {
    val message = ofInteger(Operation.EXCHANGE_OF_COUNTS, ByteOrder.BIG_ENDIAN, -5)(
      _.exchangeCounts(Array(0, 0))
    )
    assert(
      message == "exchange of counts at step 0 on rank 1 of 2: rank 0 sent a count below 0: -5"
    )
  }
}
