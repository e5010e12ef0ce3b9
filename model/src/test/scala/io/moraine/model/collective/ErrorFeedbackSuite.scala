package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

class ErrorFeedbackSuite extends AnyFunSuite {

  private val length = 1000
  private val int4 = GradientCodec.of("int4")

  private def sent(
      feedback: ErrorFeedback,
      values: Array[Float],
      codec: GradientCodec = int4
  ): Array[Float] = {
    val bytes = new Array[Byte](codec.encodedBytes(values.length))
    val written = feedback.encode(codec, 0, values.clone, values.length, bytes)
    val decoded = new Array[Float](values.length)
    codec.decode(bytes, 0, written, decoded, 0, values.length)
    decoded
  }

  for (
    (codec, owed) <-
      Seq(int4 -> 0.5, GradientCodec.of("sign") -> 40.0, GradientCodec.topK(0.1) -> 100.0)
  )
    test(s"${codec.name}: over 200 steps all that was sent, and is owed, is all contributed") {
      val random = new SplittableRandom(3)
      val feedback = new ErrorFeedback(length)
      val contributed = new Array[Double](length)
      val arrived = new Array[Double](length)
      for (_ <- 1 to 200) {
        val values = Array.fill(length)(random.nextGaussian().toFloat)
        for ((value, i) <- sent(feedback, values, codec).zipWithIndex) {
          contributed(i) += values(i)
          arrived(i) += value
        }
      }
      for (i <- 0 until length) {
        assert(math.abs(contributed(i) - arrived(i) - feedback.residual()(i)) < 1e-3)
        assert(math.abs(feedback.residual()(i)) < owed, "a step of the codec, not of all steps")
      }
    }

  test("a value too small for the codec arrives in time, and never without feedback") {
    val values = Array.tabulate(length)(i => if (i % 256 == 0) 1f else 0.01f)
    val feedback = new ErrorFeedback(length)
    val sums = (1 to 100).map(_ => sent(feedback, values)(5)).sum
    assert(math.abs(sums - 1) <= 0.5 / 7 + 1e-3)
    assert(sent(new ErrorFeedback(length), values)(5) == 0)
  }

  test("a block of zeros is sent as zeros and stays owed; its neighbours go on") {
    val feedback = new ErrorFeedback(length)
    sent(feedback, Array.fill(length)(0.3f).updated(0, 1f).updated(256, 1f))
    val owed = feedback.residual.clone
    assert(owed(1) != 0 && owed(300) != 0)
    val resting = Array.tabulate(length)(i => if (i < 256) 0f else 0.3f)
    val decoded = sent(feedback, resting)
    assert(decoded.take(256).forall(_ == 0))
    assert(feedback.residual.take(256).sameElements(owed.take(256)))
    assert(!feedback.residual.slice(256, 512).sameElements(owed.slice(256, 512)))
  }

  test("top-k with momentum: what deep gradient compression's algorithm 4 computes, step by step") {
    val codec = GradientCodec.topK(0.01)
    val momentum = 0.9f
    val feedback = new ErrorFeedback(length, momentum)
    val (u, v) = (new Array[Float](length), new Array[Float](length))
    val random = new SplittableRandom(9)
    for (_ <- 1 to 100) {
      val gradient = Array.fill(length)(random.nextGaussian().toFloat)
      for (i <- u.indices) {
        u(i) = momentum * u(i) + gradient(i)
        v(i) = v(i) + u(i)
      }
      val mask = v.indices.sortBy(i => -math.abs(v(i))).take(10).toSet
      val arrived = sent(feedback, gradient, codec)
      for (i <- v.indices) {
        if (mask(i)) {
          assert(math.abs(arrived(i) - v(i)) <= math.abs(v(i)) / 256)
          // What bfloat16 left out stays owed; the algorithm has no rounding.
          v(i) -= arrived(i)
          u(i) = 0
        } else assert(arrived(i) == 0)
        assert(math.abs(feedback.residual()(i) - v(i)) < 1e-4)
        assert(math.abs(feedback.velocity()(i) - u(i)) < 1e-4)
      }
    }
  }

  test("momentum is refused outside of [0, 1); without it there is no velocity") {
    for (momentum <- Seq(-0.1f, 1f, Float.NaN)) {
      val error = intercept[IllegalArgumentException](new ErrorFeedback(1, momentum))
      assert(error.getMessage == s"momentum must be in [0, 1), got $momentum")
    }
    assert(new ErrorFeedback(5).velocity.isEmpty)
  }

  for (worldSize <- Seq(1, 2, 3, 4))
    test(s"P = $worldSize: sums of 100 steps in int4 are those in fp32, but for what is owed") {
      val steps = 100
      val elements = 70000
      def gradient(rank: Int, step: Int): Array[Float] = {
        val random = new SplittableRandom(rank * 1000L + step)
        Array.fill(elements)((random.nextDouble() - 0.4).toFloat)
      }
      val results = Ranks.run(worldSize) { communicator =>
        val layout = new ShardLayout(elements, worldSize, 256)
        val feedback = new ErrorFeedback(elements)
        val sum = new Array[Float](layout.size(communicator.rank))
        val all = new Array[Double](sum.length)
        for (step <- 1 to steps) {
          val values = gradient(communicator.rank, step)
          val read: FloatReader =
            (from, dst, offset, count) => System.arraycopy(values, from.toInt, dst, offset, count)
          communicator.reduceScatter(read, layout, int4, feedback, sum)
          for (i <- sum.indices) all(i) += sum(i)
        }
        (layout.from(communicator.rank).toInt, all, feedback.residual)
      }
      val ranks = results.map(_.get)
      val exact = new Array[Double](elements)
      for (rank <- 0 until worldSize; step <- 1 to steps)
        for ((value, i) <- gradient(rank, step).zipWithIndex) exact(i) += value
      for ((from, all, _) <- ranks; i <- all.indices by 11) {
        val owed = ranks.map(_._3(from + i).toDouble).sum
        assert(math.abs(exact(from + i) - all(i) - owed) < 1e-2)
      }
    }
}
