package io.moraine.pipeline.shard

import io.moraine.pipeline.SeededProperties
import java.io.{ByteArrayOutputStream, IOException}
import java.util.HexFormat
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable

class ShardFormatSuite extends AnyFunSuite with SeededProperties {

  private val endOfText = 3

  private class Memory extends ShardFiles {
    val files = mutable.Map.empty[String, ByteArrayOutputStream]
    override def create(name: String): ByteArrayOutputStream =
      files.getOrElseUpdate(name, new ByteArrayOutputStream)
    def bytes(name: String): Array[Byte] = files(name).toByteArray
  }

  private def write(
      format: ShardFormat,
      documents: Seq[Seq[Int]],
      vocabularySize: Int
  ): Memory = {
    format.requireFits(vocabularySize)
    val files = new Memory
    val tokens = documents.map(_.size + 1L).sum
    val writer = format.writer("x", files, tokens, vocabularySize, endOfText)
    documents.foreach(tokens => writer.add((tokens :+ endOfText).toArray))
    writer.close()
    files
  }

  private def corpora(vocabularySize: Int): Gen[Seq[Seq[Int]]] =
    Gen.listOf(Gen.listOf(Gen.choose(0, vocabularySize - 1)))

  for (vocabularySize <- Seq(300, 65_499, 65_500, 65_536, 200_000))
    test(s"megatron, $vocabularySize ids: every document is read back from .bin and .idx") {
      forEvery(corpora(vocabularySize), 100) { documents =>
        val files = write(ShardFormat.MEGATRON, documents, vocabularySize)
        val bin = files.bytes("x_text_document.bin")
        val idx = files.bytes("x_text_document.idx")
        assert(files.files.size == 2 && idx.length == 34 + 20 * documents.size + 8)
        assert(ShardReaders.megatron(bin, idx) == documents.map(_ :+ endOfText))
        val width = if (vocabularySize < 65_500) 2 else 4
        assert(bin.length == width * documents.map(_.size + 1).sum)
      }
    }

  for (
    (format, vocabularySize) <- Seq(
      ShardFormat.LLMC -> 65_536,
      ShardFormat.NANOGPT -> 50_257,
      ShardFormat.LLMC_U32 -> 200_000
    )
  )
    test(s"$format: the stream is read back, end-of-text before each document") {
      forEvery(corpora(vocabularySize), 100) { documents =>
        val bytes = write(format, documents, vocabularySize).bytes("x.bin")
        assert(ShardReaders.stream(bytes) == documents.flatMap(endOfText +: _))
      }
    }

  test("more than a buffer's worth is written in order") {
    val document = (0 until 300_000).map(_ % 50_000)
    val megatron = write(ShardFormat.MEGATRON, Seq(document, Nil, document), 50_000)
    assert(
      ShardReaders.megatron(
        megatron.bytes("x_text_document.bin"),
        megatron.bytes("x_text_document.idx")
      ) == Seq(document, Nil, document).map(_ :+ endOfText)
    )
    val stream = write(ShardFormat.LLMC_U32, Seq(document), 50_000).bytes("x.bin")
    assert(ShardReaders.stream(stream) == endOfText +: document)
  }

  test("the bytes of two small shards do not change") {
    val hex = HexFormat.of()
    val documents = Seq(Seq(258, 1), Nil)
    val megatron = write(ShardFormat.MEGATRON, documents, 300)
    assert(
      hex.formatHex(megatron.bytes("x_text_document.bin")) == "0201" + "0100" + "0300" + "0300"
    )
    assert(
      hex.formatHex(megatron.bytes("x_text_document.idx")) ==
        "4d4d4944494458" + "0000" + "0100000000000000" + "08" +
        "0200000000000000" + "0300000000000000" + "03000000" + "01000000" +
        "0000000000000000" + "0600000000000000" +
        "0000000000000000" + "0100000000000000" + "0200000000000000"
    )
    val stream = write(ShardFormat.LLMC, documents, 300).bytes("x.bin")
    assert(
      hex.formatHex(stream) == "88d83401" + "01000000" + "04000000" + "00" * 1012 +
        "0300" + "0201" + "0100" + "0300"
    )
  }

  test("16 bits refuse a vocabulary above 65,536 in one line") {
    for (format <- Seq(ShardFormat.LLMC, ShardFormat.NANOGPT)) {
      format.requireFits(65_536)
      val error = intercept[IllegalArgumentException](format.requireFits(65_537))
      assert(
        error.getMessage == s"${format.written} stores tokens in 16 bits: the vocabulary must " +
          "have at most 65,536 ids, got 65,537. Take llmc-u32 or megatron"
      )
    }
    ShardFormat.LLMC_U32.requireFits(1 << 20)
    ShardFormat.MEGATRON.requireFits(1 << 20)
  }

  test("a stream of more tokens than its header can count is refused") {
    ShardFormat.NANOGPT.requireShardTokens(2147483647L)
    ShardFormat.MEGATRON.requireShardTokens(1L << 40)
    val error =
      intercept[IllegalArgumentException](ShardFormat.NANOGPT.requireShardTokens(2147483648L))
    assert(
      error.getMessage == "a shard of nanogpt has at most 2,147,483,647 tokens, " +
        "got 2,147,483,648. Ask for smaller ones"
    )
  }

  test("a stream of another length than announced is an error when it is closed") {
    val writer = ShardFormat.LLMC.writer("x", new Memory, 5, 300, endOfText)
    writer.add(Array(1, endOfText))
    val error = intercept[IOException](writer.close())
    assert(error.getMessage == "the shard has 2 tokens, its header says 5.")
  }
}
