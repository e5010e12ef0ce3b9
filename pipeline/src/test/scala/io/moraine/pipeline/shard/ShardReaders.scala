package io.moraine.pipeline.shard

import java.nio.ByteBuffer
import java.nio.ByteOrder.LITTLE_ENDIAN
import java.nio.charset.StandardCharsets.US_ASCII

/** Readers of shards, written from the published layouts alone. */
object ShardReaders {

  /** What an .idx says of its .bin. */
  case class Index(
      dtype: Int,
      lengths: Seq[Int],
      pointers: Seq[Long],
      documentIndices: Seq[Long]
  )

  /** IndexedDataset's .idx: 34 bytes of header, then int32, int64 and int64 arrays. */
  def megatronIndex(bytes: Array[Byte]): Index = {
    val in = ByteBuffer.wrap(bytes).order(LITTLE_ENDIAN)
    val magic = new Array[Byte](9)
    in.get(magic)
    require(magic.toSeq == "MMIDIDX".getBytes(US_ASCII).toSeq ++ Seq[Byte](0, 0), "magic")
    require(in.getLong == 1, "version")
    val dtype = in.get.toInt
    val sequences = in.getLong.toInt
    val documents = in.getLong.toInt
    require(in.position() == 34)
    val index = Index(
      dtype,
      Seq.fill(sequences)(in.getInt),
      Seq.fill(sequences)(in.getLong),
      Seq.fill(documents)(in.getLong)
    )
    require(!in.hasRemaining, s"${in.remaining} bytes behind the index")
    index
  }

  /** The documents of a .bin with its .idx. */
  def megatron(bin: Array[Byte], idx: Array[Byte]): Seq[Seq[Int]] = {
    val index = megatronIndex(idx)
    val in = ByteBuffer.wrap(bin).order(LITTLE_ENDIAN)
    val sequences = index.lengths.zip(index.pointers).map { case (length, pointer) =>
      index.dtype match {
        case 8 => (0 until length).map(i => in.getShort(pointer.toInt + 2 * i) & 0xffff)
        case 4 => (0 until length).map(i => in.getInt(pointer.toInt + 4 * i))
      }
    }
    require(index.documentIndices.head == 0 && index.documentIndices.last == sequences.size)
    index.documentIndices
      .sliding(2)
      .collect { case Seq(from, to) => sequences.slice(from.toInt, to.toInt).flatten }
      .toSeq
  }

  /** The tokens of an llm.c or modded-nanogpt file: 256 int32 of header, then the tokens. */
  def stream(bytes: Array[Byte]): Seq[Int] = {
    val in = ByteBuffer.wrap(bytes).order(LITTLE_ENDIAN)
    val header = Seq.fill(256)(in.getInt)
    require(header.drop(3).forall(_ == 0), "the rest of the header is 0")
    val tokens = (header.head, header(1)) match {
      case (20240520, 1)    => Seq.fill(header(2))(in.getShort & 0xffff)
      case (20240801, 7)    => Seq.fill(header(2))(in.getInt)
      case (magic, version) => sys.error(s"magic $magic, version $version")
    }
    require(!in.hasRemaining, s"${in.remaining} bytes behind the tokens")
    tokens
  }
}
