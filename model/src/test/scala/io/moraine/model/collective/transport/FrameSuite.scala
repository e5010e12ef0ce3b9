package io.moraine.model.collective.transport

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, IOException}
import java.nio.channels.Channels
import java.util.SplittableRandom
import java.util.concurrent.atomic.AtomicLong
import org.scalatest.funsuite.AnyFunSuite

class FrameSuite extends AnyFunSuite {

  private val pool = new PayloadPool
  private val tag = new Tag(Operation.ALL_TO_ALL, 5, 70000000000L)

  private def frame(kind: Frame.Kind, content: Array[Byte]): Frame =
    new Frame(kind, tag, pool.wrap(content))

  private def written(frames: Frame*): Array[Byte] = {
    val bytes = new ByteArrayOutputStream
    val sent = new AtomicLong
    val writer = new FrameWriter(Channels.newChannel(bytes), sent)
    frames.foreach(writer.append)
    writer.flush()
    assert(sent.get == bytes.size)
    bytes.toByteArray
  }

  private def read(bytes: Array[Byte]): Frame =
    new FrameReader(Channels.newChannel(new ByteArrayInputStream(bytes)), pool).read()

  private def content(frame: Frame): Seq[Byte] =
    frame.payload.bytes.take(frame.payload.length).toSeq

  private val payload = Array.tabulate(300)(_.toByte)
  private val bytes = written(frame(Frame.Kind.DATA, payload))

  test("frames of any size are read as they were written, one after the other") {
    val random = new SplittableRandom(3)
    val sizes =
      Seq(0, 1, 300, 1 << 18, 0, (1 << 19) - 20, 5, 3000000) ++ Seq.fill(50)(random.nextInt(90000))
    val contents = sizes.map { size =>
      val content = new Array[Byte](size)
      random.nextBytes(content)
      content
    }
    for (kind <- Frame.Kind.values) {
      val all = written(contents.map(frame(kind, _)): _*)
      val reader = new FrameReader(Channels.newChannel(new ByteArrayInputStream(all)), pool)
      for (expected <- contents) {
        val back = reader.read()
        assert(back.kind == kind && back.tag == tag && content(back) == expected.toSeq)
        back.payload.release()
      }
    }
  }

  test("a payload's array is used again when nobody holds it any more, and not before") {
    val first = pool.allocate(5000)
    first.retain()
    first.release()
    assert(pool.allocate(5000).bytes ne first.bytes)
    first.release()
    assert(pool.allocate(6000).bytes eq first.bytes)
    assert(
      intercept[AssertionError](first.release()).getMessage ==
        "unreachable: a payload that nobody holds was released"
    )
  }

  test("each flipped bit of a frame is noticed") {
    for (bit <- 0 until 8 * bytes.length) {
      val damaged = bytes.clone
      damaged(bit / 8) = (damaged(bit / 8) ^ (1 << bit % 8)).toByte
      intercept[IOException](read(damaged))
    }
  }

  test("each shortened frame is noticed") {
    for (length <- bytes.indices) intercept[IOException](read(bytes.take(length)))
  }

  test("a frame that comes twice or too soon is named") {
    val two = written(frame(Frame.Kind.DATA, payload), frame(Frame.Kind.DATA, payload))
    val second = two.drop(bytes.length)
    assert(intercept[IOException](read(second)).getMessage == "frame 1 came where 0 was due")
    val reader =
      new FrameReader(Channels.newChannel(new ByteArrayInputStream(bytes ++ bytes)), pool)
    reader.read()
    assert(intercept[IOException](reader.read()).getMessage == "frame 0 came where 1 was due")
  }

  test("10,000 inputs of garbage, with and without a frame's beginning, are no frames") {
    val random = new SplittableRandom(11)
    for (i <- 1 to 10000) {
      val garbage = new Array[Byte](random.nextInt(400))
      random.nextBytes(garbage)
      if (i % 2 == 0)
        System.arraycopy(bytes, 0, garbage, 0, math.min(garbage.length, i % Frame.HEADER_BYTES))
      intercept[IOException](read(garbage))
    }
  }
}
