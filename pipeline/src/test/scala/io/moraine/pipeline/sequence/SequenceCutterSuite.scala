package io.moraine.pipeline.sequence

import io.moraine.pipeline.SeededProperties
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class SequenceCutterSuite extends AnyFunSuite with SeededProperties {

  private val endOfText = -1

  private def cut(documents: Seq[Seq[Int]], rowTokens: Int, offset: Long): Seq[SequenceChunk] = {
    val chunks = Seq.newBuilder[SequenceChunk]
    val cutter = new SequenceCutter(rowTokens, endOfText, offset, chunk => chunks += chunk)
    documents.zipWithIndex.foreach { case (tokens, i) => cutter.add(s"d$i", 0, tokens.toArray) }
    cutter.finish()
    chunks.result()
  }

  private val corpora = Gen.listOf(Gen.listOf(Gen.choose(0, 9)))

  test("chunks are the concatenation of documents with end-of-text, in place") {
    forEvery(Gen.zip(corpora, Gen.choose(2, 7), Gen.choose(0, 20)), 300) {
      case (documents, rowTokens, offset) =>
        val chunks = cut(documents, rowTokens, offset)
        assert(chunks.flatMap(_.tokens) == documents.flatMap(_ :+ endOfText))
        var at = offset.toLong
        for (chunk <- chunks) {
          assert(chunk.sequence * rowTokens + chunk.position == at)
          assert(chunk.tokens.length > 0 && chunk.position + chunk.tokens.length <= rowTokens)
          at += chunk.tokens.length
        }
    }
  }

  test("every token is traced to its document and its place there by the segments") {
    forEvery(Gen.zip(corpora, Gen.choose(2, 7)), 300) { case (documents, rowTokens) =>
      val expected = documents.zipWithIndex.flatMap { case (tokens, i) =>
        (0 to tokens.size).map(at => (s"d$i", at))
      }
      val traced = cut(documents, rowTokens, 0).flatMap { chunk =>
        val segments = chunk.segments.asScala
        val starts = segments.map(_.start)
        assert(starts == starts.sorted.distinct)
        chunk.tokens.indices.map { i =>
          val segment = segments(starts.lastIndexWhere(_ <= chunk.position + i))
          (segment.document, segment.offset + chunk.position + i - segment.start)
        }
      }
      assert(traced == expected)
    }
  }

  test("about the asked share of documents is held out, by id alone; false alarm 1e-6") {
    val heldOut = new HeldOut(0.1, 1)
    val count = (1 to 10000).count(i => heldOut.contains(s"document $i"))
    assert(math.abs(count - 1000) < 5 * math.sqrt(10000 * 0.1 * 0.9))
    assert(!new HeldOut(0, 1).contains("a"))
    assert((1 to 1000).exists(i => heldOut.contains(s"$i") != new HeldOut(0.1, 2).contains(s"$i")))
  }
}
