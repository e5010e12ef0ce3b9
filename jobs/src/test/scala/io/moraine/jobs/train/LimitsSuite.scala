package io.moraine.jobs.train

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, ObjectInputStream, ObjectOutputStream}
import java.time.Duration
import java.util.Optional
import org.scalatest.funsuite.AnyFunSuite

class LimitsSuite extends AnyFunSuite {

  private val over = Optional.of("its time is over")
  private val second = 1000000000L

  private def sent(left: Limits.Left): Limits.Left = {
    val bytes = new ByteArrayOutputStream
    new ObjectOutputStream(bytes).writeObject(left)
    new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray)).readObject match {
      case there: Limits.Left => there
    }
  }

  test(
    "time that is left is the same on a machine whatever its clocks say, theirs may be negative"
  ) {
    val limits = new Limits(100, Optional.of(3000 * second))
    val left = sent(limits.left(2990 * second))
    for (now <- Seq(-7000 * second, 0L, 5000 * second, Long.MaxValue - second)) {
      val there = left.from(now)
      assert(there.reached(99, now + 10 * second - 1).isEmpty)
      assert(there.reached(99, now + 10 * second) == over)
      assert(there.reached(100, now) == Optional.of("100 tokens are seen"))
    }
    assert(sent(limits.left(3001 * second)).from(0).reached(0, 0) == over)
  }

  test("no limit stays none; time counts from when it is set") {
    assert(sent(Limits.NONE.left(5)).from(7) == Limits.NONE)
    assert(Limits.NONE.reached(Long.MaxValue - 1, Long.MaxValue).isEmpty)
    val before = System.nanoTime
    val limits = Limits.ofTokens(7).within(Duration.ofHours(1))
    val after = System.nanoTime
    assert(limits.tokens == 7)
    assert(limits.reached(0, before + 3600 * second - 1).isEmpty)
    assert(limits.reached(0, after + 3600 * second) == over)
  }
}
