package io.moraine.model.transformer

import io.moraine.model.attention.{LatentConfig, AttentionMask}
import io.moraine.model.collective.Ranks
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.data.TokenBatch
import io.moraine.model.layer.{Rotary, RotaryConfig}
import io.moraine.model.moe.{ExpertExchange, ExpertTransfer, RouterConfig}
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.precision.Precision
import io.moraine.model.tensor.{Device, Torch, TorchFlatBuffer}
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import java.lang.management.ManagementFactory
import java.nio.file.{Files, Path}
import java.util.{Optional, SplittableRandom}
import java.util.concurrent.Executors
import javax.management.ObjectName
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._

/** Passes forward and backward leave nothing behind: no hook, no tensor, no native memory. */
class RetainedSuite extends AnyFunSuite {

  private val vocabulary = 64
  private val length = 128

  private def config(denseLayers: Int, precision: Precision, layers: Int = 2) = new ModelConfig(
    vocabulary,
    128,
    layers,
    denseLayers,
    256,
    length,
    1e-6,
    0.02,
    new LatentConfig(2, 64, 64, 32, 16, 32),
    RotaryConfig.deepSeek(10000, length, 40, 32, 1, 1),
    new ModelConfig.ExpertsConfig(1, 64),
    new RouterConfig(4, 2, 1, 1, Score.SIGMOID, 1, true, 1e-4),
    false,
    new PredictionConfig(1, 0.3),
    ModelConfig.AttentionSpan.ACROSS_DOCUMENTS,
    precision
  )

  private val batch = {
    val random = new SplittableRandom(5)
    new TokenBatch(2, length, Array.fill(2 * (length + 1))(random.nextInt(vocabulary)))
  }

  /** Instances that a full collection leaves. */
  private def live(classes: String*): Seq[Int] = {
    val histogram = ManagementFactory.getPlatformMBeanServer
      .invoke(
        new ObjectName("com.sun.management:type=DiagnosticCommand"),
        "gcClassHistogram",
        Array[AnyRef](Array.empty[String]),
        Array(classOf[Array[String]].getName)
      )
      .toString
    val counts = histogram.linesIterator
      .map(_.trim.split("\\s+"))
      .collect { case Array(_, count, _, name, _*) => name -> count }
      .toMap
    classes.map(name => counts.get(name).fold(0)(_.toInt))
  }

  private def residentKib: Long = Files
    .readAllLines(Path.of("/proc/self/status"))
    .asScala
    .collectFirst { case line if line.startsWith("VmRSS") => line.replaceAll("\\D", "").toLong }
    .get

  /** What is held after a full collection, which makes the heap as small as it gets. */
  private case class Held(hooks: Int, tensors: Int, residentKib: Long)

  private def held: Held = {
    val Seq(products, recomputed, tensors) = live(
      "io.moraine.model.precision.BackwardProducts",
      "io.moraine.model.transformer.RecomputeHook",
      "org.bytedeco.pytorch.Tensor"
    )
    Held(products + recomputed, tensors, residentKib)
  }

  for (
    (kind, denseLayers) <- Seq("experts" -> 1, "dense" -> 2);
    precision <- Precision.values;
    recompute <- Recompute.values
  )
    test(s"$kind, products in $precision, computed again: $recompute") {
      Torch.start(1)
      val m =
        new Transformer(config(denseLayers, precision), recompute, Optional.empty(), Device.CPU)
      InitialWeights.put(m.config, 3, m.parameters)
      def passes(count: Int): Unit = for (_ <- 1 to count) m.forwardBackward(batch, 1)
      passes(20)
      def round(): (Held, Held) = {
        val before = held
        passes(30)
        (before, held)
      }
      // One that keeps the operands of every pass grows by 55 MB and more in every round; the JVM's
      // heap and what it compiles grow now and then.
      val (before, after) = Iterator
        .fill(3)(round())
        .find { case (from, to) => to.residentKib - from.residentKib < 24 * 1024 }
        .getOrElse(fail("the process grew by 24 MiB and more in each of three rounds"))
      // The last hook called stays until another is, for libtorch takes what it handed on later.
      val hasNone = precision == Precision.FLOAT32 && recompute == Recompute.NONE
      assert(before.hooks == (if (hasNone) 0 else 1))
      assert(after.copy(residentKib = before.residentKib) == before)
      m.close()
      assert(held.hooks == 0)
    }

