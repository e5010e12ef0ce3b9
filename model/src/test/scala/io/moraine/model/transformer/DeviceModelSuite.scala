package io.moraine.model.transformer

import io.moraine.model.data.{DeviceBatch, TokenBatch}
import io.moraine.model.precision.Precision
import io.moraine.model.tensor.{Device, DeviceChoice, NeedsGpu, Torch}
import io.moraine.model.train.TrainableModel
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
      m.initialize(3)
      val loss = run(m)
      (loss, TinyModels.all(m.gradients).toSeq.map(java.lang.Float.floatToRawIntBits))
    } finally m.close()
  }

  for ((name, model) <- TinyModels.kinds :+ ("within documents" -> config(span = within)))
    test(s"a batch of int32 in the device's memory gives the same bits: $name") {
      val row = Array(2L, length + 1L)
      val whole = gradients(Device.CPU, _.forwardBackward(batch, 1), model)
      val there = gradients(
        Device.COPIED,
        m => {
          val scope = new PointerScope()
          try {
            val ids = Device.CPU.tensor(batch.tokens, row: _*).to(torch.ScalarType.Int)
            val parts = Device.CPU.tensor(documents, row: _*)
            val placed = new DeviceBatch(2, length, 2 * length, ids, Optional.of(parts))
            m.forwardBackwardOnDevice(placed, 1, TrainableModel.UNHEARD)
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
      m.initialize(3)
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

  test("a batch of another shape is refused") {
    Torch.start(1)
    val ids = Device.CPU.tensor(batch.tokens, 2, length + 1L)
    val error =
      intercept[IllegalArgumentException](new DeviceBatch(2, 5, 10, ids, Optional.empty()))
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
