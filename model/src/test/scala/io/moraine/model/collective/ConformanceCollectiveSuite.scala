package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import org.scalatest.funsuite.AnyFunSuite

/** Every collective with every codec, bit for bit against plain loops in the order of ranks.
  * PowerSGD, which reduces matrices, has a suite of its own.
  */
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
    worldSize <- Seq(1, 2, 3, 4, 8);
    sockets <- worldSize match {
      case 2 => Ranks.allSockets :+ Ranks.Tls
      case 3 => Seq(Ranks.Tcp, Ranks.Tls)
      case _ => Seq(if (worldSize % 2 == 0) Ranks.Unix else Ranks.Tcp)
    }
  ) {
    for (codec <- Case.codecs)
      conforms(s"${codec.name}, ", worldSize, sockets, sizes(worldSize), Case.ofFloats(codec, _))
    for (row <- Seq(96, 192))
      conforms(s"fp8, rows of $row, ", worldSize, sockets, Seq(0), _ => Case.ofRows(row))
    for (codec <- Case.codecs)
      conforms(s"${codec.name}, ", worldSize, sockets, Seq(1500), Case.ofNotFinite(codec, _))
    conforms("", worldSize, sockets, Seq(0, 1, 4 * chunk * worldSize + 5), Case.ofBytes)
  }

  /** Every rank gets what plain loops give, bit for bit, at each of the sizes. */
  private def conforms(
      codec: String,
      worldSize: Int,
      sockets: Ranks.Sockets,
      sizes: Seq[Int],
      cases: Int => Seq[Case]
  ): Unit =
    for (at <- cases(0).indices)
      test(s"$codec${cases(0)(at).name}, P = $worldSize, ${sockets.name}: bits of plain loops") {
        val found = Ranks
          .run(worldSize, sockets = sockets)(ranked => sizes.map(cases(_)(at).run(ranked)))
          .map(_.get)
        for ((size, place) <- sizes.zipWithIndex) {
          val expected = cases(size)(at).expected
          for (rank <- found.indices)
            same(found(rank)(place), expected(rank, worldSize), s"$size elements, rank $rank")
        }
      }

  for (codec <- Case.codecs)
    test(s"${codec.name}: a sum of what is not finite is not finite, P = 2") {
      for (sums <- Case.ofNotFinite(codec, 1500).map(_.expected(0, 2)))
        for (i <- Expected.notFinite.indices) assert(!sums(Case.notFiniteAt(i)).isFinite)
    }

  for (ahead <- Seq(0, 1, 5))
    test(s"$ahead rounds ahead: bits of plain loops, P = 3") {
      val codec = GradientCodec.of("int8")
      for (each <- Case.ofFloats(codec, 5 * chunk + 77)) {
        val found =
          Ranks.onHosts(Seq(0, 0, 0), Hierarchy.FLAT, ahead)((ranked, _) => each.run(ranked))
        for ((values, rank) <- found.zipWithIndex)
          same(values.get, each.expected(rank, 3), s"${each.name}, rank $rank")
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
