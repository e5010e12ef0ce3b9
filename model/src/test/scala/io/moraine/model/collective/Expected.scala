package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import java.util.SplittableRandom

/** What collectives have to give, computed in one place by plain loops. */
object Expected {

  def values(rank: Int, length: Int, seed: Long = 0): Array[Float] = {
    val random = new SplittableRandom(1000 * seed + rank)
    Array.fill(length)(random.nextGaussian().toFloat)
  }

  /** What everybody decodes of these values. */
  def through(codec: GradientCodec, values: Array[Float]): Array[Float] = {
    val bytes = new Array[Byte](codec.encodedBytes(values.length))
    val written = codec.encode(values, 0, bytes, 0, values.length)
    val decoded = new Array[Float](values.length)
    codec.decode(bytes, 0, written, decoded, 0, values.length)
    decoded
  }

  /** Shard by shard: contributions through the codec, added in the order of ranks, then the sum. */
  def allReduce(codec: GradientCodec, contributions: Seq[Array[Float]]): Array[Float] = {
    val length = contributions.head.length
    val layout = new ShardLayout(length.toLong, contributions.size, 256)
    val shards = contributions.indices.map { owner =>
      val from = layout.from(owner).toInt
      val sum = new Array[Float](layout.size(owner))
      for (contribution <- contributions) {
        val decoded = through(codec, contribution.slice(from, from + sum.length))
        for (i <- sum.indices) sum(i) += decoded(i)
      }
      through(codec, sum)
    }
    Array.concat(shards: _*)
  }

  /** How much goes from one rank to another: nothing, little, or more than a chunk. */
  def count(from: Int, to: Int): Int = (3 * from + to) % 4 match {
    case 0 => 0
    case 1 => 1 + from
    case 2 => 1000 * from + 257 * to
    case 3 => 2 * 65536 + 300 * from + to
  }
}
