package io.moraine.pipeline.sequence

import io.moraine.pipeline.SeededProperties
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class BestFitSuite extends AnyFunSuite with SeededProperties {

  private val endOfText = -1

  private val packings = for {
    capacity <- Gen.choose(2, 40)
    lengths <- Gen.listOf(Gen.choose(1, capacity))
  } yield (capacity, lengths)

  /** Best-fit-decreasing by looking at every bin each time; the room left in each bin. */
  private def naiveRooms(lengths: Seq[Int], capacity: Int): Seq[Int] =
    lengths.sorted.reverse.foldLeft(Vector.empty[Int]) { (rooms, length) =>
      rooms.zipWithIndex.filter(_._1 >= length).minOption match {
        case Some((room, bin)) => rooms.updated(bin, room - length)
        case None              => rooms :+ (capacity - length)
      }
    }

  private def rooms(lengths: Seq[Int], bins: Array[Int], capacity: Int): Seq[Int] =
    lengths.indices
      .groupBy(bins(_))
      .values
      .map(pieces => capacity - pieces.map(lengths(_)).sum)
      .toSeq

  test("the bins have the room that looking at every bin each time leaves") {
    forEvery(packings, 500) { case (capacity, lengths) =>
      val bins = BestFit.bins(lengths.toArray, capacity)
      assert(rooms(lengths, bins, capacity).sorted == naiveRooms(lengths, capacity).sorted)
      assert(BestFit.count(lengths.toArray, capacity) == bins.distinct.length)
    }
  }

  test("bins are numbered by their first piece, and the lengths are left as they were") {
    forEvery(packings, 200) { case (capacity, lengths) =>
      val original = lengths.toArray
      val bins = BestFit.bins(original, capacity)
      assert(bins.distinct.toSeq == bins.distinct.indices)
      assert(original.toSeq == lengths)
    }
  }

  test("pieces of half a bin and less than half never leave two bins half empty") {
    forEvery(packings, 200) { case (capacity, lengths) =>
      val left = rooms(lengths, BestFit.bins(lengths.toArray, capacity), capacity)
      val used = left.map(capacity - _)
      assert(used.count(2 * _ <= capacity) <= 1)
    }
  }

  test("a piece longer than a bin is refused") {
    val error = intercept[IllegalArgumentException](BestFit.bins(Array(3, 9), 8))
    assert(error.getMessage == "a piece must have 1 to 8 tokens, got 9")
  }

  private def pack(documents: Seq[Seq[Int]], rowTokens: Int): Seq[SequenceChunk] = {
    val packer = new BestFitPacker(rowTokens, endOfText)
    documents.zipWithIndex.foreach { case (tokens, i) => packer.add(s"d$i", i, tokens.toArray) }
    packer.pack(100).asScala.toSeq
  }

  private val corpora = Gen.listOf(Gen.listOf(Gen.choose(0, 9)))

  test("documents are read back from their segments: no token lost, none doubled") {
    forEvery(Gen.zip(corpora, Gen.choose(2, 7)), 300) { case (documents, rowTokens) =>
      val chunks = pack(documents, rowTokens)
      assert(chunks.map(_.sequence) == chunks.indices.map(100L + _))
      val pieces =
        for (chunk <- chunks; (segment, i) <- chunk.segments.asScala.zipWithIndex) yield {
          val end =
            if (i + 1 < chunk.segments.size) chunk.segments.get(i + 1).start
            else chunk.tokens.length
          val tokens = chunk.tokens.slice(segment.start, end).toSeq
          assert(tokens.nonEmpty && s"d${segment.copy}" == segment.document)
          (segment.copy, segment.offset, tokens)
        }
      for ((tokens, i) <- documents.zipWithIndex) {
        val own = pieces.filter(_._1 == i).sortBy(_._2)
        assert(own.map(_._2) == own.map(_._3.size).scanLeft(0)(_ + _).init)
        assert(own.flatMap(_._3) == tokens :+ endOfText)
      }
      assert(pieces.map(_._3.size).sum == documents.map(_.size + 1).sum)
    }
  }

  test("only documents longer than a sequence are cut, into the fewest pieces") {
    forEvery(Gen.zip(corpora, Gen.choose(2, 7)), 300) { case (documents, rowTokens) =>
      val pieces = pack(documents, rowTokens).flatMap(_.segments.asScala).groupBy(_.copy)
      for ((tokens, i) <- documents.zipWithIndex)
        assert(pieces(i).size == (tokens.size + rowTokens) / rowTokens)
    }
  }

  test("the number of sequences is known from the lengths alone") {
    forEvery(Gen.zip(corpora, Gen.choose(2, 7)), 300) { case (documents, rowTokens) =>
      val lengths = documents.map(_.size + 1).toArray
      assert(BestFitPacker.sequences(lengths, rowTokens) == pack(documents, rowTokens).size)
      assert(BestFitPacker.sequences(lengths.reverse, rowTokens) == pack(documents, rowTokens).size)
    }
  }
}
