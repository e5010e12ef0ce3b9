package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

/** Four workers with data of their own train a small network on the sum of what they send. */
class FeedbackConvergenceSuite extends AnyFunSuite {

  private val workers = 4
  private val (inputs, hidden, outputs) = (16, 48, 6)
  private val weights = inputs * hidden + hidden * outputs
  private val samples = 64
  private val steps = 800

  private class Data(seed: Long) {
    private val random = new SplittableRandom(seed)
    val x: Array[Array[Double]] = Array.fill(samples, inputs)(random.nextGaussian())
    val label: Array[Int] = Array.fill(samples)(random.nextInt(outputs))
  }

  private val data = (0 until workers).map(w => new Data(100L + w))

  /** Loss and gradient over a worker's samples: tanh, softmax, cross-entropy. */
  private def gradient(w: Array[Float], data: Data, sum: Array[Float]): Double = {
    java.util.Arrays.fill(sum, 0f)
    val second = inputs * hidden
    var loss = 0.0
    for (s <- 0 until samples) {
      val h = Array.tabulate(hidden) { j =>
        var z = 0.0
        for (i <- 0 until inputs) z += w(i * hidden + j) * data.x(s)(i)
        math.tanh(z)
      }
      val scores = Array.tabulate(outputs)(o =>
        math.exp(h.indices.map(j => w(second + j * outputs + o) * h(j)).sum)
      )
      val p = scores.map(_ / scores.sum)
      loss -= math.log(p(data.label(s)))
      p(data.label(s)) -= 1
      for (j <- 0 until hidden) {
        var back = 0.0
        for (o <- 0 until outputs) {
          back += w(second + j * outputs + o) * p(o)
          sum(second + j * outputs + o) += (h(j) * p(o) / samples).toFloat
        }
        val dz = (back * (1 - h(j) * h(j)) / samples).toFloat
        for (i <- 0 until inputs) sum(i * hidden + j) += dz * data.x(s)(i).toFloat
      }
    }
    loss / samples
  }

  /** Mean loss of the last 50 steps of momentum SGD. */
  private def train(codec: GradientCodec, feedback: Option[Float], momentum: Float): Double = {
    val random = new SplittableRandom(1)
    val w = Array.fill(weights)((0.3 * random.nextGaussian()).toFloat)
    val feedbacks = feedback.map(m => Seq.fill(workers)(new ErrorFeedback(weights.toLong, m)))
    val speed = new Array[Float](weights)
    val losses = for (_ <- 1 to steps) yield {
      val sum = new Array[Float](weights)
      val loss = data.zipWithIndex.map { case (own, worker) =>
        val g = new Array[Float](weights)
        val loss = gradient(w, own, g)
        val bytes = new Array[Byte](codec.encodedBytes(weights))
        val written = feedbacks.fold(codec.encode(g, 0, bytes, 0, weights))(
          _(worker).encode(codec, 0, g, weights, bytes)
        )
        codec.decodeAdd(bytes, 0, written, sum, 0, weights)
        loss
      }.sum
      for (i <- w.indices) {
        speed(i) = momentum * speed(i) + sum(i) / workers
        w(i) -= 0.05f * speed(i)
      }
      loss / workers
    }
    losses.takeRight(50).sum / 50
  }

  private lazy val exact = train(GradientCodec.of("fp32"), None, 0.9f)

  for (
    (name, codec) <- Seq("top 1 %" -> GradientCodec.topK(0.01), "sign" -> GradientCodec.of("sign"))
  )
    test(s"$name with feedback ends at a loss less than half of that without") {
      val (without, owed) = (train(codec, None, 0.9f), train(codec, Some(0f), 0.9f))
      info(f"after $steps steps: fp32 $exact%.4f, $name with $owed%.4f, without $without%.4f")
      assert(owed < without / 2)
    }

  test("top 1 % with momentum at the workers, none at the owner: less than half of that without") {
    val codec = GradientCodec.topK(0.01)
    val corrected = train(codec, Some(0.9f), 0)
    val without = train(codec, None, 0.9f)
    info(f"after $steps steps: fp32 $exact%.4f, corrected momentum $corrected%.4f")
    assert(corrected < without / 2)
  }
}
