package io.moraine.model.reduction

import io.moraine.model.collective.{Buckets, Ranks}
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.tensor.{Device, FlatBuffer, Slice, Torch, TorchFlatBuffer}
import java.util.{List => JList, Optional, SplittableRandom}
import org.bytedeco.pytorch.Tensor
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** Reductions of gradients in a device's memory, against the same in the host's. */
class DeviceReductionSuite extends AnyFunSuite {

  private val short = 3 * 1024 + 512

  private def gradients(length: Int, rank: Int, step: Int): Array[Float] = {
    val random = new SplittableRandom(100L * rank + step)
    Array.tabulate(length)(i => if (i / 256 % 5 == 4) 0f else random.nextGaussian().toFloat)
  }

  /** The sums of three steps, and what is owed then, by name. */
  private def run(
      config: ReductionConfig,
      worldSize: Int,
      device: Device,
      length: Int = short,
      bucket: Int = 1024
  ): Seq[(Seq[Int], Seq[(String, Seq[Int])])] = {
    val slices = JList.of(new Slice("a", 0, JList.of(length.toLong)))
    Ranks
      .run(worldSize) { communicator =>
        Torch.start(1)
        val buffer = new TorchFlatBuffer(slices, device)
        val buckets = Buckets.of(length.toLong, worldSize, FlatBuffer.ALIGNMENT, bucket.toLong)
        val total = buckets.size(communicator.rank)
        val here = new Array[Float](total)
        val shard = new TorchFlatBuffer(
          JList.of(new Slice("sum", 0, JList.of(math.max(256L, total.toLong)))),
          device
        )
        val sum = new OwnedGradients {
          override def put(place: Int, values: Array[Float], offset: Int, count: Int): Unit =
            shard.put(place.toLong, values, offset, count)
          override def clear(place: Int, count: Int): Unit = fail()
          override def onDevice(place: Int, count: Int): Optional[Tensor] =
            shard.onDevice(place.toLong, count.toLong)
        }
        val reduction = GradientReduction.of(
          config,
          communicator,
          buckets,
          slices,
          Gradients.of(buffer),
          1
        )
        try {
          val sums =
            for (step <- 1 to 3; values = gradients(length, communicator.rank, step)) yield {
              communicator.beginStep(step)
              buffer.put(0, values, 0, length)
              for (bucket <- buckets.count - 1 to 0 by -1) reduction.begin(bucket)
              // Backward goes on with the next step: what is sent must not be read any more.
              if (device == Device.COPIED && worldSize > 1) buffer.clear()
              for (bucket <- buckets.count - 1 to 0 by -1) reduction.reduce(bucket, sum)
              shard.get(0, here, 0, total)
              here.toSeq.map(java.lang.Float.floatToRawIntBits)
            }
          val owed = reduction.state.asScala.toSeq
            .map(state => state.name -> state.values.toSeq.map(java.lang.Float.floatToRawIntBits))
          (sums.flatten, owed)
        } finally {
          reduction.close()
          buffer.close()
          shard.close()
        }
      }
      .map(_.get)
  }

  private val configs =
    Seq("fp32", "bf16", "int8", "int4", "sign").map(name =>
      name -> new ReductionConfig.Coded(
        GradientCodec.of(name),
        name == "int4" || name == "sign"
      )
    ) ++ Seq(
      "topk without feedback" -> new ReductionConfig.TopK(0.1, 0.5, false),
      "topk without momentum" -> new ReductionConfig.TopK(0.02, 0, true),
      "topk with momentum" -> new ReductionConfig.TopK(0.02, 0.9, true)
    )

  for ((name, config) <- configs; worldSize <- Seq(1, 2, 3))
    test(
      s"$name, P = $worldSize: what was final when a bucket began is summed, the same bits, and the same is owed"
    ) {
      val here = run(config, worldSize, Device.CPU)
      assert(here.head._1.exists(_ != 0)) // of three the last one owns nothing
      assert(here.head._2.isEmpty == !config.hasFeedback)
      assert(run(config, worldSize, Device.COPIED) == here)
    }

  for (momentum <- Seq(0.0, 0.9); worldSize <- Seq(1, 2, 3))
    test(
      s"topk, momentum $momentum, P = $worldSize: the same where shards are several ranges of the wire and a rest"
    ) {
      val config = new ReductionConfig.TopK(0.01, momentum, true)
      def on(device: Device) = run(config, worldSize, device, 7 * 65536 + 768, 5 * 65536 + 512)
      val here = on(Device.CPU)
      assert(here.forall(_._1.exists(_ != 0)))
      assert(on(Device.COPIED) == here)
    }

  test("what needs a number for each of more parameters than an array has is refused in a line") {
    Ranks
      .run(1) { communicator =>
        val many = 3L << 30
        val slices = JList.of(new Slice("a", 0, JList.of(3L << 20, 1024L)))
        val buckets = Buckets.of(many, 1, FlatBuffer.ALIGNMENT, 1 << 24)
        def refused(config: ReductionConfig): String =
          intercept[IllegalArgumentException](
            GradientReduction.of(config, communicator, buckets, slices, (_, _, _, _) => (), 1)
          ).getMessage
        def said(name: String) =
          s"gradients in $name carry a number for each of 3,221,225,472 parameters from step to step, and a rank has at most 2,147,483,647. Use gradients without error feedback: fp32, bf16 or int8."
        assert(refused(new ReductionConfig.Coded(GradientCodec.of("int4"), true)) == said("int4"))
        assert(refused(new ReductionConfig.TopK(0.1, 0, true)) == said("topk"))
        assert(refused(new ReductionConfig.PowerSgd(2, false)) == said("powersgd"))
      }
      .foreach(_.get)
  }
}
