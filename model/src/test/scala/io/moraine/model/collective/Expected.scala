package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import java.util.SplittableRandom

/** What collectives have to give, computed in one place by plain loops. */
object Expected {

  def values(rank: Int, length: Int, seed: Long = 0): Array[Float] = {
    val random = new SplittableRandom(1000 * seed + rank)
    Array.fill(length)(random.nextGaussian().toFloat)
  }

  val notFinite: Seq[Float] = Seq(Float.NaN, Float.PositiveInfinity, Float.NegativeInfinity)

  /** What everybody decodes of these values, sent in chunks of at most 65,536 and whole blocks. */
  def through(codec: GradientCodec, values: Array[Float]): Array[Float] = {
    val chunk = 65536 / codec.blockElements * codec.blockElements
    Array.concat(values.grouped(chunk).map(throughAtOnce(codec, _)).toSeq: _*)
  }

  private def throughAtOnce(codec: GradientCodec, values: Array[Float]): Array[Float] = {
    val bytes = new Array[Byte](codec.encodedBytes(values.length))
    val written = codec.encode(values, 0, bytes, 0, values.length)
    val decoded = new Array[Float](values.length)
    codec.decode(bytes, 0, written, decoded, 0, values.length)
    decoded
  }

  /** Shard by shard: contributions through the codec, added in the order of ranks, then the sum. */
  def allReduce(codec: GradientCodec, contributions: Seq[Array[Float]]): Array[Float] =
    allReduce(codec, contributions, contributions.size)

  /** The same with the contributions of hosts, each of which is a sum of its ranks'. */
  def allReduceByHosts(
      codec: GradientCodec,
      contributions: Seq[Array[Float]],
      hosts: Seq[Int]
  ): Array[Float] = allReduce(codec, hostSums(contributions, hosts), contributions.size)

  /** In the order of each host's ranks; hosts in the order of their first ranks. */
  def hostSums(contributions: Seq[Array[Float]], hosts: Seq[Int]): Seq[Array[Float]] =
    for (host <- hosts.distinct) yield {
      val sum = new Array[Float](contributions.head.length)
      for (rank <- hosts.indices if hosts(rank) == host; i <- sum.indices)
        sum(i) += contributions(rank)(i)
      sum
    }

  private def allReduce(
      codec: GradientCodec,
      contributions: Seq[Array[Float]],
      worldSize: Int
  ): Array[Float] = {
    val length = contributions.head.length
    val layout = new ShardLayout(length.toLong, worldSize, 256)
    val shards = (0 until worldSize).map { owner =>
      val from = layout.from(owner).toInt
      val sum = new Array[Float](layout.size(owner))
      for (contribution <- contributions) {
        val decoded = through(codec, contribution.slice(from, from + sum.length))
        add(decoded, sum)
      }
      through(codec, sum)
    }
    Array.concat(shards: _*)
  }

  /** All shards' sums of contributions and what is owed of them, which changes. */
  def reduceScatter(
      codec: GradientCodec,
      contributions: Seq[Array[Float]],
      residuals: Seq[Array[Float]]
  ): Array[Float] = {
    val sum = new Array[Float](contributions.head.length)
    val layout = new ShardLayout(sum.length.toLong, contributions.size, 256)
    for ((contribution, residual) <- contributions.zip(residuals)) {
      val isResting = contribution.grouped(256).map(_.forall(_ == 0)).toArray
      val owing = contribution.clone
      for (i <- owing.indices if !isResting(i / 256)) owing(i) += residual(i)
      val decoded = Array.concat(contributions.indices.map { owner =>
        through(codec, owing.slice(layout.from(owner).toInt, layout.to(owner).toInt))
      }: _*)
      for (i <- decoded.indices if !isResting(i / 256)) residual(i) = owing(i) - decoded(i)
      add(decoded, sum)
    }
    sum
  }

  /** Adds; a sum that is NaN is one and the same NaN. */
  private def add(values: Array[Float], sum: Array[Float]): Unit =
    for (i <- sum.indices) {
      val next = sum(i) + values(i)
      sum(i) = if (next.isNaN) Float.NaN else next
    }

  /** How much goes from one rank to another: nothing, little, or more than a chunk. */
  def count(from: Int, to: Int): Int = (3 * from + to) % 4 match {
    case 0 => 0
    case 1 => 1 + from
    case 2 => 1000 * from + 257 * to
    case 3 => 2 * 65536 + 300 * from + to
  }
}
