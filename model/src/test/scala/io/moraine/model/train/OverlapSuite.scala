package io.moraine.model.train

import io.moraine.model.checkpoint.{Checkpoints, LocalStorage}
import io.moraine.model.collective.{Communicator, Ranks}
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.data.{Batch, TokenBatch}
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import io.moraine.model.precision.Precision
import io.moraine.model.reduction.ReductionConfig
import io.moraine.model.tensor.Device
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import io.moraine.model.transformer.{InitialWeights, Recompute, TinyModels, Transformer}
import java.nio.file.Files
import java.util.Optional
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.function.LongConsumer
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable.ArrayBuffer
import scala.jdk.CollectionConverters._

/** Gradients reduced while backward goes on, against the same reduced when it is done. */
class OverlapSuite extends AnyFunSuite {

  import ExpertsOnOwnersSuite._

  private val further = TinyModels.config(prediction = new PredictionConfig(2, 0.3))

  private val models = TinyModels.kinds ++ Seq(
    "multi-token prediction" -> further,
    "bf16" -> TinyModels.config().`with`(Precision.BF16),
    "fp8" -> TinyModels.config().`with`(Precision.FP8)
  )

  for ((name, config) <- models; recompute <- Recompute.values)
    test(s"$name, recompute $recompute: what a layer is said to have finished is final") {
      val model = new Transformer(config, recompute, Optional.empty(), Device.CPU)
      try {
        InitialWeights.put(model.config, 3, model.parameters)
        val length = TinyModels.length
        val batch = new TokenBatch(2, length, TinyModels.tokens(2 * (length + 1), 5))
        val seen = ArrayBuffer.empty[(Long, Seq[Int])]
        model.learn(batch, 1, from => seen += from -> bits(model).drop(from.toInt))
        val last = bits(model)
        assert(seen.map(_._1).toSeq == starts(model, config.layers).reverse)
        for ((from, tail) <- seen) assert(tail == last.drop(from.toInt))
        assert(last.drop(seen.last._1.toInt).exists(_ != 0))
      } finally model.close()
    }

  for (overlaps <- Seq(true, false))
    test(s"overlap $overlaps: a finished bucket leaves before backward goes on: $overlaps") {
      val left = new ConcurrentLinkedQueue[Boolean]
      Ranks
        .run(2) { communicator =>
          val model = new Watched(communicator, left, if (overlaps) 10000 else 300)
          val config = new TrainConfig(
            1,
            3,
            TrainConfig.Batch.constant(4, 1),
            new LearningRateSchedule(1e-2, 1, java.util.List.of()),
            new AdamW.Config(0.9, 0.95, 1e-8, 0.1),
            1.0,
            new TrainConfig.Balance(0.01, 1),
            new TrainConfig.Wire(coded("fp32"), TrainConfig.Weights.FP32, 0, 512, overlaps),
            new TrainConfig.Every(3, 3, 3, 0, 0)
          )
          new Trainer(
            model,
            config,
            communicator,
            new PatternSource(32, 40),
            Optional.empty(),
            new Checkpoints(new LocalStorage(Files.createTempDirectory("overlap"))),
            new Recorder,
            "digest",
            () => 0L
          ).run(false)
        }
        .foreach(_.get)
      // Of two micro-batches of each of three steps on two ranks the last.
      assert(left.asScala.toSeq == Seq.fill(6)(overlaps))
    }

  /** Finishes its last 512 gradients, and notes whether anything has left before the others. */
  private class Watched(
      communicator: Communicator,
      left: ConcurrentLinkedQueue[Boolean],
      millis: Long
  ) extends BigramModel(32) {
    override def learn(batch: Batch, weight: Double, finished: LongConsumer): Unit = {
      learn(batch, weight)
      val before = communicator.sentBytes
      finished.accept(512)
      val end = System.nanoTime + millis * 1000000
      while (communicator.sentBytes == before && System.nanoTime < end) Thread.sleep(1)
      left.add(communicator.sentBytes > before)
    }
  }

  private def coded(name: String) = {
    val codec = GradientCodec.of(name)
    new ReductionConfig.Coded(codec, codec.isCoarse)
  }

  private val reductions = Seq("fp32", "bf16", "int8", "int4", "sign").map(coded) ++
    Seq(new ReductionConfig.TopK(0.05, 0.5, true), new ReductionConfig.PowerSgd(2, true))

  for (reduction <- reductions; ranks <- Seq(1, 2, 3))
    test(s"${reduction.name} on $ranks ranks: the same bits with and without overlap") {
      val setUp = SetUp(
        reduction.name,
        further,
        ranks,
        gradients = reduction,
        batch = TrainConfig.Batch.constant(7, 1),
        weights = TrainConfig.Weights.INT8_DIFFERENCES,
        bucket = 512
      )
      val overlapped = train(setUp, 8, Everywhere)
      val after = train(setUp.copy(overlaps = false), 8, Everywhere)
      assert(overlapped.curve == after.curve && after.curve.map(_._1).toSet.size == 8)
      assert(weights(setUp, overlapped.folder) == weights(setUp, after.folder))
      assert(overlapped.bytes == after.bytes)
      if (reduction.name != "topk") { // whose choice is among the elements of a shard's chunk
        val whole = train(setUp.copy(bucket = 1 << 20), 8, Everywhere)
        assert(weights(setUp, whole.folder) == weights(setUp, after.folder))
      }
    }

  test("a run of other buckets and another number of ranks goes on from a checkpoint") {
    val setUp = SetUp("grown", TinyModels.config(), 2, bucket = 512)
    val first = train(setUp, 6, Everywhere)
    val second = train(setUp.copy(ranks = 3, bucket = 2048), 12, Everywhere, first.folder)
    val whole = train(setUp.copy(bucket = 1 << 20), 12, Everywhere)
    assert(second.results.forall(_.resumedFrom == 6))
    for ((a, b) <- second.curve.zip(whole.curve.drop(6))) assert(math.abs(a._1 - b._1) < 1e-3)
  }

  private def bits(model: Transformer) =
    TinyModels.all(model.gradients).toSeq.map(java.lang.Float.floatToRawIntBits)

  private def starts(model: Transformer, layers: Int) =
    (0 until layers).map { layer =>
      model.gradients.slices.asScala.find(_.name.startsWith(s"layers.$layer.")).get.offsetElements
    }
}
