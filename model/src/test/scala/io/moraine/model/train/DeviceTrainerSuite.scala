package io.moraine.model.train

import io.moraine.model.checkpoint.{Checkpoints, LocalStorage}
import io.moraine.model.collective.{Buckets, Ranks}
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import io.moraine.model.precision.Precision
import io.moraine.model.reduction.ReductionConfig
import io.moraine.model.tensor.{Device, DeviceChoice, FlatBuffer, NeedsGpu, Torch}
import io.moraine.model.train.TrainConfig.Spikes
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import io.moraine.model.transformer.{Recompute, TinyModels}
import java.nio.file.{Files, Path}
import java.util.Optional
import java.util.concurrent.ConcurrentLinkedQueue
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** Runs whose tensors Java does not read in place, as on a GPU, against runs where it does. */
class DeviceTrainerSuite extends AnyFunSuite {

  import ExpertsOnOwnersSuite._

  /** The bytes of the ranks' files in all checkpoints of a run. */
  private def files(folder: Path): Map[String, Seq[Byte]] = {
    val all = Files.walk(folder)
    try
      all.iterator.asScala
        .filter(_.toString.endsWith(".safetensors"))
        .map(file => folder.relativize(file).toString -> Files.readAllBytes(file).toSeq)
        .toMap
        .ensuring(_.nonEmpty)
    finally all.close()
  }

