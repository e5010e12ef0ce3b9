package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.collective.transport.Mesh
import org.scalatest.funsuite.AnyFunSuite

/** Collectives by hosts. */
class HostsCollectiveSuite extends AnyFunSuite {

  private val chunk = 65536

  private def run[T](hosts: Seq[Int], hierarchy: Hierarchy = Hierarchy.HOSTS)(
      work: (Communicator, Mesh) => T
  ): Seq[T] = Ranks.onHosts(hosts, hierarchy)(work).map(_.get)

  private def sizes(worldSize: Int): Seq[Int] =
    Seq(0, 1, 255, 256 * worldSize + 1, 3 * chunk * worldSize + 77)

  private def contributions(worldSize: Int, size: Int): Seq[Array[Float]] =
    (0 until worldSize).map(Expected.values(_, size))

  private def same(found: Array[Float], expected: Array[Float], clue: String): Unit = {
    val place = java.util.Arrays.mismatch(
      found.map(java.lang.Float.floatToRawIntBits),
      expected.map(java.lang.Float.floatToRawIntBits)
    )
    assert(place == -1, s"$clue: element $place differs")
  }

  private def reader(values: Array[Float]): FloatReader =
    (from, dst, offset, count) => System.arraycopy(values, from.toInt, dst, offset, count)

  private val twoByTwo = Seq(0, 0, 1, 1)
  private val shapes = Seq(
    "2 hosts of 2" -> twoByTwo,
    "3 hosts of 2" -> Seq(0, 0, 1, 1, 2, 2),
    "2 hosts of 4" -> Seq(0, 0, 0, 0, 1, 1, 1, 1),
    "4 hosts of 2" -> Seq(0, 0, 1, 1, 2, 2, 3, 3),
    "2 hosts of 2, not in order" -> Seq(0, 1, 1, 0)
  )

  for ((name, hosts) <- shapes; codec <- Case.codecs) {
    val worldSize = hosts.size

    test(s"${codec.name}, $name: all-reduce is the sum by hosts, the same bits on all") {
      val found = run(hosts) { (communicator, _) =>
        sizes(worldSize).map { size =>
          val values = Expected.values(communicator.rank, size)
          communicator.allReduce(values, codec)
          values
        }
      }
      for ((size, at) <- sizes(worldSize).zipWithIndex) {
        val expected = Expected.allReduceByHosts(codec, contributions(worldSize, size), hosts)
        for (rank <- found) same(rank(at), expected, s"$size elements")
      }
    }

    test(s"${codec.name}, $name: reduce-scatter, then all-gather, gives the same") {
      val size = chunk * worldSize + 300
      val values: Int => Array[Float] = Expected.values(_, size)
      val asBytes =
        Seq(Case.scatterAndGatherEncoded(codec, values)).filter(_ => codec.name != "topk")
      val expected = Expected.allReduceByHosts(codec, contributions(worldSize, size), hosts)
      for (both <- Case.scatterAndGather(codec, values) +: asBytes) {
        val found = run(hosts)((communicator, _) => both.run(communicator))
        for (all <- found) same(all, expected, both.name)
      }
    }
  }

  for ((name, hosts) <- shapes) {
    val worldSize = hosts.size
    val size = 20 * 256 * worldSize
    val exact = contributions(worldSize, size).transpose.map(_.map(_.toDouble).sum)

    def shards(codec: GradientCodec): Array[Float] = Array.concat(
      run(hosts) { (communicator, _) =>
        val layout = new ShardLayout(size.toLong, worldSize, 256)
        val shard = new Array[Float](layout.size(communicator.rank))
        val values = Expected.values(communicator.rank, size)
        communicator.reduceScatter(reader(values), layout, codec, shard)
        shard
      }: _*
    )

    test(s"$name: fp32 differs from the exact sum, and so from the flat form, by rounding alone") {
      for ((found, expected) <- shards(GradientCodec.of("fp32")).zip(exact))
        assert(math.abs(found - expected) <= 1e-6 * worldSize * 4)
    }

    test(s"$name: the error of int8 keeps the bound of hosts, which is below the flat form's") {
      def bounds(parts: Seq[Array[Float]]): Seq[Double] =
        (0 until size / 256).map(block =>
          parts.map(_.slice(256 * block, 256 * block + 256).map(math.abs(_)).max / 254.0).sum
        )
      val ranks = contributions(worldSize, size)
      val byHost = bounds(Expected.hostSums(ranks, hosts))
      val flat = bounds(ranks)
      assert(byHost.zip(flat).forall { case (a, b) => a < b })
      for (((found, expected), i) <- shards(GradientCodec.of("int8")).zip(exact).zipWithIndex)
        assert(math.abs(found - expected) <= byHost(i / 256) + 1e-5, s"element $i")
    }

    test(s"$name: bytes between hosts are a share of the flat form's, one by ranks of a host") {
      val (h, l) = (hosts.distinct.size, hosts.count(_ == 0))
      val n = 4 * chunk * worldSize
      val codec = GradientCodec.of("int8")
      def across(hierarchy: Hierarchy): Seq[(Long, Long)] =
        run(hosts, hierarchy) { (communicator, mesh) =>
          val others = hosts.indices.filter(hosts(_) != hosts(communicator.rank))
          val layout = new ShardLayout(n.toLong, worldSize, 256)
          val values = Expected.values(communicator.rank, n)
          val shard = new Array[Float](layout.size(communicator.rank))
          // Whoever answers a second time has the first message, and all that was sent before it.
          def sent(): Long = {
            communicator.barrier()
            communicator.barrier()
            others.map(mesh.sentBytes(_)).sum
          }
          def measured(work: => Unit): Long = {
            val before = sent()
            work
            sent() - before
          }
          (
            measured(communicator.reduceScatter(reader(values), layout, codec, shard)),
            measured(communicator.allGather(shard, layout, codec, (_, _, _, _) => ()))
          )
        }
      val whole = codec.encodedBytes(n).toDouble * (h - 1) / h
      for (
        (hierarchy, expected) <- Seq(Hierarchy.FLAT -> whole, Hierarchy.HOSTS -> whole / l);
        (reduced, gathered) <- across(hierarchy); bytes <- Seq(reduced, gathered)
      )
        assert(bytes >= expected && bytes <= expected + 38 * (expected / chunk + 40), hierarchy)
    }
  }

