package io.moraine.model.train

import io.moraine.model.data.{Batch, TokenBatch, TokenSource}
import io.moraine.model.tensor.{FlatBuffer, Slice}
import java.util.{List => JList, Optional, SplittableRandom}

/** Softmax over the next token given this one, in plain Scala: a model whose gradient is known. */
class BigramModel(vocabulary: Int) extends TrainableModel {

  class Arrays extends FlatBuffer {
    private val size = (vocabulary * vocabulary + 255) / 256 * 256
    val values = new Array[Float](size)
    override def length: Long = size
    override def slices: JList[Slice] =
      JList.of(new Slice("logits", 0, JList.of(vocabulary.toLong, vocabulary.toLong)))
    override def get(from: Long, dst: Array[Float], offset: Int, count: Int): Unit =
      System.arraycopy(values, from.toInt, dst, offset, count)
    override def put(to: Long, src: Array[Float], offset: Int, count: Int): Unit =
      System.arraycopy(src, offset, values, to.toInt, count)
  }

  override val parameters = new Arrays
  override val gradients = new Arrays

  private var learned = LossSum.NONE

  override def learn(batch: Batch, weight: Double): Unit = {
    val tokens = TokenBatch.of(batch)
    learned = learned.plus(pass(tokens, weight), tokens.predictions)
  }

  override def takeLoss(): LossSum = {
    val taken = learned
    learned = LossSum.NONE
    taken
  }

  /** Adds the gradient; the mean loss. */
  protected def pass(batch: TokenBatch, weight: Double): Double = {
    val losses = walk(batch) { (from, to, probabilities) =>
      for (v <- 0 until vocabulary) {
        val change = (probabilities(v) - (if (v == to) 1 else 0)) * weight / batch.predictions
        gradients.values(from * vocabulary + v) += change.toFloat
      }
    }
    losses.map(_.toDouble).sum / batch.predictions
  }

  override def tokenLosses(batch: TokenBatch): Array[Float] = walk(batch)((_, _, _) => ())

  override def zeroGradients(): Unit = java.util.Arrays.fill(gradients.values, 0f)
  override def expertBalance: Optional[ExpertBalance] = Optional.empty()
  override def close(): Unit = ()

  private def walk(batch: TokenBatch)(visit: (Int, Int, Array[Double]) => Unit): Array[Float] =
    (for {
      sequence <- 0 until batch.sequences
      position <- 0 until batch.length
    } yield {
      val at = sequence * (batch.length + 1) + position
      val (from, to) = (batch.tokens()(at), batch.tokens()(at + 1))
      if (to == TokenBatch.PADDING) 0f
      else {
        val row = Array.tabulate(vocabulary)(v => parameters.values(from * vocabulary + v).toDouble)
        val exponentials = row.map(math.exp)
        val probabilities = exponentials.map(_ / exponentials.sum)
        visit(from, to, probabilities)
        -math.log(probabilities(to)).toFloat
      }
    }).toArray
}

/** Sequences that follow a fixed pattern with noise; {@code filled} tells how long each one is. */
class PatternSource(
    vocabulary: Int,
    override val sequences: Long,
    filled: Long => Int = _ => Int.MaxValue
) extends TokenSource {
  override def length: Int = 8
  override def read(sequence: Long, dst: Array[Int], offset: Int): Unit = {
    val random = new SplittableRandom(sequence)
    var token = random.nextInt(vocabulary)
    for (i <- 0 to length) {
      dst(offset + i) = if (i < filled(sequence)) token else TokenBatch.PADDING
      token =
        if (random.nextInt(10) == 0) random.nextInt(vocabulary) else (token * 3 + 1) % vocabulary
    }
  }
  override def close(): Unit = ()
}
