package io.moraine.bigdl

import io.moraine.model.data.TokenBatch
import io.moraine.model.train.TrainableModel
import java.util.SplittableRandom
import java.util.function.BiFunction
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class BigDlModelReferenceSuite extends AnyFunSuite {

  private def batch(sequences: Int): TokenBatch = {
    val random = new SplittableRandom(3)
    val tokens = Array.fill(sequences * 9)(random.nextInt(31))
    for (i <- 5 to 8) tokens(i) = TokenBatch.PADDING
    new TokenBatch(sequences, 8, tokens)
  }

  private def values(model: TrainableModel): Array[Float] = {
    val values = new Array[Float](model.parameters.length.toInt)
    model.parameters.get(0, values, 0, values.length)
    values
  }

  private def gradients(model: TrainableModel): Array[Float] = {
    val values = new Array[Float](model.gradients.length.toInt)
    model.gradients.get(0, values, 0, values.length)
    values
  }

  for (name <- Seq("WordPairs", "WordPairs$Shared"))
    test(s"gradients are the finite differences of the loss: $name") {
      val model = BigDlSuite.example(name)
      val tokens = batch(3)
      model.forwardBackward(tokens, 0.5)
      val (before, gradient) = (values(model), gradients(model))
      def lossAt(element: Int, value: Float): Double = {
        model.parameters.put(element.toLong, Array(value), 0, 1)
        model.loss(tokens)
      }
      val step = 1e-2f
      for (slice <- model.parameters.slices.asScala; i <- 0L until slice.length by 7) {
        val at = (slice.offsetElements + i).toInt
        val up = lossAt(at, before(at) + step)
        val down = lossAt(at, before(at) - step)
        lossAt(at, before(at))
        // The loss is float32: rounding of 5e-7 over 2 steps, and the third derivative.
        assert(math.abs(0.5 * (up - down) / (2 * step) - gradient(at)) < 1e-4, s"$slice $i")
      }
      assert(gradient.count(_ != 0) > gradient.length / 3)
    }

  test("the loss is the mean of the tokens' losses, padding's are 0, and gradients add up") {
    val model = BigDlSuite.example("WordPairs")
    val tokens = batch(3)
    val loss = model.forwardBackward(tokens, 1)
    val losses = model.tokenLosses(tokens)
    assert(losses.length == 24 && losses.slice(4, 8).forall(_ == 0) && losses.count(_ > 0) == 20)
    assert(math.abs(losses.map(_.toDouble).sum / 20 - loss) < 1e-6)
    assert(math.abs(model.loss(tokens) - loss) < 1e-6)
    val once = gradients(model)
    model.forwardBackward(tokens, 1)
    for ((twice, first) <- gradients(model).zip(once)) assert(math.abs(twice - 2 * first) < 1e-6)
    model.zeroGradients()
    assert(gradients(model).forall(_ == 0))
  }

  test("dropout's masks are of the tokens and the weights, whoever draws them and when") {
    def masks(batches: TokenBatch*)(weight: Float): Seq[Seq[Float]] = {
      val pass = BigDlSuite.bigDl.load(
        BigDlSuite.examples + "DropoutMasks",
        classOf[BiFunction[TokenBatch, Float, Array[Float]]]
      )
      batches.map(pass.apply(_, weight).toSeq)
    }
    val (one, other) = (batch(2), new TokenBatch(2, 8, Array.tabulate(18)(_ % 31)))
    val Seq(first, second) = masks(one, other)(1)
    assert(masks(other, one)(1) == Seq(second, first))
    assert(first != second && masks(one)(2).head != first)
    val kept = first.count(_ > 0).toDouble / first.size
    // 256 draws: 4 standard deviations are 0.115.
    assert(math.abs(kept - 0.7) < 0.115)
  }

  test("a target may be a part of a greater tensor") {
    val losses = Seq("WordPairs$Later", "WordPairs$Factory").map(
      BigDlSuite.made(_).tokenLosses(batch(3)).toSeq
    )
    assert(losses.head == losses.last)
  }

  test("a module computes with what is put into its parameters") {
    val model = BigDlSuite.example("WordPairs")
    model.parameters.put(0, new Array[Float](values(model).length), 0, values(model).length)
    assert(math.abs(model.loss(batch(2)) - math.log(31)) < 1e-6)
  }

  test("slices are in the module's order, aligned; weights that layers share have one") {
    def slices(name: String) =
      BigDlSuite.example(name).parameters.slices.asScala.map(_.toString).toSeq
    val own = Seq(
      "parameters.0[31, 16]@0",
      "parameters.1[16, 16]@512",
      "parameters.2[16]@768",
      "parameters.3[31, 16]@1024",
      "parameters.4[31]@1536"
    )
    assert(slices("WordPairs") == own)
    assert(
      slices("WordPairs$Shared").map(_.replaceFirst("\\.\\d+", "")) == own.map(
        _.replaceFirst("\\.\\d+", "")
      )
    )
  }

  test("a module that keeps more than parameters is refused") {
    val refused = intercept[IllegalArgumentException](BigDlSuite.example("WordPairs$WithState"))
    assert(
      refused.getMessage.endsWith(
        " keeps 2 tensors from step to step that are no parameters (as batch normalization's " +
          "running means). Ranks and checkpoints have parameters alone: use layers without such state."
      )
    )
  }
}
