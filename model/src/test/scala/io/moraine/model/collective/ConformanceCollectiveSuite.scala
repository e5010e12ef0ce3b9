package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** Every collective with every codec, bit for bit against plain loops in the order of ranks. */
class ConformanceCollectiveSuite extends AnyFunSuite {

  private val chunk = 65536

  private def sizes(worldSize: Int): Seq[Int] =
    Seq(0, 1, 255, 256 * worldSize, 256 * worldSize + 1, chunk * worldSize, 5 * chunk + 77)

  private def same(found: Array[Float], expected: Array[Float], clue: String): Unit = {
    assert(found.length == expected.length, clue)
    val place = java.util.Arrays.mismatch(
      found.map(java.lang.Float.floatToRawIntBits),
      expected.map(java.lang.Float.floatToRawIntBits)
    )
    assert(place == -1, s"$clue: element $place differs")
  }

  for (
    worldSize <- Seq(1, 2, 3, 4, 8); codec <- GradientCodec.all().asScala;
    sockets <- worldSize match {
      case 2 => Ranks.allSockets :+ Ranks.Tls
      case 3 => Seq(Ranks.Tcp, Ranks.Tls)
      case _ => Seq(if (worldSize % 2 == 0) Ranks.Unix else Ranks.Tcp)
    }
  ) {
    val name = s"${codec.name}, P = $worldSize, ${sockets.name}"

    def onAllRanks[T](work: Communicator => T): Seq[T] =
      Ranks.run(worldSize, sockets = sockets)(work).map(_.get)

    test(s"$name: all-reduce is the sum in the order of ranks, the same bits on all") {
      val found = onAllRanks { communicator =>
        sizes(worldSize).map { size =>
          val values = Expected.values(communicator.rank, size)
          communicator.allReduce(values, codec)
          values
        }
      }
      for ((size, at) <- sizes(worldSize).zipWithIndex) {
        val expected =
          Expected.allReduce(codec, (0 until worldSize).map(Expected.values(_, size)))
        for (rank <- found) same(rank(at), expected, s"$size elements")
      }
    }

    test(s"$name: reduce-scatter, then all-gather, gives the bits of all-reduce") {
      val found = onAllRanks { communicator =>
        sizes(worldSize).map { size =>
          val values = Expected.values(communicator.rank, size)
          val layout = new ShardLayout(size.toLong, worldSize, 256)
          val shard = new Array[Float](layout.size(communicator.rank))
          communicator.reduceScatter(
            (from, dst, offset, count) => System.arraycopy(values, from.toInt, dst, offset, count),
            layout,
            codec,
            shard
          )
          val all = new Array[Float](size)
          communicator.allGather(
            shard,
            layout,
            codec,
            (to, src, offset, count) => System.arraycopy(src, offset, all, to.toInt, count)
          )
          all
        }
      }
      for ((size, at) <- sizes(worldSize).zipWithIndex) {
        val expected =
          Expected.allReduce(codec, (0 until worldSize).map(Expected.values(_, size)))
        for (rank <- found) same(rank(at), expected, s"$size elements")
      }
    }

    test(s"$name: broadcast gives all ranks what the codec makes of the root's values") {
      val roots = Seq(0, worldSize - 1)
      val found = onAllRanks { communicator =>
        for (size <- sizes(worldSize); root <- roots) yield {
          val values = Expected.values(communicator.rank, size)
          communicator.broadcast(root, values, codec)
          values
        }
      }
      for (((size, root), at) <- sizes(worldSize).flatMap(s => roots.map(s -> _)).zipWithIndex) {
        val expected = Expected.through(codec, Expected.values(root, size))
        for (rank <- found) same(rank(at), expected, s"$size elements of rank $root")
      }
    }

    test(s"$name: all-to-all brings each rank what the codec makes of every other's part") {
      def part(from: Int, to: Int): Array[Float] =
        Expected.values(100 * from + to, Expected.count(from, to))
      val ranks = 0 until worldSize
      val found = onAllRanks { communicator =>
        val rank = communicator.rank
        val sent = ranks.map(Expected.count(rank, _)).toArray
        val received = communicator.exchangeCounts(sent)
        assert(received.toSeq == ranks.map(Expected.count(_, rank)))
        val dst = new Array[Float](received.sum)
        communicator.allToAll(
          Array.concat(ranks.map(part(rank, _)): _*),
          sent,
          codec,
          dst,
          received
        )
        dst
      }
      for (to <- ranks) {
        val expected = ranks.map(from => Expected.through(codec, part(from, to)))
        same(found(to), Array.concat(expected: _*), s"to rank $to")
      }
    }
  }

