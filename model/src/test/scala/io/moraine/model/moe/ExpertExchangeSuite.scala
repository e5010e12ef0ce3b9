package io.moraine.model.moe

import io.moraine.model.collective.{CollectiveException, Ranks}
import io.moraine.model.collective.codec.GradientCodec
import java.nio.ByteBuffer
import org.scalatest.funsuite.AnyFunSuite

class ExpertExchangeSuite extends AnyFunSuite {

  private val dim = 8
  private val fp32 = GradientCodec.of("fp32")

  for (
    (kind, load) <- Seq(
      "below 0" -> Seq(3L, -1L),
      "whose sum overflows" -> Seq(Long.MaxValue, Long.MaxValue),
      "more than an array holds" -> Seq(1L, Int.MaxValue / dim.toLong)
    )
  )
    test(s"numbers of rows $kind: the rank that sent them is named, and all ranks end") {
      val results = Ranks.run(2) { communicator =>
        val exchange = new ExpertExchange(communicator, 4, new ExpertTransfer(fp32, fp32))
        communicator.beginStep(7)
        if (communicator.rank == 1) {
          val error = intercept[CollectiveException](exchange.route(Array(1, 1, 1, 1), dim))
          assert(exchange.failure.get eq error)
          error.getMessage
        } else {
          val sent = ByteBuffer.allocate(32)
          (Seq(0L, 0L) ++ load).foreach(sent.putLong)
          intercept[CollectiveException] {
            communicator.allToAll(sent.array, Array(16, 16), new Array[Byte](32), Array(16, 16))
            communicator.barrier()
          }.getMessage
        }
      }
      val said = s"rank 0 sent numbers of rows that no rank has: ${load.mkString("[", ", ", "]")}"
      assert(results(1).get == s"all-to-all of rows at step 7 on rank 1 of 2: $said")
      // A rank that gives up drops what it has not sent yet.
      val ended = Seq("all-to-all of bytes", "barrier")
      assert(
        ended
          .map(_ + s" at step 7 on rank 0 of 2: rank 1: gave up: $said")
          .contains(results.head.get),
        results.head.get
      )
    }

  test("rows that are possible are counted by source") {
    val results = Ranks.run(2) { communicator =>
      val exchange = new ExpertExchange(communicator, 4, new ExpertTransfer(fp32, fp32))
      val route = exchange.route(Array.tabulate(4)(i => 10L * communicator.rank + i), dim)
      (route.leaving.toSeq, route.arriving.toSeq, route.load.map(_.toSeq).toSeq)
    }
    assert(results.head.get == ((Seq(8, 40), Seq(8, 168), Seq(Seq(0L, 1L), Seq(10L, 11L)))))
    assert(results(1).get == ((Seq(168, 200), Seq(40, 200), Seq(Seq(2L, 3L), Seq(12L, 13L)))))
  }
}
