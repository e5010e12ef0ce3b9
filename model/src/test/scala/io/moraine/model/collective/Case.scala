package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec

import scala.collection.mutable
import scala.jdk.CollectionConverters._

/** A collective as each rank runs it, and what plain loops in one place say that a rank gets.
  *
  * @param run
  *   on a rank; what it got
  * @param expected
  *   for a rank, of so many
  */
case class Case(
    name: String,
    run: Communicator => Array[Float],
    expected: (Int, Int) => Array[Float]
)

object Case {

  val codecs: Seq[GradientCodec] = GradientCodec.all().asScala.toSeq :+ GradientCodec.topK(0.01)

  /** Every collective that has a codec, on ranks' own values of this length. */
  def ofFloats(codec: GradientCodec, length: Int, seed: Long = 0): Seq[Case] =
    Seq(
      allReduce(codec, Expected.values(_, length, seed)),
      scatterAndGather(codec, Expected.values(_, length, seed)),
      owing(codec, length, seed)
    ) ++ encodedElsewhere(codec, length, seed) ++ Seq(0, -1).map(
      broadcast(codec, length, seed, _)
    ) :+ allToAll(codec, seed)

  /** Sums of values some of which are not finite. */
  def ofNotFinite(codec: GradientCodec, length: Int): Seq[Case] = {
    def values(rank: Int): Array[Float] = {
      val all = Expected.values(rank, length)
      for ((bad, i) <- Expected.notFinite.zipWithIndex; place = notFiniteAt(i); if place < length)
        if (rank % 2 == i % 2) all(place) = bad
      all
    }
    Seq(allReduce(codec, values), scatterAndGather(codec, values)).map(plain =>
      plain.copy(name = s"${plain.name} of what is not finite")
    )
  }

  /** Where they are: in blocks of their own. */
  def notFiniteAt(i: Int): Int = 300 * i + 17

  /** Rows of tokens in FP8, which are sent in whole tiles. */
  def ofRows(row: Int, seed: Long = 0): Seq[Case] = Seq(allToAll(GradientCodec.fp8(row), seed, row))

  /** The others: bytes, counts and sums. */
  def ofBytes(length: Int): Seq[Case] =
    Seq(0, -1).map(broadcastBytes(length, _)) :+ allToAllBytes :+ gathered :+ sums

  /** @param contribution of a rank */
  private def allReduce(codec: GradientCodec, contribution: Int => Array[Float]) = Case(
    "all-reduce",
    communicator => {
      val values = contribution(communicator.rank)
      communicator.allReduce(values, codec)
      values
    },
    (_, worldSize) => sum(codec, contribution, worldSize)
  )

  /** @param contribution of a rank */
  def scatterAndGather(codec: GradientCodec, contribution: Int => Array[Float]): Case = Case(
    "reduce-scatter, then all-gather",
    communicator => {
      val values = contribution(communicator.rank)
      val layout = new ShardLayout(values.length.toLong, communicator.worldSize, 256)
      val shard = new Array[Float](layout.size(communicator.rank))
      communicator.reduceScatter(reader(values), layout, codec, shard)
      val all = new Array[Float](values.length)
      communicator.allGather(
        shard,
        layout,
        codec,
        (to, src, offset, count) => System.arraycopy(src, offset, all, to.toInt, count)
      )
      all
    },
    (_, worldSize) => sum(codec, contribution, worldSize)
  )

  private def encodedElsewhere(codec: GradientCodec, length: Int, seed: Long) =
    if (codec.name == "topk") Seq.empty
    else Seq(scatterAndGatherEncoded(codec, Expected.values(_, length, seed)))

  /** The same with shards that are encoded as a whole, and decoded by whoever gets the bytes.
    *
    * @param codec
    *   whose bytes are as many for every block
    */
  def scatterAndGatherEncoded(codec: GradientCodec, contribution: Int => Array[Float]): Case =
    scatterAndGather(codec, contribution).copy(
      name = "reduce-scatter, then all-gather of bytes",
      run = communicator => {
        val values = contribution(communicator.rank)
        val layout = new ShardLayout(values.length.toLong, communicator.worldSize, 256)
        val shard = new Array[Float](layout.size(communicator.rank))
        communicator.reduceScatter(reader(values), layout, codec, shard)
        val encoded = new Array[Byte](codec.encodedBytes(shard.length))
        codec.encode(shard, 0, encoded, 0, shard.length)
        val sent: ByteReader = (from, count, dst) => {
          val at = codec.encodedBytes((from - layout.from(communicator.rank)).toInt)
          dst.put(encoded, at, codec.encodedBytes(count))
        }
        val all = new Array[Float](values.length)
        val taken: ByteWriter = (to, count, src) => {
          val bytes = new Array[Byte](src.remaining)
          src.get(bytes)
          codec.decode(bytes, 0, bytes.length, all, to.toInt, count)
        }
        communicator.allGather(sent, layout, codec, taken)
        all
      }
    )

  private def sum(codec: GradientCodec, contribution: Int => Array[Float], worldSize: Int) =
    Expected.allReduce(codec, (0 until worldSize).map(contribution))