  for (worldSize <- Seq(1, 2, 3, 4, 8)) {
    test(s"bytes, P = $worldSize: broadcast of 0, 1 and many from every root") {
      val sizes = Seq(0, 1, 4 * chunk * worldSize + 5)
      def content(root: Int, size: Int): Array[Byte] =
        Array.tabulate(size)(i => (i * 7 + root).toByte)
      for (
        result <- Ranks.run(worldSize, sockets = Ranks.Unix) { communicator =>
          for (root <- 0 until worldSize; size <- sizes) {
            val own = if (communicator.rank == root) content(root, size) else Array[Byte](1, 2)
            assert(communicator.broadcastBytes(root, own).sameElements(content(root, size)))
          }
        }
      ) result.get
    }

    test(s"bytes, P = $worldSize: all-to-all of as many as there are, rank by rank") {
      def part(from: Int, to: Int): Array[Byte] =
        Array.tabulate(5 * Expected.count(from, to))(i => (i * 31 + 7 * from + to).toByte)
      val ranks = 0 until worldSize
      for (
        result <- Ranks.run(worldSize) { communicator =>
          val rank = communicator.rank
          val sent = ranks.map(part(rank, _).length).toArray
          val received = communicator.exchangeCounts(sent)
          val dst = new Array[Byte](received.sum)
          communicator.allToAll(Array.concat(ranks.map(part(rank, _)): _*), sent, dst, received)
          assert(dst.sameElements(Array.concat(ranks.map(part(_, rank)): _*)))
        }
      ) result.get
    }
  }

  test("ranks that come late to each collective still get the same bits, P = 4") {
    val codec = GradientCodec.of("int8")
    val size = 12 * chunk + 11
    val found = Ranks.run(4) { communicator =>
      val rank = communicator.rank
      for (root <- 0 until 4) {
        if (rank == root) Thread.sleep(300)
        communicator.broadcast(root, new Array[Float](size), codec)
      }
      val values = Expected.values(rank, size)
      if (rank == 3) Thread.sleep(300)
      communicator.allReduce(values, codec)
      values
    }
    val expected = Expected.allReduce(codec, (0 until 4).map(Expected.values(_, size)))
    for (values <- found) same(values.get, expected, "")
  }

  test(
    "bytes sent by rank 1 of 4, N = 8 chunks in fp32, are those of the documents and 38 a frame"
  ) {
    val n = 8 * chunk
    val bytes = 4L * n
    val codec = GradientCodec.of("fp32")
    val sent = Ranks.run(4) { communicator =>
      def measured(work: => Unit): Long = {
        communicator.barrier()
        val before = communicator.sentBytes
        work
        communicator.barrier()
        communicator.sentBytes - before
      }
      val values = new Array[Float](n)
      Seq(
        measured(communicator.allReduce(values, codec)),
        measured(communicator.broadcast(1, values, codec)),
        measured(communicator.broadcast(0, values, codec)),
        measured(
          communicator.allToAll(
            values,
            Array.fill(4)(n / 4),
            codec,
            values.clone,
            Array.fill(4)(n / 4)
          )
        )
      )
    }
    val expected = Seq(2 * 3 * bytes / 4, 2 * 3 * bytes / 4, 2 * bytes / 4, 3 * bytes / 4)
    for ((found, expected) <- sent(1).get.zip(expected))
      assert(found >= expected && found <= expected + 25 * 38, s"$found, $expected")
  }

  test("counts that do not fit, and a root that is none, are refused with the rule") {
    for (
      result <- Ranks.run(2) { communicator =>
        val codec = GradientCodec.of("fp32")
        def message(work: => Unit): String = intercept[IllegalArgumentException](work).getMessage
        val four = new Array[Float](4)
        assert(message(communicator.broadcast(2, four, codec)) == "root must be in [0, 2), got 2")
        assert(
          message(communicator.allToAll(four, Array(2, 1), codec, four, Array(2, 1))) ==
            "counts of an all-to-all must add up to the arrays' lengths, got 3 of 4 and 3 of 4"
        )
        val counts = if (communicator.rank == 0) Array(1, 3) else Array(3, 1)
        assert(
          message(communicator.allToAll(four, counts, codec, four, Array(2, 2))) ==
            "an all-to-all of 2 ranks needs as many counts, none below 0, and the same from and to " +
            s"this rank, ${communicator.rank}; got [${counts.mkString(", ")}] and [2, 2]"
        )
      }
    ) result.get
  }
}
