package io.moraine.pipeline.spark

import io.moraine.pipeline.sequence.PackConfig
import org.apache.spark.sql.DataFrame
import org.apache.spark.sql.functions.rand
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

class PackingSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val config = new PackConfig(16, 1)

  private lazy val documents: Seq[(String, Seq[Int])] = {
    val random = new Random(1)
    (0 until 500).map(i => f"d$i%03d" -> Seq.fill(random.nextInt(60))(1 + random.nextInt(99)))
  }

  private def table(partitions: Int): DataFrame = {
    import spark.implicits._
    documents
      .map { case (id, tokens) => (id, tokens, tokens.size) }
      .toDF("id", "tokens", "n_tokens")
      .orderBy(rand(partitions.toLong))
      .repartition(partitions)
  }

  private def rows(packed: Packing.Packed): Seq[(Long, Seq[Int], Seq[Int], Seq[String])] =
    packed.sequences
      .collect()
      .map(r =>
        (r.getLong(0), r.getSeq[Int](1).toSeq, r.getSeq[Int](2).toSeq, r.getSeq[String](3).toSeq)
      )
      .sortBy(_._1)
      .toSeq

  test("sequences are the documents in keyed order, cut by a plain loop") {
    val packed = Packing.pack(table(3), config, 0)
    val inOrder = documents.sortWith { case ((a, _), (b, _)) =>
      val order = java.lang.Long.compareUnsigned(config.orderKey(a), config.orderKey(b))
      order < 0 || order == 0 && a < b
    }
    val stream = inOrder.flatMap(_._2 :+ 0)
    // Buckets are taken by the key's top bits, within a bucket by its signed value.
    assert(packed.tokens == stream.size && packed.documents == 500)
    assert(packed.count == stream.size / 17 && packed.tailTokens == stream.size % 17)
    val found = rows(packed)
    assert(found.map(_._1) == (0L until packed.count))
    assert(found.forall(_._2.size == 17))
    assert(found.flatMap(_._2) == stream.take(found.size * 17))
  }

  test("the same rows for 1, 3 and 8 partitions in shuffled order") {
    val all = Seq(1, 3, 8).map(n => rows(Packing.pack(table(n), config, 0)))
    assert(all(0) == all(1) && all(1) == all(2))
  }
}
