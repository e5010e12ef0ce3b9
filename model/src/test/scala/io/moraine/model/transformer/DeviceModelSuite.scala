package io.moraine.model.transformer

import io.moraine.model.data.{TensorBatch, TokenBatch}
import io.moraine.model.precision.Precision
import io.moraine.model.tensor.{Device, DeviceChoice, NeedsGpu, Torch}
import io.moraine.model.train.LossSum
import io.moraine.model.transformer.ModelConfig.{AttentionSpan, PredictionConfig}
import java.util.Optional
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

/** Models whose memory Java does not read, as on a GPU, against those where it does. */
class DeviceModelSuite extends AnyFunSuite {

  import TinyModels.{config, length, tokens}

  private val further = new PredictionConfig(2, 0.3)
  private val within = AttentionSpan.WITHIN_DOCUMENTS
  private val documents = Array.tabulate(2 * (length + 1))(i => i % (length + 1) / 5)
  private val batch = new TokenBatch(2, length, tokens(2 * (length + 1), 5), documents)

  private def gradients(device: Device, run: Transformer => Double, model: ModelConfig) = {
    Torch.start(1)
    val m = new Transformer(model, Recompute.NONE, Optional.empty(), device)
    try {
      InitialWeights.put(m.config, 3, m.parameters)
      val loss = run(m)
      (loss, TinyModels.all(m.gradients).toSeq.map(java.lang.Float.floatToRawIntBits))
    } finally m.close()
  }

  for ((name, model) <- TinyModels.kinds :+ ("within documents" -> config(span = within)))
    test(s"a batch of int32 in the device's memory gives the same bits: $name") {
      val row = Array(2L, length + 1L)
      val whole =
        gradients(Device.CPU, _.forwardBackward(batch, 1) * batch.predictions, model)
      val there = gradients(
        Device.COPIED,
        m => {
          val scope = new PointerScope()
          try {
            val ids = Device.CPU.tensor(batch.tokens, row: _*).to(torch.ScalarType.Int)
            val parts = Device.CPU.tensor(documents, row: _*)
            val placed = new TensorBatch(2, length, 2 * length, ids, Optional.of(parts))
            m.learn(placed, 1)
            m.takeLoss().sum
          } finally scope.close()
        },
        model
      )
      assert(there == whole)
      assert(whole._2.exists(_ != 0))
    }

  test("a decoder of a model that is not read in place gives the same logits, with drafts") {
    Torch.start(1)
    val model = config(prediction = further)
    val Seq(here, there) = Seq(Device.CPU, Device.COPIED).map { device =>
      val m = new Transformer(model, Recompute.NONE, Optional.empty(), device)
      InitialWeights.put(m.config, 3, m.parameters)
      val decoder = m.decoder(2)
      val text = tokens(8, 4)
      val read = decoder.read(text, 3).toSeq
      val drafted = decoder.draft(1, text :+ 1).toSeq ++ decoder.draft(2, text :+ 1 :+ 2).toSeq
      decoder.close()
      m.close()
      read ++ drafted
    }
    assert(here == there)
  }

  for (device <- Seq(Device.CPU, Device.COPIED, Device.LIKE_CUDA))
    test(
      s"losses that are added where they are: the bits of their sum in float64, on $device, read in place: ${device.isReadable}, forms of a GPU: ${device.hasTensorCores}"
    ) {
      Torch.start(1)
      val model = config(prediction = further)
      val batches = Seq(12, 7, 3).zipWithIndex.map { case (last, i) =>
        val ids = tokens(2 * (length + 1), 5L + i)
        java.util.Arrays.fill(ids, last + 1, length + 1, TokenBatch.PADDING)
        new TokenBatch(2, length, ids)
      }
      assert(batches.map(_.predictions) == Seq(24, 19, 15))
      val m = new Transformer(model, Recompute.NONE, Optional.empty(), device)
      InitialWeights.put(model, 3, m.parameters)
      val each = batches.map(b => m.forwardBackward(b, 1) * b.predictions)
      val beyond = m.takeFurtherLoss()
      batches.foreach(m.learn(_, 1))
      assert(m.takeLoss() == new LossSum(each.foldLeft(0.0)(_ + _), 24 + 19 + 15))
      assert(m.takeLoss() == LossSum.NONE)
      assert(m.takeFurtherLoss() == beyond && beyond.sum > 0)
      assert(beyond.predictions == Seq(22 + 20, 17 + 15, 13 + 11).sum)
      assert(m.takeFurtherLoss().predictions == 0)
      m.close()
    }

