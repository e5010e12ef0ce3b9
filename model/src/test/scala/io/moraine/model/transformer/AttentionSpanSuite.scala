package io.moraine.model.transformer

import io.moraine.model.attention.AttentionMask
import io.moraine.model.data.TokenBatch
import io.moraine.model.tensor.Device
import io.moraine.model.transformer.ModelConfig.{AttentionSpan, PredictionConfig}
import org.scalatest.funsuite.AnyFunSuite

class AttentionSpanSuite extends AnyFunSuite {
  import TinyModels._

  private val within = config(
    prediction = new PredictionConfig(2, 0.3),
    span = AttentionSpan.WITHIN_DOCUMENTS
  )
  private val across = config(prediction = new PredictionConfig(2, 0.3))

  /** Documents of 5 and 8 tokens in a sequence of 12 + 1. */
  private val documents = Array.tabulate(length + 1)(i => if (i < 5) 0 else 1)

  private def packed(first: Array[Int], second: Array[Int]): TokenBatch =
    new TokenBatch(1, length, first.take(5) ++ second.take(8), documents)

  test("losses of a document do not depend on what stands before it; across documents they do") {
    val second = tokens(8, 2)
    for ((setting, independent) <- Seq(within -> true, across -> false); seed <- 1L to 5L) {
      val m = model(setting, seed)
      val one = m.tokenLosses(packed(tokens(5, 10), second))
      val other = m.tokenLosses(packed(tokens(5, 11), second))
      // Place 4 predicts the second document's first token out of the first document.
      val differences = one.zip(other).drop(5).map { case (a, b) => math.abs(a - b) }
      assert((differences.max < 1e-5) == independent)
      assert(math.abs(one(4) - other(4)) > 1e-4)
      m.close()
    }
  }

  test(
    "positions are those of the sequence: relative, so a document's losses are those it has alone"
  ) {
    val m = model(within)
    val second = tokens(8, 2)
    val behind = m.tokenLosses(packed(tokens(5, 10), second)).drop(5)
    val alone = m.tokenLosses(new TokenBatch(1, 7, second))
    for ((a, b) <- behind.zip(alone)) assert(math.abs(a - b) < 1e-4)
  }

  test("a sequence of one document is the same either way, bit for bit") {
    val b = new TokenBatch(2, length, tokens(2 * (length + 1), 3))
    val losses = Seq(within, across).map(model(_).tokenLosses(b).toSeq)
    assert(losses.head == losses(1))
    val one = new TokenBatch(2, length, b.tokens, new Array[Int](2 * (length + 1)))
    for ((a, c) <- model(within).tokenLosses(one).zip(losses.head)) assert(math.abs(a - c) < 1e-5)
  }

  test("gradients of a batch of packed documents are those of the documents by themselves") {
    val m = model(config(span = AttentionSpan.WITHIN_DOCUMENTS))
    val (first, second) = (tokens(5, 10), tokens(8, 2))
    m.zeroGradients()
    m.forwardBackward(packed(first, second), 12)
    val all = TinyModels.all(m.gradients)
    // Alone: 4 predictions, then the one across the border from the first document, then 7.
    m.zeroGradients()
    m.forwardBackward(new TokenBatch(1, 5, first :+ second(0)), 5)
    m.forwardBackward(new TokenBatch(1, 7, second), 7)
    for ((a, b) <- all.zip(TinyModels.all(m.gradients)))
      assert(math.abs(a - b) <= 1e-3 * math.abs(b) + 1e-4)
  }

  test("the modules of multi-token prediction keep to documents too") {
    val second = tokens(8, 2)
    for ((setting, independent) <- Seq(within -> true, across -> false); k <- 1 to 2) {
      val m = model(setting)
      val sequences =
        if (independent)
          AttentionMask.ofDocuments(Device.CPU.tensor(documents.take(length), 1L, length.toLong))
        else AttentionMask.whole(1)
      def logits(first: Array[Int]) =
        m.furtherLogits(packed(first, second).tokens.take(length), sequences, k)
      val (one, other) = (logits(tokens(5, 10)), logits(tokens(5, 11)))
      val differences =
        one.zip(other).drop(5 * vocabulary).map { case (a, b) => math.abs(a - b) }
      assert((differences.max < 1e-5) == independent)
    }
  }

  test("the modules' loss in training keeps to documents as their logits do") {
    val m = model(within)
    val b = packed(tokens(5, 10), tokens(8, 2))
    m.forwardBackward(b, 1)
    val heard = m.takeFurtherLoss()
    val places =
      AttentionMask.ofDocuments(Device.CPU.tensor(documents.take(length), 1L, length.toLong))
    val losses = for {
      k <- 1 to 2
      (scores, i) <- m
        .furtherLogits(b.tokens.take(length), places, k)
        .grouped(vocabulary)
        .map(_.map(_.toDouble))
        .zipWithIndex
    } yield math.log(scores.map(math.exp).sum) - scores(b.tokens()(i + k + 1))
    assert(heard.predictions == losses.size)
    assert(math.abs(heard.sum - losses.sum) < 1e-4 * heard.sum)
  }

  test("a batch has a document for each token or for none") {
    val error =
      intercept[IllegalArgumentException](new TokenBatch(1, 2, Array(1, 2, 3), Array(0, 0)))
    assert(error.getMessage == "a batch of 3 tokens has a document for each or for none, got 2")
  }
}
