package io.moraine.model.train

import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.precision.Precision
import io.moraine.model.reduction.ReductionConfig
import io.moraine.model.tensor.{Device, DeviceChoice, NeedsGpu, Torch}
import io.moraine.model.train.TrainConfig.Spikes
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import io.moraine.model.transformer.{Recompute, TinyModels}
import org.scalatest.funsuite.AnyFunSuite

/** Runs whose tensors Java does not read in place, as on a GPU, against runs where it does. */
class DeviceTrainerSuite extends AnyFunSuite {

  import ExpertsOnOwnersSuite._

  private val balanced = new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1.5, true, 0.5)
  private val model = TinyModels.config(balanced, prediction = new PredictionConfig(2, 0.3))

  private def coded(name: String, feedback: Boolean) =
    new ReductionConfig.Coded(GradientCodec.of(name), feedback)

  private val reductions = Seq(
    coded("fp32", feedback = false),
    coded("bf16", feedback = false),
    coded("int8", feedback = false),
    coded("int8", feedback = true),
    coded("int4", feedback = true),
    coded("sign", feedback = true),
    new ReductionConfig.TopK(0.05, 0.5, true),
    new ReductionConfig.PowerSgd(2, true)
  )

  for (reduction <- reductions; ranks <- Seq(1, 2, 3))
    test(
      s"${reduction.name}, feedback ${reduction.hasFeedback}, $ranks ranks: the same bits, from a checkpoint too"
    ) {
      val setUp = SetUp(
        "",
        model,
        ranks,
        gradients = reduction,
        weights = TrainConfig.Weights.BF16,
        bucket = 2048
      )
      val here = train(setUp, 10, Everywhere)
      val there = train(setUp.copy(device = Device.COPIED), 10, Everywhere)
      assert(here.curve.map(_._1).toSet.size == 10)
      assert(there.curve == here.curve && there.evaluations == here.evaluations)
      assert(there.bytes == here.bytes)
      assert(weights(setUp, there.folder) == weights(setUp, here.folder))
      val onward = train(setUp, 14, Everywhere, here.folder)
      val onwardThere = train(setUp.copy(device = Device.COPIED), 14, Everywhere, there.folder)
      assert(onwardThere.curve == onward.curve && onward.curve.size == 4)
    }

  for (policy <- Seq(Spikes.Policy.SKIP, Spikes.Policy.ROLL_BACK))
    test(s"bad steps, $policy: what is owed on the device is put back, the same bits") {
      val setUp = SetUp(
        "",
        model,
        2,
        gradients = coded("int4", feedback = true),
        spikes = new Spikes(policy, 1e-6, 2, 99)
      )
      val here = train(setUp, 16, Everywhere)
      val there = train(setUp.copy(device = Device.COPIED), 16, Everywhere)
      assert(here.messages == there.messages)
      assert(there.curve == here.curve && here.curve.nonEmpty)
      assert(weights(setUp, there.folder) == weights(setUp, here.folder))
    }

  for (precision <- Precision.values; recompute <- Recompute.values)
    test(s"experts on owners, $precision, recompute $recompute: the same bits") {
      val setUp = SetUp("", model.`with`(precision), 2, recompute = recompute)
      val here = train(setUp, 6, OnOwners("fp32", "fp32"))
      val there = train(setUp.copy(device = Device.COPIED), 6, OnOwners("fp32", "fp32"))
      assert(there.curve == here.curve)
      assert(weights(setUp, there.folder) == weights(setUp, here.folder))
    }

  for (precision <- Seq(Precision.BF16, Precision.FP8); ranks <- Seq(1, 2))
    test(
      s"in the forms of a GPU losses are near the ordinary ones, $precision, $ranks ranks; the same bits where layers are computed again, or resumed"
    ) {
      val ordinary = SetUp("", model.`with`(precision), ranks, gradients = coded("int8", true))
      val setUp = ordinary.copy(device = Device.LIKE_CUDA)
      val here = train(ordinary, 10, Everywhere)
      val there = train(setUp, 10, Everywhere)
      val apart =
        here.curve.zip(there.curve).map { case (a, b) => math.abs(a._1 - b._1) / math.abs(a._1) }
      info(f"losses at most ${apart.max}%.2g apart")
      assert(apart.size == 10 && apart.max < 3e-2)
      if (precision == Precision.BF16)
        assert(weights(setUp, there.folder) != weights(setUp, here.folder))
      val again = train(setUp.copy(recompute = Recompute.LAYERS), 10, Everywhere)
      assert(again.curve == there.curve)
      assert(weights(setUp, again.folder) == weights(setUp, there.folder))
      val begun = train(setUp, 6, Everywhere)
      assert(train(setUp, 10, Everywhere, begun.folder).curve == there.curve.drop(6))
    }

  for (precision <- Precision.values; ranks <- Seq(1, 2))
    test(s"on a GPU losses are those of the processor, $precision, $ranks ranks", NeedsGpu) {
      val device = Torch.start(1, DeviceChoice.CUDA, 0)
      val setUp = SetUp("", model.`with`(precision), ranks, gradients = coded("int8", false))
      val here = train(setUp, 10, Everywhere).curve.map(_._1)
      val there = train(setUp.copy(device = device), 10, Everywhere).curve.map(_._1)
      // float32 sums in another order, grown by ten updates; bfloat16 rounds to 2^-9.
      val bound = if (precision == Precision.FLOAT32) 1e-3 else 3e-2
      for ((a, b) <- here.zip(there)) assert(math.abs(a - b) < bound * math.abs(a))
    }
}