  private def floats(bits: Seq[Int]) = bits.map(java.lang.Float.intBitsToFloat(_).toDouble)

  /** Size of the difference over the size of the first. */
  private def relative(a: Seq[Double], b: Seq[Double]): Double = {
    def size(values: Seq[Double]) = math.sqrt(values.map(v => v * v).sum)
    assert(a.size == b.size && size(a) > 0)
    size(a.zip(b).map { case (x, y) => x - y }) / size(a)
  }

  // Routed experts in one operation: forward the same products; gradients of weights come in bfloat16, and those of a row
  // from its two products are added in it. No matrix here is wider than a tile, so E4M3 as it is sums in the same order.
  for ((name, model) <- TinyModels.kinds; precision <- Precision.values)
    test(s"in the forms of a GPU losses and gradients are the ordinary ones': $name, $precision") {
      val Seq(here, there) = Seq(Device.CPU, Device.LIKE_CUDA).map(
        gradients(_, _.forwardBackward(batch, 1), model.`with`(precision))
      )
      val apart = relative(floats(here._2), floats(there._2))
      info(f"loss ${math.abs(there._1 / here._1 - 1)}%.2g apart, gradients $apart%.2g")
      val isGrouped = precision == Precision.BF16 && model.moeLayers > 0
      assert(there._1 == here._1)
      if (isGrouped) assert(apart > 0 && apart < 1e-2)
      else assert(there == here)
    }

  for (precision <- Seq(Precision.BF16, Precision.FP8))
    test(s"in the forms of a GPU weights that are put count in the next pass, $precision") {
      Torch.start(1)
      val model = config(prediction = further).`with`(precision)
      def made(seed: Long) = {
        val m = new Transformer(model, Recompute.NONE, Optional.empty(), Device.LIKE_CUDA)
        InitialWeights.put(model, seed, m.parameters)
        m
      }
      def bits(m: Transformer) = {
        m.zeroGradients()
        val loss = m.forwardBackward(batch, 1)
        (loss, TinyModels.all(m.gradients).toSeq, m.tokenLosses(batch).toSeq)
      }
      val (one, other) = (made(3), made(4))
      val (before, expected) = (bits(one), bits(other))
      InitialWeights.put(model, 4, one.parameters)
      assert(before != expected && bits(one) == expected)
      one.close()
      other.close()
    }

  test("a batch of another shape is refused") {
    Torch.start(1)
    val ids = Device.CPU.tensor(batch.tokens, 2, length + 1L)
    val error =
      intercept[IllegalArgumentException](new TensorBatch(2, 5, 10, ids, Optional.empty()))
    assert(
      error.getMessage == s"a batch of 2 sequences of length 5 + 1 has shape (2, 6), got (2, ${length + 1})"
    )
  }

  for ((name, model) <- TinyModels.kinds; precision <- Precision.values)
    test(s"on a GPU losses and gradients are the processor's: $name, $precision", NeedsGpu) {
      val device = Torch.start(1, DeviceChoice.CUDA, 0)
      def run(m: Transformer) = m.forwardBackward(batch, 1)
      val Seq(here, there) =
        Seq(Device.CPU, device).map(gradients(_, run, model.`with`(precision)))
      val bound = if (precision == Precision.FLOAT32) 1e-5 else 2e-2
      assert(math.abs(here._1 - there._1) < bound * here._1)
      val Seq(a, b) = Seq(here, there).map(_._2.map(java.lang.Float.intBitsToFloat))
      val distance = a.zip(b).map { case (x, y) => math.pow(x.toDouble - y, 2) }.sum
      val size = a.map(x => math.pow(x.toDouble, 2)).sum
      assert(math.sqrt(distance / size) < 5 * bound)
    }
}