  private def copyFiles(from: Path, to: Path): Unit = {
    val all = Files.walk(from)
    try
      for (file <- all.iterator.asScala; target = to.resolve(from.relativize(file).toString))
        if (Files.isDirectory(file)) Files.createDirectories(target) else Files.copy(file, target)
    finally all.close()
  }

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
      assert(files(there.folder) == files(here.folder))
      val onward = train(setUp, 14, Everywhere, here.folder)
      val onwardThere = train(setUp.copy(device = Device.COPIED), 14, Everywhere, there.folder)
      assert(onwardThere.curve == onward.curve && onward.curve.size == 4)
      assert(files(there.folder) == files(here.folder))
    }

  for (form <- TrainConfig.Weights.values; ranks <- Seq(1, 2, 3))
    test(
      s"weights in ${form.settingName}, $ranks ranks: the same checkpoints and weights, in a few steps and behind a resume"
    ) {
      val setUp = SetUp(
        "",
        model,
        ranks,
        gradients = coded("int4", feedback = true),
        weights = form,
        bucket = 3072
      )
      val there = setUp.copy(device = Device.COPIED)
      val (a, b) = (train(setUp, 7, Everywhere), train(there, 7, Everywhere))
      assert(b.curve == a.curve && b.evaluations == a.evaluations && b.bytes == a.bytes)
      assert(files(b.folder) == files(a.folder))
      assert(b.results.map(_.weightsDigest) == a.results.map(_.weightsDigest))
      // Each goes on from what the other wrote.
      val (c, d) = (train(there, 12, Everywhere, a.folder), train(setUp, 12, Everywhere, b.folder))
      assert(c.results.map(_.resumedFrom).toSet == Set(7L) && c.curve == d.curve)
      assert(files(a.folder) == files(b.folder))
    }

  private val owing = Seq(coded("sign", feedback = true), new ReductionConfig.TopK(0.05, 0.5, true))

  for (
    (from, to) <- Seq((1, 2), (2, 3), (3, 1));
    begins <- Seq(Device.CPU, Device.COPIED);
    gradients <- owing
  )
    test(
      s"${gradients.name}, a run of $from ranks, begun on $begins read in place: ${begins.isReadable}, goes on with $to on the other one: the same bits"
    ) {
      val setUp = SetUp(
        "",
        model,
        from,
        device = begins,
        gradients = gradients,
        weights = TrainConfig.Weights.INT8_DIFFERENCES,
        bucket = 1024
      )
      val begun = train(setUp, 6, Everywhere).folder
      val Seq(here, there) = Seq(Device.CPU, Device.COPIED).map { device =>
        val copy = Files.createTempDirectory("onward")
        copyFiles(begun, copy)
        train(setUp.copy(ranks = to, device = device), 10, Everywhere, copy)
      }
      assert(here.results.map(_.resumedFrom) == Seq.fill(to)(6L))
      assert(there.curve == here.curve && here.curve.size == 4)
      assert(files(there.folder) == files(here.folder))
    }

  for (
    policy <- Seq(Spikes.Policy.SKIP, Spikes.Policy.ROLL_BACK);
    ranks <- Seq(1, 2);
    gradients <- owing
  )
    test(
      s"bad steps, $policy, ${gradients.name}, $ranks ranks: what is owed on the device is put back, the same bits"
    ) {
      val setUp = SetUp(
        "",
        model,
        ranks,
        gradients = gradients,
        spikes = new Spikes(policy, 1e-6, 2, 99)
      )
      val here = train(setUp, 16, Everywhere)
      val there = train(setUp.copy(device = Device.COPIED), 16, Everywhere)
      assert(here.messages == there.messages)
      assert(there.curve == here.curve && here.curve.nonEmpty)
      assert(files(there.folder) == files(here.folder))
    }

  test("experts on owners, gradients and weights in few bits, 3 ranks: the same, and resumed") {
    val setUp = SetUp(
      "",
      model,
      3,
      gradients = coded("int8", feedback = true),
      weights = TrainConfig.Weights.INT4_DIFFERENCES,
      bucket = 1024
    )
    val place = OnOwners("fp32", "fp32")
    val here = train(setUp, 6, place)
    val there = train(setUp.copy(device = Device.COPIED), 6, place)
    assert(there.curve == here.curve && files(there.folder) == files(here.folder))
    val onward = train(setUp.copy(device = Device.COPIED), 9, place, here.folder)
    assert(onward.curve == train(setUp, 9, place, there.folder).curve && onward.curve.size == 3)
    assert(files(there.folder) == files(here.folder))
  }

  /** What rank 0 copies between device and host in each step but the first. */
  private def copiedPerStep(setUp: SetUp): (Seq[Long], Long) = {
    val seen = new ConcurrentLinkedQueue[Long]
    val config = new TrainConfig(
      1,
      5,
      setUp.batch,
      new LearningRateSchedule(1e-2, 5, java.util.List.of()),
      new AdamW.Config(0.9, 0.95, 1e-8, 0.1),
      1.0,
      new TrainConfig.Balance(0.01, 1),
      new TrainConfig.Wire(setUp.gradients, setUp.weights, 0, setUp.bucket, setUp.overlaps),
      new TrainConfig.Every(100, 1, 100, 0, 0)
    )
    val lengths = Ranks
      .run(setUp.ranks) { communicator =>
        withModel(setUp, communicator, Everywhere) { model =>
          val observer = new Recorder {
            override def stepped(step: StepMetrics): Unit = seen.add(copiedBytes(model))
          }
          new Trainer(
            model,
            config,
            communicator,
            new PatternSource(TinyModels.vocabulary, 40),
            Optional.empty(),
            new Checkpoints(new LocalStorage(Files.createTempDirectory("copied"))),
            observer,
            "digest",
            () => 0L
          ).run(false)
          model.parameters.length
        }
      }
      .map(_.get)
    val all = seen.asScala.toSeq
    (all.zip(all.tail).map { case (a, b) => b - a }, lengths.head)
  }

  private val onDevice =
    Seq("fp32", "bf16", "int8", "int4", "sign").map(name => coded(name, name == "int4")) :+
      new ReductionConfig.TopK(0.05, 0.5, true)

  for (gradients <- onDevice; form <- TrainConfig.Weights.values)
    test(
      s"one rank, gradients ${gradients.name}, weights ${form.settingName}: nothing crosses to the host"
    ) {
      val (copied, _) = copiedPerStep(
        SetUp(
          "",
          model,
          1,
          device = Device.COPIED,
          gradients = gradients,
          weights = form,
          bucket = 2048
        )
      )
      assert(copied == Seq.fill(4)(0L))
    }

  for (gradients <- onDevice.tail; form <- TrainConfig.Weights.values)
    test(
      s"two ranks, gradients ${gradients.name}, weights ${form.settingName}: encoded bytes cross, and a shard's sum"
    ) {
      val (copied, length) = copiedPerStep(
        SetUp(
          "",
          model,
          2,
          device = Device.COPIED,
          gradients = gradients,
          weights = form,
          bucket = 2048
        )
      )
      val buckets = Buckets.of(length, 2, FlatBuffer.ALIGNMENT, 2048)
      val shard = buckets.size(0)
      def bytes(codec: GradientCodec, elements: Long) = elements / 256 * codec.encodedBytes(256)
      val encoded = gradients match {
        case blocks: ReductionConfig.Coded => bytes(blocks.codec, length)
        case topK: ReductionConfig.TopK => // a place and a bfloat16 for each entry of a shard
          buckets.list.asScala
            .flatMap(bucket => Seq(0, 1).map(bucket.size(_)))
            .map(size => 6L * math.ceil(topK.share * size).toLong)
            .sum
        case other => fail(other.name)
      }
      val weights = bytes(form.codec, shard.toLong) + bytes(form.codec, length)
      assert(copied == Seq.fill(4)(encoded + 4L * shard + weights))
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

  for (precision <- Precision.values; ranks <- Seq(1, 2); recompute <- Recompute.values)
    test(
      s"on a GPU losses are those of the processor, $precision, $ranks ranks, recompute $recompute",
      NeedsGpu
    ) {
      val device = Torch.start(1, DeviceChoice.CUDA, 0)
      // A code of int8 that comes out otherwise is a whole step of AdamW for a small gradient.
      val gradients = if (precision == Precision.FLOAT32) "fp32" else "int8"
      val setUp = SetUp(
        "",
        model.`with`(precision),
        ranks,
        recompute = recompute,
        gradients = coded(gradients, false)
      )
      val here = train(setUp, 10, Everywhere).curve.map(_._1)
      val there = train(setUp.copy(device = device), 10, Everywhere).curve.map(_._1)
      // float32 sums in another order, grown by ten updates; bfloat16 rounds to 2^-9.
      val bound = if (precision == Precision.FLOAT32) 1e-3 else 3e-2
      for ((a, b) <- here.zip(there)) assert(math.abs(a - b) < bound * math.abs(a))
    }
}
