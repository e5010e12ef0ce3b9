package io.moraine.model.transformer

import io.moraine.model.attention.LatentConfig
import io.moraine.model.data.TokenBatch
import io.moraine.model.layer.RotaryConfig
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.precision.Precision
import io.moraine.model.tensor.Torch
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import java.lang.management.ManagementFactory
import java.nio.file.{Files, Path}
import java.util.SplittableRandom
import javax.management.ObjectName
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._

/** Passes forward and backward leave nothing behind: no hook, no tensor, no native memory. */
class RetainedSuite extends AnyFunSuite {

  private val vocabulary = 64
  private val length = 128

  private def config(denseLayers: Int, precision: Precision): ModelConfig = new ModelConfig(
    vocabulary,
    128,
    2,
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
  private case class Held(hooks: Int, recomputed: Int, tensors: Int, residentKib: Long)

  private def held: Held = {
    val Seq(hooks, recomputed, tensors) = live(
      "io.moraine.model.precision.BackwardProducts",
      "io.moraine.model.transformer.RecomputedLayer",
      "org.bytedeco.pytorch.Tensor"
    )
    Held(hooks, recomputed, tensors, residentKib)
  }

  for (
    (kind, denseLayers) <- Seq("experts" -> 1, "dense" -> 2);
    precision <- Precision.values;
    recompute <- Recompute.values
  )
    test(s"$kind, products in $precision, computed again: $recompute") {
      Torch.start(1)
      val m = new Transformer(config(denseLayers, precision), recompute)
      m.initialize(3)
      def passes(count: Int): Unit = for (_ <- 1 to count) m.forwardBackward(batch, 1)
      passes(20)
      val before = held
      passes(30)
      val after = held
      // The last hook called stays until another is, for libtorch takes what it handed on later.
      assert(before.hooks == (if (precision == Precision.FLOAT32) 0 else 1))
      assert(before.recomputed == 0)
      assert(after.copy(residentKib = before.residentKib) == before)
      // One that keeps the operands of every pass grows by 55 MB and more.
      assert(after.residentKib - before.residentKib < 24 * 1024)
      m.close()
      assert(held.hooks == 0)
    }
}
