package io.moraine.jobs.train

import java.io.ByteArrayOutputStream
import java.nio.{ByteBuffer, ByteOrder}
import java.util.zip.CRC32C
import org.scalatest.funsuite.AnyFunSuite

class TensorBoardWriterSuite extends AnyFunSuite {

  /** Fields of a protocol buffer message: number to raw values, by an independent reading. */
  private def fields(bytes: Array[Byte]): Seq[(Int, Any)] = {
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

  private def records(file: Array[Byte]): Seq[Array[Byte]] = {
    val in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN)
    def masked(bytes: Array[Byte]): Int = {
      val crc = new CRC32C
      crc.update(bytes)
      val c = crc.getValue.toInt
      ((c >>> 15) | (c << 17)) + 0xa282ead8
    }
    Iterator
      .continually(())
      .takeWhile(_ => in.hasRemaining)
      .map { _ =>
        val header = new Array[Byte](8)
        in.get(header)
        val length = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong
        assert(in.getInt == masked(header))
        val data = new Array[Byte](length.toInt)
        in.get(data)
        assert(in.getInt == masked(data))
        data
      }
      .toSeq
  }

  private def file(write: TensorBoardWriter => Unit): Array[Byte] = {
    val out = new ByteArrayOutputStream
    val writer = new TensorBoardWriter(out, () => 1500L)
    write(writer)
    writer.close()
    out.toByteArray
  }

  test("a file begins with its version and holds scalars with tag, step, value and time") {
    val Seq(version, event) =
      records(file(_.scalar("loss/train", 300, 2.5))).map(fields): @unchecked
    assert(
      version.collectFirst { case (3, b: Array[Byte]) => new String(b) }.contains("brain.Event:2")
    )
    assert(event.collectFirst { case (1, time) => time }.contains(1.5))
    assert(event.collectFirst { case (2, step) => step }.contains(300L))
    val summary = event.collectFirst { case (5, b: Array[Byte]) => fields(b) }.get
    val value = summary.collectFirst { case (1, b: Array[Byte]) => fields(b) }.get
    assert(value.collectFirst { case (1, b: Array[Byte]) => new String(b) }.contains("loss/train"))
    assert(value.collectFirst { case (2, number) => number }.contains(2.5f))
  }

  test("a text is a tensor of one text, for the plugin of that name, in a block of code") {
    val event = fields(records(file(_.text("samples/0", 7, "one\n  two")))(1)).toMap
    assert(event(2) == 7L)
    val value = fields(
      fields(event(5).asInstanceOf[Array[Byte]]).toMap.apply(1).asInstanceOf[Array[Byte]]
    ).toMap
    def message(fields: Map[Int, Any], number: Int) = fields(number).asInstanceOf[Array[Byte]]
    assert(new String(message(value, 1)) == "samples/0")
    val tensor = fields(message(value, 8)).toMap
    assert(tensor(1) == 7L && message(tensor, 2).isEmpty)
    assert(new String(message(tensor, 8)) == "    one\n      two\n")
    val plugin = fields(message(fields(message(value, 9)).toMap, 1)).toMap
    assert(new String(message(plugin, 1)) == "text")
  }

  test("a histogram has one bucket per expert") {
    val event = fields(records(file(_.histogram("load", 1, Array(3L, 0L, 5L))))(1))
    val summary = event.collectFirst { case (5, b: Array[Byte]) => fields(b) }.get
    val value = summary.collectFirst { case (1, b: Array[Byte]) => fields(b) }.get
    val histogram = value.collectFirst { case (5, b: Array[Byte]) => fields(b) }.get.toMap
    assert(histogram(3) == 8.0 && histogram(4) == 10.0 && histogram(5) == 20.0)
    def doubles(field: Int) = {
      val b =
        ByteBuffer.wrap(histogram(field).asInstanceOf[Array[Byte]]).order(ByteOrder.LITTLE_ENDIAN)
      Seq.fill(3)(b.getDouble)
    }
    assert(doubles(6) == Seq(0.0, 1.0, 2.0) && doubles(7) == Seq(3.0, 0.0, 5.0))
  }
}