  test("error feedback by hosts owes nothing for good, and only where a rank encodes") {
    val (worldSize, size, steps) = (4, 12 * 256, 20)
    val codec = GradientCodec.of("int4")
    val layout = new ShardLayout(size.toLong, worldSize, 256)
    val found = run(twoByTwo) { (communicator, _) =>
      val feedback = new ErrorFeedback(size.toLong)
      val sum = new Array[Double](layout.size(communicator.rank))
      for (step <- 0 until steps) {
        val shard = new Array[Float](sum.length)
        val values = Expected.values(communicator.rank, size, step.toLong)
        communicator.reduceScatter(reader(values), layout, codec, feedback, shard)
        for (i <- sum.indices) sum(i) += shard(i)
      }
      (sum, feedback.residual)
    }
    val delivered = Array.concat(found.map(_._1): _*)
    for (i <- 0 until size) {
      val contributed = (0 until steps).flatMap(step =>
        (0 until worldSize).map(Cache(step, size).apply(_)(i).toDouble)
      )
      val owed = found.map(_._2(i).toDouble).sum
      assert(math.abs(delivered(i) + owed - contributed.sum) < 1e-4, s"element $i")
    }
    for ((_, residual) <- found)
      assert(residual.exists(_ != 0))
    for (rank <- 0 until worldSize; owner <- 0 until worldSize if rank % 2 != owner % 2)
      assert(
        found(rank)._2.slice(layout.from(owner).toInt, layout.to(owner).toInt).forall(_ == 0),
        s"rank $rank owes of what rank $owner's number encodes"
      )
  }

  private object Cache {
    private val all = scala.collection.mutable.Map.empty[Int, Seq[Array[Float]]]
    def apply(step: Int, size: Int): Seq[Array[Float]] =
      all.getOrElseUpdate(step, (0 until 4).map(Expected.values(_, size, step.toLong)))
  }

  test("debts from a run with other ranks reach whoever encodes, those of resting blocks wait") {
    val (worldSize, size) = (4, 4 * 512)
    val layout = new ShardLayout(size.toLong, worldSize, 256)
    val found = run(twoByTwo) { (communicator, _) =>
      val feedback = new ErrorFeedback(size.toLong)
      java.util.Arrays.fill(feedback.residual, 0.25f)
      val values = Array.tabulate(size)(i => if (i / 256 % 2 == 0) 1f else 0f)
      val shard = new Array[Float](layout.size(communicator.rank))
      val codec = GradientCodec.of("fp32")
      communicator.reduceScatter(reader(values), layout, codec, feedback, shard)
      (shard, feedback.residual)
    }
    val delivered = Array.concat(found.map(_._1): _*)
    for (i <- 0 until size) {
      val owed = found.map(_._2(i)).sum
      if (i / 256 % 2 == 0) assert(delivered(i) == 5f && owed == 0f, s"element $i")
      else assert(delivered(i) == 0f && owed == 1f, s"element $i")
    }
  }

  for (ahead <- Seq(0, 1, 5))
    test(s"$ahead rounds ahead: the same bits") {
      val (worldSize, codec) = (twoByTwo.size, GradientCodec.of("int8"))
      val size = 3 * chunk * worldSize + 77
      val both = Case.scatterAndGather(codec, Expected.values(_, size))
      val found = Ranks.onHosts(twoByTwo, Hierarchy.HOSTS, ahead)((ranked, _) => both.run(ranked))
      val expected = Expected.allReduceByHosts(codec, contributions(worldSize, size), twoByTwo)
      for (all <- found) same(all.get, expected, "")
    }

  test("no line where collectives are as wanted") {
    for ((hosts, wanted) <- Seq(twoByTwo -> Hierarchy.HOSTS, Seq(0, 0, 1) -> Hierarchy.FLAT))
      assert(run(hosts, wanted)((communicator, _) => communicator.whyFlat.isEmpty).forall(identity))
  }

  test(
    "hosts with different numbers of ranks, one host, or one rank a host: the flat form, and a line says why"
  ) {
    val codec = GradientCodec.of("int8")
    for (hosts <- Seq(Seq(0, 0, 1), Seq(0, 0, 0), Seq(0, 1, 2))) {
      val size = 3 * 256 + 5
      val found = run(hosts) { (communicator, _) =>
        val ranks =
          hosts.indices.groupBy(hosts).toSeq.sortBy(_._1).map(_._2.mkString("[", ", ", "]"))
        assert(
          communicator.whyFlat.get ==
            "collectives are flat: by hosts they need several hosts with as many ranks each, more " +
            ranks.mkString("than one; ranks by host: [", ", ", "]")
        )
        val values = Expected.values(communicator.rank, size)
        communicator.allReduce(values, codec)
        values
      }
      val expected = Expected.allReduce(codec, contributions(3, size))
      for (values <- found) same(values, expected, hosts.toString)
    }
  }
}
