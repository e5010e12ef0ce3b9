package io.moraine.model.collective.transport

import java.io.{ByteArrayInputStream, DataInputStream, IOException}
import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

class FrameSuite extends AnyFunSuite {

  private def read(bytes: Array[Byte], sequence: Long): Frame =
    Frame.read(new DataInputStream(new ByteArrayInputStream(bytes)), sequence)

  private val payload = Array.tabulate(300)(_.toByte)
  private val bytes = new Frame(Frame.Kind.DATA, payload).toBytes(7)

  test("a frame is read as it was written, empty or full") {
    for (kind <- Frame.Kind.values; content <- Seq(Array.empty[Byte], payload)) {
      val back = read(new Frame(kind, content).toBytes(3), 3)
      assert(back.kind == kind && back.payload.sameElements(content))
    }
  }

  test("each flipped bit of a frame is noticed") {
    for (bit <- 0 until 8 * bytes.length) {
      val damaged = bytes.clone
      damaged(bit / 8) = (damaged(bit / 8) ^ (1 << bit % 8)).toByte
      intercept[IOException](read(damaged, 7))
    }
  }

  test("each shortened frame is noticed") {
    for (length <- bytes.indices) intercept[IOException](read(bytes.take(length), 7))
  }

  test("a frame that came before or comes too soon is named") {
    for (due <- Seq(6L, 8L)) {
      val error = intercept[IOException](read(bytes, due))
      assert(error.getMessage == s"frame 7 came where $due was due")
    }
  }

  test("10,000 inputs of garbage, with and without a frame's beginning, are no frames") {
    val random = new SplittableRandom(11)
    for (i <- 1 to 10000) {
      val garbage = new Array[Byte](random.nextInt(400))
      random.nextBytes(garbage)
      if (i % 2 == 0) System.arraycopy(bytes, 0, garbage, 0, math.min(garbage.length, i % 21))
      intercept[IOException](read(garbage, 7))
    }
  }
}
