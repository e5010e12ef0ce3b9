package io.moraine.pipeline.spark

import io.moraine.pipeline.sequence.{PackConfig, PackingStrategy}
import io.moraine.pipeline.tokenizer.{Tokenizer, TokenizerConfig}
import org.apache.spark.sql.functions.rand
import org.apache.spark.sql.{DataFrame, Row}
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

class PackingSparkSuite extends AnyFunSuite with SharedSparkSession {

  private case class Sequence(
      id: Long,
      filled: Int,
      tokens: Seq[Int],
      starts: Seq[Int],
      documents: Seq[String],
      copies: Seq[Int],
      offsets: Seq[Int]
  )

  private def config(packing: PackingStrategy) = new PackConfig(16, packing, 1)

  /** 500 documents, every seventh of them twice. */
  private def documents(count: Int): Seq[(String, Int, Seq[Int])] = {
    val random = new Random(1)
    (0 until count).flatMap { i =>
      val tokens = Seq.fill(random.nextInt(60))(1 + random.nextInt(99))
      (0 to (if (i % 7 == 0) 1 else 0)).map(copy => (f"d$i%05d", copy, tokens))
    }
  }

  private def table(rows: Seq[(String, Int, Seq[Int])], partitions: Int): DataFrame = {
    import spark.implicits._
    rows
      .map { case (id, copy, tokens) => (id, copy, tokens, tokens.size) }
      .toDF("id", "copy", "tokens", "n_tokens")
      .orderBy(rand(partitions.toLong))
      .repartition(partitions)
  }

  private def rows(packed: Packing.Packed): Seq[Sequence] = {
    def sequence(r: Row) = Sequence(
      r.getAs("sequence_id"),
      r.getAs("filled"),
      r.getSeq[Int](r.fieldIndex("tokens")).toSeq,
      r.getSeq[Int](r.fieldIndex("starts")).toSeq,
      r.getSeq[String](r.fieldIndex("documents")).toSeq,
      r.getSeq[Int](r.fieldIndex("copies")).toSeq,
      r.getSeq[Int](r.fieldIndex("offsets")).toSeq
    )
    packed.sequences.collect().map(sequence).sortBy(_.id).toSeq
  }

  /** (document, copy) to its tokens, put together from its segments, which must join. */
  private def unpacked(sequences: Seq[Sequence]): Map[(String, Int), Seq[Int]] =
    sequences
      .flatMap { s =>
        val ends = s.starts.drop(1) :+ s.filled
        s.starts.indices.map { i =>
          ((s.documents(i), s.copies(i)), (s.offsets(i), s.tokens.slice(s.starts(i), ends(i))))
        }
      }
      .groupMap(_._1)(_._2)
      .map { case (document, pieces) =>
        val inOrder = pieces.sortBy(_._1)
        assert(inOrder.map(_._1) == inOrder.map(_._2.size).scanLeft(0)(_ + _).init)
        document -> inOrder.flatMap(_._2)
      }

  for (packing <- PackingStrategy.values) {
    test(s"$packing: every document is read back from its sequences, the sums add up") {
      val corpus = documents(500)
      val packed = Packing.pack(table(corpus, 3), config(packing), 0)
      val found = rows(packed)
      assert(found.map(_.id) == (0L until packed.count))
      assert(found.forall(s => s.tokens.size == 17 && s.starts.head == 0 && s.filled >= 1))
      assert(found.forall(s => s.tokens.drop(s.filled).forall(_ == 0)))
      assert(packed.documents == corpus.size && packed.tokens == corpus.map(_._3.size + 1).sum)
      assert(packed.count * 17 == packed.tokens + packed.paddingTokens)
      assert(found.map(17 - _.filled).sum == packed.paddingTokens)
      val expected = corpus.map { case (id, copy, tokens) => (id, copy) -> (tokens :+ 0) }.toMap
      assert(unpacked(found) == expected)
    }

    test(s"$packing: the same rows for 1, 2 and 7 partitions in shuffled order") {
      val corpus = documents(500)
      val all = Seq(1, 2, 7).map(n => rows(Packing.pack(table(corpus, n), config(packing), 0)))
      assert(all(0) == all(1) && all(1) == all(2))
    }

    test(s"$packing: no documents are no sequences") {
      val packed = Packing.pack(table(Nil, 1), config(packing), 0)
      assert(rows(packed).isEmpty)
      assert(packed.count == 0 && packed.tokens == 0 && packed.paddingTokens == 0)
    }
  }

  test("CONCAT: sequences are the documents in keyed order, cut by a plain loop") {
    val keyed = config(PackingStrategy.CONCAT)
    val corpus = documents(500)
    val packed = Packing.pack(table(corpus, 3), keyed, 0)
    val inOrder = corpus.sortWith { case ((a, i, _), (b, j, _)) =>
      val order = java.lang.Long.compareUnsigned(keyed.orderKey(a, i), keyed.orderKey(b, j))
      order < 0 || order == 0 && (a < b || a == b && i < j)
    }
    val stream = inOrder.flatMap(_._3 :+ 0)
    val found = rows(packed)
    assert(found.flatMap(s => s.tokens.take(s.filled)) == stream)
    assert(found.init.forall(_.filled == 17) && packed.count == (stream.size + 16) / 17)
  }

  test("BEST_FIT: only documents longer than a sequence are cut, several buckets lose little") {
    val corpus = documents(8000)
    assert(BestFitPacking.bucketBits(corpus.map(_._3.size + 1L).sum, 17) == 2)
    val packed = Packing.pack(table(corpus, 4), config(PackingStrategy.BEST_FIT), 0)
    val pieces = rows(packed).flatMap(s => s.documents.zip(s.copies)).groupBy(identity)
    for ((id, copy, tokens) <- corpus) assert(pieces((id, copy)).size == tokens.size / 17 + 1)
    assert(packed.paddingTokens < packed.tokens / 100)
    val concat = rows(Packing.pack(table(corpus, 4), config(PackingStrategy.CONCAT), 0))
    assert(concat.map(_.documents.size).sum > 1.1 * pieces.values.map(_.size).sum)
  }

  test("buckets of best-fit packing hold 4,096 sequences or 16 Mi tokens, up to twice as many") {
    assert(BestFitPacking.bucketBits(0, 17) == 0)
    assert(BestFitPacking.bucketBits(2L * 4096 * 17 - 1, 17) == 0)
    assert(BestFitPacking.bucketBits(2L * 4096 * 17, 17) == 1)
    assert(BestFitPacking.bucketBits(1L << 40, 131073) == 16)
    assert(BestFitPacking.bucketBits(1L << 60, 17) == 20)
  }

  test(
    "of more pieces than the driver may hold the rarest are left out, all that are equally rare"
  ) {
    import spark.implicits._
    val counts = Seq("aa" -> 9L, "ab" -> 5L, "ac" -> 5L, "ad" -> 2L, "ae" -> 1L)
      .map { case (piece, count) => (piece.getBytes("UTF-8"), count) }
      .toDF("piece", "count")
    def train(maxPieces: Long) = TokenizerTraining.train(
      counts,
      new TokenizerConfig(300, 1, maxPieces, java.util.List.of(Tokenizer.END_OF_TEXT)),
      _ => ()
    )
    val some = train(2)
    assert((some.pieces, some.rarePieces, some.rareCount, some.rareOccurrences) == ((5, 4, 5, 13)))
    assert(some.tokenizer.vocabularySize == 258)
    val all = train(5)
    assert(all.rarePieces == 0 && all.tokenizer.vocabularySize == 262)
  }
}