  /** Passes through the layers alone, backward by a thread that has no scope, as libtorch's for a
    * GPU has none.
    */
  private def passes(
      model: ModelConfig,
      recompute: Recompute,
      device: Device,
      exchange: Optional[ExpertExchange]
  )(use: (Int => Unit) => Unit): Unit = {
    val sequences = 16
    val layout = WeightLayout.of(model)
    val held = exchange
      .map[HeldWeights](e => HeldWeights.ofOwner(layout, e.placement, e.rank))
      .orElse(HeldWeights.whole(layout))
    val parameters = new TorchFlatBuffer(held.parameters, device)
    val gradients = new TorchFlatBuffer(held.gradients, device)
    InitialWeights.put(model, 3, parameters)
    val balance = new TorchExpertBalance(model, device)
    val weights = new Weights(model, parameters, gradients, balance, exchange, device)
    val rotary = new Rotary(model.attention.rotaryDim, length, model.rotary, device)
    val backward = Executors.newSingleThreadExecutor()
    def pass(): Unit = {
      val scope = new PointerScope()
      try {
        val listener = new TrainingListener(balance, sequences, Optional.empty(), 0)
        val run = recompute match {
          case Recompute.NONE   => LayerRun.heardBy(listener)
          case Recompute.LAYERS => RecomputeHook.heardBy(listener, weights.hooks)
        }
        val starts = Seq.tabulate(model.layers)(Long.box(_)).asJava
        val announced = LayerFinishedHook.announced(run, weights.hooks, starts, _ => ())
        val context = AttentionContext.of(AttentionMask.whole(sequences), rotary)
        val x = torch.randn(sequences * length.toLong, 128L).set_requires_grad(true)
        val h =
          weights.layers.asScala.foldLeft(x)((h, layer) => announced.forward(layer, h, context))
        val loss = listener.balanceLoss.get.add(h.mul(h).mean())
        backward.submit((() => loss.backward()): Runnable).get()
      } finally scope.close()
    }
    try use(count => for (_ <- 1 to count) pass())
    finally {
      backward.shutdown()
      weights.close()
      rotary.close()
      Seq(parameters, gradients, balance).foreach(_.close())
    }
  }

  private def keepsNothing(passes: Int => Unit): Unit = {
    passes(10)
    val before = held
    passes(30)
    val after = held
    // What a thread's frame still names is one or the other's; a leak is 30 of them.
    assert(after.hooks == before.hooks && math.abs(after.tensors - before.tensors) < 10)
  }

  for (
    precision <- Precision.values; recompute <- Recompute.values;
    device <- Seq(Device.CPU, Device.LIKE_CUDA)
    if device == Device.CPU || precision != Precision.FLOAT32
  )
    test(
      s"backward in a thread without a scope, $precision, computed again: $recompute, forms of ${if (device.hasTensorCores) "a GPU" else "the processor"}"
    ) {
      Torch.start(1)
      passes(config(1, precision), recompute, device, Optional.empty())(keepsNothing)
    }

  for (recompute <- Recompute.values)
    test(s"backward in a thread without a scope, experts on owners, computed again: $recompute") {
      Torch.start(1)
      val fp32 = GradientCodec.of("fp32")
      Ranks
        .run(1) { communicator =>
          communicator.beginStep(1)
          val exchange = new ExpertExchange(communicator, 4, new ExpertTransfer(fp32, fp32))
          passes(config(1, Precision.FLOAT32), recompute, Device.CPU, Optional.of(exchange))(
            keepsNothing
          )
        }
        .foreach(_.get)
    }

  test("of a layer nothing is held but what autograd keeps") {
    Torch.start(1)
    // How many tensors Java holds when backward is through its first layer.
    def held(layers: Int): Int = {
      val m = new Transformer(config(layers, Precision.BF16, layers))
      InitialWeights.put(m.config, 3, m.parameters)
      m.forwardBackward(batch, 1)
      val Seq(before) = live("org.bytedeco.pytorch.Tensor")
      var most = 0
      m.learn(batch, 1, _ => most = most.max(live("org.bytedeco.pytorch.Tensor").head))
      m.close()
      most - before
    }
    val Seq(few, many) = Seq(2, 6).map(held)
    info(s"$few tensors with two layers, $many with six")
    // A layer's input and output, and what its products' hooks have; a layer makes ten times as many.
    assert(many - few < 4 * 14)
  }
}