  /** Three steps' shards of a rank, then what it owes. */
  private def owing(codec: GradientCodec, length: Int, seed: Long) = {
    val steps = 3
    def contribution(rank: Int, step: Int): Array[Float] = {
      val values = Expected.values(rank, length, seed + step)
      // Now and then a block is all zero, as that of an expert without tokens.
      for (i <- values.indices if i / 256 % 5 == (rank + step) % 5) values(i) = 0
      values
    }
    def ofAll(worldSize: Int): Seq[Array[Float]] = {
      val ranks = 0 until worldSize
      val residuals = ranks.map(_ => new Array[Float](length))
      val layout = new ShardLayout(length.toLong, worldSize, 256)
      val sums = (0 until steps).map(step =>
        Expected.reduceScatter(codec, ranks.map(contribution(_, step)), residuals)
      )
      ranks.map { rank =>
        val own = sums.map(_.slice(layout.from(rank).toInt, layout.to(rank).toInt))
        Array.concat(own :+ residuals(rank): _*)
      }
    }
    val byWorldSize = mutable.Map.empty[Int, Seq[Array[Float]]]
    Case(
      "reduce-scatter with error feedback",
      communicator => {
        val layout = new ShardLayout(length.toLong, communicator.worldSize, 256)
        val feedback = new ErrorFeedback(length.toLong)
        val shards = (0 until steps).map { step =>
          val shard = new Array[Float](layout.size(communicator.rank))
          val values = contribution(communicator.rank, step)
          communicator.reduceScatter(reader(values), layout, codec, feedback, shard)
          shard
        }
        Array.concat(shards :+ feedback.residual: _*)
      },
      (rank, worldSize) => byWorldSize.getOrElseUpdate(worldSize, ofAll(worldSize))(rank)
    )
  }

  private def reader(values: Array[Float]): FloatReader =
    (from, dst, offset, count) => System.arraycopy(values, from.toInt, dst, offset, count)

  /** From the first rank, or from the last. */
  private def broadcast(codec: GradientCodec, length: Int, seed: Long, at: Int) = Case(
    s"broadcast from ${named(at)}",
    communicator => {
      val values = Expected.values(communicator.rank, length, seed)
      communicator.broadcast(root(at, communicator.worldSize), values, codec)
      values
    },
    (_, worldSize) => Expected.through(codec, Expected.values(root(at, worldSize), length, seed))
  )

  /** As many of so many elements as there are for each rank. */
  private def allToAll(codec: GradientCodec, seed: Long, each: Int = 1) = {
    def count(from: Int, to: Int): Int = each * (Expected.count(from, to) / each)
    def part(from: Int, to: Int): Array[Float] =
      Expected.values(100 * from + to, count(from, to), seed)
    Case(
      "all-to-all",
      communicator => {
        val (rank, ranks) = (communicator.rank, 0 until communicator.worldSize)
        val sent = ranks.map(count(rank, _)).toArray
        val received = communicator.exchangeCounts(sent)
        assert(received.toSeq == ranks.map(count(_, rank)))
        val dst = new Array[Float](received.sum)
        val src = Array.concat(ranks.map(part(rank, _)): _*)
        communicator.allToAll(src, sent, codec, dst, received)
        dst
      },
      (rank, worldSize) =>
        Array.concat((0 until worldSize).map(from => Expected.through(codec, part(from, rank))): _*)
    )
  }

  private def broadcastBytes(length: Int, at: Int) = {
    def content(root: Int): Array[Byte] = Array.tabulate(length)(i => (i * 7 + root).toByte)
    Case(
      s"broadcast of bytes from ${named(at)}",
      communicator => {
        val from = root(at, communicator.worldSize)
        val own = if (communicator.rank == from) content(from) else Array[Byte](1, 2)
        communicator.broadcastBytes(from, own).map(_.toFloat)
      },
      (_, worldSize) => content(root(at, worldSize)).map(_.toFloat)
    )
  }

  private def allToAllBytes = {
    def part(from: Int, to: Int): Array[Byte] =
      Array.tabulate(5 * Expected.count(from, to))(i => (i * 31 + 7 * from + to).toByte)
    Case(
      "all-to-all of bytes",
      communicator => {
        val (rank, ranks) = (communicator.rank, 0 until communicator.worldSize)
        val sent = ranks.map(part(rank, _).length).toArray
        val received = communicator.exchangeCounts(sent)
        val dst = new Array[Byte](received.sum)
        communicator.allToAll(Array.concat(ranks.map(part(rank, _)): _*), sent, dst, received)
        dst.map(_.toFloat)
      },
      (rank, worldSize) => Array.concat((0 until worldSize).map(part(_, rank)): _*).map(_.toFloat)
    )
  }

  private def gathered = Case(
    "all-gather of bytes, barrier",
    communicator => {
      communicator.barrier()
      val all = communicator.allGatherBytes(ownBytes(communicator.rank))
      communicator.requireIdentical("how many there are", all.length.toLong)
      all.flatten.map(_.toFloat)
    },
    (_, worldSize) => Array.concat((0 until worldSize).map(ownBytes): _*).map(_.toFloat)
  )

  private def ownBytes(rank: Int): Array[Byte] =
    Array.tabulate(3 * rank)(i => (50 * rank + i).toByte)

  /** Doubles whose sum in another order than that of ranks is another one. */
  private def sums = Case(
    "sums of doubles and longs",
    communicator => {
      val doubles =
        communicator.allReduceSum(Array(inOrder(communicator.rank), communicator.rank + 0.5))
      val longs = communicator.allReduceSum(Array(communicator.rank.toLong, 10L))
      (doubles ++ longs.map(_.toDouble)).map(_.toFloat)
    },
    (_, worldSize) => {
      val ranks = (0 until worldSize).sum
      Array(
        (0 until worldSize).map(inOrder).foldLeft(0.0)(_ + _),
        ranks + 0.5 * worldSize,
        ranks.toDouble,
        10.0 * worldSize
      ).map(_.toFloat)
    }
  )

  /** 1, 1e17, -1e17, 1, ...: what comes before the second is lost. */
  private def inOrder(rank: Int): Double = rank match {
    case 1 => 1e17
    case 2 => -1e17
    case _ => 1
  }

  private def root(at: Int, worldSize: Int): Int = if (at < 0) worldSize - 1 else at

  private def named(at: Int): String = if (at < 0) "the last rank" else s"rank $at"
}
