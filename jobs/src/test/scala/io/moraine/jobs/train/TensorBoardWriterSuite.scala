package io.moraine.jobs.train

import java.io.ByteArrayOutputStream
import java.util.HexFormat
import org.apache.hadoop.fs.{FSDataOutputStream, Syncable}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable

class TensorBoardWriterSuite extends AnyFunSuite {

  import EventFile.{doubles, fields, records}

  private def bytes(hex: String) = HexFormat.of.parseHex(hex.replace(" ", ""))

  /** The first record of an event file in TensorFlow's own tests, event_file_loader_test.py. */
  private val ofTensorFlow = bytes(
    "18 00 00 00 00 00 00 00 a3 7f 4b 22 09 00 00 c0 25 dd 75 d5 41 1a 0d " +
      "62 72 61 69 6e 2e 45 76 65 6e 74 3a 31 ec f3 32 8d"
  )

  test(
    "the reader of these tests reads a record of TensorFlow's, and refuses any bit of it turned"
  ) {
    val Seq(record) = records(ofTensorFlow): @unchecked
    val version = fields(record).collectFirst { case (3, b: Array[Byte]) => new String(b) }
    assert(version.contains("brain.Event:1"))
    for (at <- ofTensorFlow.indices; bit <- 0 to 7) {
      val turned = ofTensorFlow.clone
      turned(at) = (turned(at) ^ 1 << bit).toByte
      assertThrows[Exception](records(turned))
    }
  }

  test("a scalar is the record that another writer's tests publish, byte for byte") {
    // TeamHG-Memex/tensorboard_logger, tests/test_tensorboard_logger.py: 1.5 at step 1, time 256.5.
    val published = bytes(
      "19 00 00 00 00 00 00 00 8b f1 08 28 09 00 00 00 00 00 08 70 40 10 01 2a 0c 0a 0a " +
        "0a 03 76 2f 31 15 00 00 c0 3f 2c ec c0 87"
    )
    val out = new ByteArrayOutputStream
    val writer = new TensorBoardWriter(new FSDataOutputStream(out, null), () => 256500L)
    val begun = out.size
    writer.scalar("v/1", 1, 1.5)
    assert(out.toByteArray.drop(begun).toSeq == published.toSeq)
  }

  private def file(write: TensorBoardWriter => Unit): Array[Byte] = {
    val out = new ByteArrayOutputStream
    val writer = new TensorBoardWriter(new FSDataOutputStream(out, null), () => 1500L)
    write(writer)
    writer.close()
    out.toByteArray
  }

  test("what is written is seen on HDFS at a flush, and after ten seconds without one") {
    class Seen extends ByteArrayOutputStream with Syncable {
      val at = mutable.Buffer.empty[Int]
      override def hflush(): Unit = at += size
      override def hsync(): Unit = hflush()
    }
    val out = new Seen
    var now = 0L
    val writer = new TensorBoardWriter(new FSDataOutputStream(out, null), () => now)
    def written(millis: Long): Int = {
      now = millis
      writer.scalar("loss/train", 1, 1.0)
      out.size
    }
    written(9999)
    assert(out.at.isEmpty)
    val late = written(10000)
    assert(out.at.toSeq == Seq(late))
    val asked = written(10001)
    writer.flush()
    written(20000)
    assert(out.at.toSeq == Seq(late, asked))
    val later = written(20001)
    assert(out.at.toSeq == Seq(late, asked, later))
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
    assert(doubles(histogram(6)) == Seq(0.0, 1.0, 2.0))
    assert(doubles(histogram(7)) == Seq(3.0, 0.0, 5.0))
  }
}
