package io.moraine.jobs.train

import java.nio.{ByteBuffer, ByteOrder}
import java.util.zip.CRC32C

/** An independent reader of TensorBoard's event files: TFRecord frames, each checksum checked, and
  * fields of protocol buffer messages.
  *
  * @source
  *   tensorflow/core/lib/io/record_writer.cc; tensorflow/core/util/event.proto
  */
object EventFile {

  /** What a value of a summary is: one number, or how often each bucket was hit. */
  sealed trait Value
  case class Scalar(number: Float) extends Value
  case class Histogram(limits: Seq[Double], counts: Seq[Double]) extends Value
  case object Other extends Value

  case class Event(step: Long, tag: String, value: Value)

  /** The events with a summary, in order. */
  def events(file: Array[Byte]): Seq[Event] = records(file).flatMap { record =>
    val event = fields(record)
    for (
      case (5, summary: Array[Byte]) <- event;
      case (1, value: Array[Byte]) <- fields(summary)
    )
      yield {
        val parts = fields(value).toMap
        val step = event.toMap.get(2).fold(0L)(_.asInstanceOf[Long])
        Event(step, new String(parts(1).asInstanceOf[Array[Byte]]), valueOf(parts))
      }
  }

  private def valueOf(parts: Map[Int, Any]): Value =
    parts.get(2).map(number => Scalar(number.asInstanceOf[Float])).getOrElse {
      parts.get(5).fold[Value](Other) { histogram =>
        val of = fields(histogram.asInstanceOf[Array[Byte]]).toMap
        Histogram(doubles(of(6)), doubles(of(7)))
      }
    }

  /** Packed doubles. */
  def doubles(field: Any): Seq[Double] = {
    val in = ByteBuffer.wrap(field.asInstanceOf[Array[Byte]]).order(ByteOrder.LITTLE_ENDIAN)
    Seq.fill(in.remaining / 8)(in.getDouble)
  }

  /** The frames' data. */
  def records(file: Array[Byte]): Seq[Array[Byte]] = {
    val in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN)
    Iterator
      .continually(())
      .takeWhile(_ => in.hasRemaining)
      .map { _ =>
        val header = new Array[Byte](8)
        in.get(header)
        val length = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong
        require(in.getInt == masked(header), s"checksum of the length before ${in.position()}")
        val data = new Array[Byte](length.toInt)
        in.get(data)
        require(in.getInt == masked(data), s"checksum of the data before ${in.position()}")
        data
      }
      .toSeq
  }

  private def masked(bytes: Array[Byte]): Int = {
    val crc = new CRC32C
    crc.update(bytes)
    val c = crc.getValue.toInt
    ((c >>> 15) | (c << 17)) + 0xa282ead8
  }

  /** Fields of a message: number to raw value. */
  def fields(bytes: Array[Byte]): Seq[(Int, Any)] = {
    val in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    def varint(): Long = {
      var (value, shift, b) = (0L, 0, in.get())
      while (b < 0) { value |= (b & 0x7fL) << shift; shift += 7; b = in.get() }
      value | b.toLong << shift
    }
    Iterator
      .continually(())
      .takeWhile(_ => in.hasRemaining)
      .map { _ =>
        val key = varint().toInt
        val value: Any = key & 7 match {
          case 0 => varint()
          case 1 => in.getDouble
          case 2 => val b = new Array[Byte](varint().toInt); in.get(b); b
          case 5 => in.getFloat
        }
        (key >>> 3, value)
      }
      .toSeq
  }
}
