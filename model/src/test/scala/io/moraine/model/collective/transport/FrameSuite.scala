package io.moraine.model.collective.transport

import java.io.{ByteArrayOutputStream, IOException}
import java.nio.ByteBuffer
import java.nio.channels.{Channels, GatheringByteChannel, ScatteringByteChannel}
import java.util.SplittableRandom
import java.util.zip.CRC32C
import org.scalatest.funsuite.AnyFunSuite

class FrameSuite extends AnyFunSuite {

  private val pool = new PayloadPool
  private val tag = new Tag(Operation.ALL_TO_ALL, 5, 70000000000L)

  private def frame(kind: Frame.Kind, content: Array[Byte]): Frame =
    Frame.of(kind, tag, pool.wrap(content))

  private def written(frames: Frame*): Array[Byte] = {
    val bytes = new ByteArrayOutputStream
    val writer = new FrameWriter(gathering(bytes))
    val sizes = frames.map(_.bytes)
    frames.foreach(writer.append)
    writer.flush()
    assert(sizes.sum == bytes.size)
    bytes.toByteArray
  }

  private def read(bytes: Array[Byte]): Frame =
    new FrameReader(scattering(bytes), pool).read()

  private def content(frame: Frame): Seq[Byte] = frame.payload.toBytes.toSeq

  /** Takes no more than some bytes at a time, as sockets do. */
  private def gathering(bytes: ByteArrayOutputStream): GatheringByteChannel =
    new GatheringByteChannel {
      private val channel = Channels.newChannel(bytes)
      private val random = new SplittableRandom(5)

      override def write(src: ByteBuffer): Int = {
        val end = src.limit()
        src.limit(math.min(end, src.position() + 1 + random.nextInt(100000)))
        val count = channel.write(src)
        src.limit(end)
        count
      }
      override def write(sources: Array[ByteBuffer]): Long =
        write(sources.find(_.hasRemaining).get).toLong
      override def write(sources: Array[ByteBuffer], offset: Int, length: Int): Long =
        write(sources.slice(offset, offset + length))
      override def isOpen: Boolean = true
      override def close(): Unit = ()
    }

  /** Gives no more than some bytes at a time, as sockets do. */
  private def scattering(bytes: Array[Byte]): ScatteringByteChannel =
    new ScatteringByteChannel {
      private val left = ByteBuffer.wrap(bytes)
      private val random = new SplittableRandom(7)

      private def give(targets: Seq[ByteBuffer]): Int = {
        var allowed = 1 + random.nextInt(100000)
        val before = left.position()
        for (dst <- targets) {
          val count = Seq(allowed, dst.remaining, left.remaining).min
          dst.put(left.slice(left.position(), count))
          left.position(left.position() + count)
          allowed -= count
        }
        if (left.position() > before || left.hasRemaining) left.position() - before else -1
      }
      override def read(dst: ByteBuffer): Int = give(Seq(dst))
      override def read(targets: Array[ByteBuffer]): Long = give(targets.toSeq).toLong
      override def read(targets: Array[ByteBuffer], offset: Int, length: Int): Long =
        read(targets.slice(offset, offset + length))
      override def isOpen: Boolean = true
      override def close(): Unit = ()
    }

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
      val reader = new FrameReader(scattering(all), pool)
      for (expected <- contents) {
        val back = reader.read()
        assert(back.kind == kind && back.tag == tag && content(back) == expected.toSeq)
        back.payload.release()
      }
    }
  }

  test("a payload's memory is used again when nobody holds it any more, and not before") {
    def fill(payload: Payload, value: Byte): Payload = {
      payload.buffer.put(Array.fill(payload.length)(value))
      payload
    }
    val first = fill(pool.allocate(5000), 1)
    first.retain()
    first.release()
    val second = fill(pool.allocate(5000), 2)
    assert(first.toBytes.forall(_ == 1) && second.toBytes.forall(_ == 2))
    first.release()
    assert(pool.allocate(6000).toBytes.take(5000).forall(_ == 1), "the first one's memory")
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

  test("a frame of another version is named") {
    assert(
      intercept[IOException](read(bytes.updated(3, '2'.toByte))).getMessage ==
        "a frame of version 2, this rank has 5"
    )
  }

  test("a header with a right checksum and a kind, operation or length that there is not") {
    val (kindAt, operationAt, lengthAt, checksumAt) = (4, 5, 26, 30)
    def checked(change: ByteBuffer => Unit): Array[Byte] = {
      val changed = ByteBuffer.wrap(bytes.clone)
      change(changed)
      val crc = new CRC32C
      crc.update(changed.array, kindAt, checksumAt - kindAt)
      changed.putInt(checksumAt, crc.getValue.toInt).array
    }
    assert(content(read(checked(_ => ()))) == payload.toSeq)
    val wrong = Seq[(ByteBuffer => Unit, Int)](
      (_.put(kindAt, 0.toByte), payload.length),
      (_.put(kindAt, 5.toByte), payload.length),
      (_.put(operationAt, 0.toByte), payload.length),
      (_.put(operationAt, (Operation.values.map(_.code).max + 1).toByte), payload.length),
      (_.putInt(lengthAt, -1), -1),
      (_.putInt(lengthAt, (1 << 26) + 1), (1 << 26) + 1)
    )
    for ((change, length) <- wrong)
      assert(
        intercept[IOException](read(checked(change))).getMessage ==
          s"no frame: unknown kind or operation, or length $length"
      )
  }

  test("a frame that comes twice or too soon is named") {
    val two = written(frame(Frame.Kind.DATA, payload), frame(Frame.Kind.DATA, payload))
    val second = two.drop(bytes.length)
    assert(intercept[IOException](read(second)).getMessage == "frame 1 came where 0 was due")
    val reader =
      new FrameReader(scattering(bytes ++ bytes), pool)
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
