package io.moraine.jobs.report

import io.moraine.jobs.config.{ConfigException, ModelSettings, SettingsFile, TrainSettings}
import io.moraine.model.reduction.ReductionConfig
import io.moraine.model.train.TrainConfig
import io.moraine.model.transformer.{ActivationCost, ModelCost, Recompute}
import java.nio.file.{Files, Path}
import java.util.{Optional, OptionalDouble}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** The published models' settings against what was published of them. */
class ModelPlanSuite extends AnyFunSuite {

  private val folder = Path.of(System.getProperty("moraine.root", ".."), "conf/models")

  private def settings(name: String) = TrainSettings.of(
    SettingsFile.read(
      "models/demo.conf",
      Optional.of(folder.resolve(s"$name.conf")),
      java.util.Map.of()
    )
  )

  private def near(ours: Double, published: Double, relative: Double = 0.01): Unit =
    assert(math.abs(ours / published - 1) < relative, s"$ours against $published")

  for (
    (name, published) <- Seq(
      "deepseek-v3" -> 671e9,
      "deepseek-moe-16b" -> 16.4e9,
      "deepseek-v2-lite" -> 15.7e9,
      "llama-3.1-8b" -> 8.03e9,
      "llama-3.1-405b" -> 405e9
    )
  )
    test(s"$name: all parameters, to 1 %")(
      near(settings(name).model.parameters.toDouble, published)
    )

  // Published counts of active parameters have two digits, and count embedding and output head each in its way.
  test("deepseek-v3: 37 B active parameters, 36.7 B in the published table of weights") {
    val cost = new ModelCost(settings("deepseek-v3").model)
    near(cost.multipliedParameters.toDouble, 36.7e9)
    assert(math.round(cost.multipliedParameters / 1e9) == 37)
  }

  test("deepseek-moe-16b: 2.8 B active parameters, embedding and head among them") {
    assert(math.round(settings("deepseek-moe-16b").model.activeParameters / 1e8) == 28)
  }

  test("deepseek-v2-lite: 2.4 B active parameters, cut off, without the embedding") {
    val cost = new ModelCost(settings("deepseek-v2-lite").model)
    assert(cost.multipliedParameters / 100000000 == 24)
  }

  test("dense models: all parameters are active") {
    for (name <- Seq("llama-3.1-8b", "llama-3.1-405b")) {
      val model = settings(name).model
      assert(model.activeParameters == model.parameters)
    }
  }

  test("small: about 25 million parameters, 8 million active") {
    val model = settings("small").model
    near(model.parameters.toDouble, 25e6, 0.05)
    near(model.activeParameters.toDouble, 8e6, 0.1)
  }

  test("training FLOPs per token at 4,096: the published 250 and 2,448 GFLOP") {
    near(new ModelCost(settings("deepseek-v3").model).trainingFlops(4096), 250e9)
    near(new ModelCost(settings("llama-3.1-405b").model).trainingFlops(4096), 2448e9, 0.015)
  }

  test("multi-token prediction costs its module, its attention and the head once more") {
    def demo(depth: Int) = new ModelCost(
      TrainSettings
        .of(
          SettingsFile.read(
            "models/demo.conf",
            Optional.empty(),
            java.util.Map.of("model.prediction.depth", Int.box(depth))
          )
        )
        .model
    )
    // dim 192; latents 96 and 64; 4 heads of 32 + 16 and 32; 2 of 8 experts and a shared one, 96 wide; 8,192 tokens.
    val attention = 192 * 96 + 96 + 96 * 4 * 48 + 192 * (64 + 16) + 64 + 64 * 4 * 64 + 4 * 32 * 192
    val experts = 8 * 192 + 3 * 3 * 192 * 96
    val module = attention + experts + 2 * 192 + 2 * 192 * 192 + 3 * 192
    val heads = 2.0 * 192 * 8192
    for (length <- Seq(1, 256)) {
      val lookingBack = 2.0 * 4 * (48 + 32) * (length + 1) / 2
      val more = demo(2).forwardFlops(length) - demo(0).forwardFlops(length)
      assert(more == 2 * (2.0 * module + heads + lookingBack))
      assert(demo(2).trainingFlops(length) == 3 * demo(2).forwardFlops(length))
    }
  }

  test("cached values per token: the published 70.272 and 516.096 KB of bfloat16") {
    assert(2 * new ModelCost(settings("deepseek-v3").model).cachedValues == 70272)
    assert(2 * new ModelCost(settings("llama-3.1-405b").model).cachedValues == 516096)
  }

  test("the plan of DeepSeek-V3 on its cluster: its published rank-hours, to 5 %") {
    val cluster =
      new ModelPlan.Cluster(2048, 4096, OptionalDouble.empty, OptionalDouble.of(386e12))
    val lines = ModelPlan.lines(settings("deepseek-v3"), cluster).asScala
    val parameters = lines.find(_.startsWith("parameters")).get
    assert(parameters.contains("(671.0 B), active per token 37,"), parameters)
    assert(lines.exists(_.contains("250.5 GFLOP per token")) || lines.exists(_.contains("250.4")))
    val run = lines.find(_.startsWith("run")).get
    val hours = run.replaceAll(".* ([\\d,]+) rank-hours", "$1").replace(",", "").toDouble
    near(hours, 2664e3, 0.05)
    assert(!lines.exists(_.contains("sending")))
  }

  // Measured: docs/benchmarks/training_2core_202611.md, TrainingMemory of this model.
  test("small: activations per token, planned against measured peaks") {
    val cost = new ActivationCost(settings("small").model)
    val planned = Recompute.values.map(recompute => 4.0 * cost.valuesPerToken(recompute))
    near(planned(0), 306906, 0.05)
    near(planned(1), 110710, 0.05)
    val cluster = new ModelPlan.Cluster(2, 512, OptionalDouble.empty, OptionalDouble.empty)
    val line = ModelPlan.lines(settings("small"), cluster).asScala.find(_.contains("none")).get
    assert(line.contains("299,416 bytes per token") && line.endsWith("<- train.recompute"), line)
  }

  private def seen(train: TrainConfig)(step: Long): Double = {
    val sizes = train.batch.sizes(4096)
    sizes.through(step).toDouble / sizes.through(train.steps)
  }

  test("deepseek-v3: learning rate, batch and gamma at the published places of 14.8 T tokens") {
    val train = settings("deepseek-v3").train
    val sizes = train.batch.sizes(4096)
    near(sizes.through(train.steps) * 4096.0, 14.8e12, 1e-5)
    def stepAt(tokens: Double): Long =
      Iterator.from(1).map(_.toLong).find(step => sizes.through(step) * 4096.0 >= tokens).get
    def rate(step: Long) = train.schedule.at(step, step => seen(train)(step))
    assert(sizes.of(1) == 3072 && sizes.of(stepAt(470e9) + 1) == 15360)
    assert(rate(1000) == 1.1e-4 && rate(2000) == 2.2e-4 && rate(stepAt(9.99e12)) == 2.2e-4)
    near(rate(stepAt(12.15e12)), 1.21e-4, 1e-3)
    assert(rate(stepAt(14.31e12)) == 2.2e-5 && rate(stepAt(14.62e12)) == 2.2e-5)
    assert(rate(stepAt(14.64e12)) == 7.3e-6 && rate(train.steps) == 7.3e-6)
    assert(seen(train)(stepAt(14.299e12)) < train.balance.share)
    assert(seen(train)(stepAt(14.301e12)) > train.balance.share)
  }

  for (name <- Seq("deepseek-moe-16b", "deepseek-v2-lite"))
    test(s"$name: the learning rate falls to 0.316 of itself at 80 % and at 90 % of the tokens") {
      val train = settings(name).train
      def rate(share: Double) =
        train.schedule.at((share * train.steps).toLong, step => seen(train)(step))
      assert(rate(0.0001) < 4.2e-4 && rate(0.799) == 4.2e-4)
      near(rate(0.801), 4.2e-4 * 0.316, 1e-9)
      near(rate(0.899), 4.2e-4 * 0.316, 1e-9)
      near(rate(0.901), 4.2e-4 * 0.316 * 0.316, 1e-9)
      near(rate(1), 4.2e-4 * 0.316 * 0.316, 1e-9)
    }

  test("training settings that make no sense are one line that names the section") {
    def refused(options: (String, Any)*): String =
      intercept[ConfigException](
        TrainSettings.of(
          SettingsFile.read(
            "models/demo.conf",
            Optional.empty(),
            options.map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
          )
        )
      ).getMessage
    assert(
      refused("train.batch-ramp.tokens" -> 1000, "train.batch-ramp.from" -> 9).startsWith(
        "train: batch-ramp.from must be in [1, sequences-per-step], got 9 and 8 ("
      )
    )
    assert(
      refused("train.balance.share" -> 1.5).startsWith(
        "train.balance: bias-update must not be negative and share in [0, 1], got 0.01 and 1.5 ("
      )
    )
    def phase(shape: String, length: Double) = java.util.List.of(
      java.util.Map.of("length", length, "shape", shape, "rate", 1e-4)
    )
    assert(
      refused("train.learning-rate.phases" -> phase("cosine", 0)).startsWith(
        "train.learning-rate.phases[0]: length must be positive and rate not negative, got 0.0 and 1.0E-4 ("
      )
    )
    assert(
      refused("train.learning-rate.phases" -> phase("step", 1))
        .startsWith("train.learning-rate.phases[0].shape must be one of constant, cosine, got step")
    )
    assert(refused("train.steps" -> 0).startsWith("train: steps must be at least 1, got 0 ("))
  }

  test("memory and wire bytes of the demo's model on two ranks, by hand") {
    val demo = TrainSettings.of(
      SettingsFile.read("models/demo.conf", Optional.empty(), java.util.Map.of())
    )
    val cluster =
      new ModelPlan.Cluster(2, 256, OptionalDouble.of(1e6), OptionalDouble.of(1e10))
    val lines = ModelPlan.lines(demo, cluster).asScala
    // int8: 256 bytes and a scale a block; bf16: 2 bytes; half of both goes out.
    val flat = ReductionConfig.length(demo.model.weights)
    val bytes = flat / 256 * (260 + 512) / 2
    val chosen = lines.find(_.endsWith("<- settings")).get
    assert(chosen.contains("gradients int8, weights bf16"))
    assert(chosen.contains(f"$bytes%,d"))
    // int4: half of the codes' bytes.
    val int4 = lines.find(_.contains("gradients int4, weights bf16")).get
    assert(int4.contains(f"${flat / 256 * (132 + 512) / 2}%,d"))
    val differences = lines.find(_.contains("gradients int4, weights int8-differences")).get
    assert(differences.contains(f"${flat / 256 * (132 + 260) / 2}%,d"))
    val memory = lines.find(_.startsWith("memory")).get
    assert(memory.contains(f"${(8 * flat + 8 * flat) / 1e9}%.4g".stripSuffix("0")), memory)
    assert(lines.exists(_.startsWith("step")) && lines.exists(_.contains("s of sending")))
  }

  test("what of the memory is a GPU's, and what is pinned on the host, by hand") {
    def plan(ranks: Int, options: (String, Object)*) = {
      val settings = TrainSettings.of(
        SettingsFile.read("models/demo.conf", Optional.empty(), options.toMap.asJava)
      )
      val none = OptionalDouble.empty
      ModelPlan
        .lines(settings, new ModelPlan.Cluster(ranks, 256, none, none))
        .asScala
        .find(_.startsWith("on a GPU"))
    }
    def said(there: Double, pinned: Double) = Some(
      String.format(
        java.util.Locale.ROOT,
        "on a GPU         %.4g GB of that in its memory; pinned on the host for what crosses %.4g",
        there / 1e9,
        pinned / 1e9
      )
    )
    val demo = TrainSettings.of(
      SettingsFile.read("models/demo.conf", Optional.empty(), java.util.Map.of())
    )
    val flat = ReductionConfig.length(demo.model.weights).toDouble
    assert(plan(2, "train.engine.device" -> "cpu").isEmpty)
    // Weights and gradients, and four numbers for each of half of the parameters; int8, float32 of a half, bf16.
    assert(plan(2) == said(8 * flat + 8 * flat, flat / 256 * 260 + 2 * flat + 2 * flat))
    assert(plan(1) == said(8 * flat + 16 * flat, 0))
    // int4 owes a number for each, twice where steps are skipped; by powersgd the host does, and adds up float32.
    assert(plan(1, "train.wire.gradients" -> "int4") == said(32 * flat, 0))
    assert(plan(1, "train.wire.gradients" -> "powersgd") == said(24 * flat, 4 * flat))
    // topk owes a residual and a velocity; of 65,536 elements 656 entries of 6 bytes come down.
    val topK = Seq[(String, Object)](
      "train.wire.gradients" -> "topk",
      "train.wire.topk-momentum" -> Double.box(0.9)
    )
    assert(plan(1, topK: _*) == said(40 * flat, 0))
    assert(plan(2, topK: _*) == said(32 * flat, flat / 65536 * 656 * 6 + 4 * flat))
  }

  test("experts on their owners: memory and wire bytes of the demo's model on two ranks, by hand") {
    def owners(options: (String, Object)*) = TrainSettings.of(
      SettingsFile.read(
        "models/demo.conf",
        Optional.empty(),
        (("train.experts.placement" -> "owners") +: options).toMap.asJava
      )
    )
    def plan(ranks: Int, settings: TrainSettings) = {
      val speed = OptionalDouble.of(1e6)
      ModelPlan.lines(settings, new ModelPlan.Cluster(ranks, 256, speed, speed)).asScala
    }
    val lines = plan(2, owners())
    val flat = ReductionConfig.length(owners().model.weights)
    // 3 layers of 8 experts of 3 matrices of 192 x 96, which are whole blocks of 256.
    val routed = 3 * 8 * 3 * 192 * 96
    val common = flat - routed
    assert(lines.find(_.endsWith("<- settings")).get.contains(f"${common / 256 * 772 / 2}%,d"))
    // 8 x 256 tokens, half on this rank, half of whose rows for 2 experts in 3 layers go out: 192 bytes and
    // two scales to an expert, 2 x 192 back, and gradients the same ways.
    val rows = 1024 / 2 * 2 * 3 * 2 * (192 + 8 + 384)
    assert(lines.find(_.contains("rows to experts")).get.contains(f"$rows%,d"))
    val weights = 4.0 * (common + routed / 2)
    val memory = lines.find(_.startsWith("memory")).get
    assert(memory.contains(f"weights ${weights / 1e9}%.4g".stripSuffix("0")), memory)
    assert(memory.contains(f"gradients ${4.0 * flat / 1e9}%.4g".stripSuffix("0")), memory)
    val again = plan(2, owners("train.recompute" -> "layers")).find(_.contains("rows to experts"))
    assert(again.get.contains(f"${rows / 2 * 3}%,d"))
    // A rank of three has 3 of the 8 experts, and three gradients of each.
    val three = plan(3, owners()).find(_.startsWith("memory")).get
    assert(
      three.contains(f"gradients ${4.0 * (common + routed / 8 * 9) / 1e9}%.4g".stripSuffix("0")),
      three
    )
  }

  test("experts on owners where there are none, or rows that no tile divides, are one line") {
    def refused(name: String, options: (String, Any)*): String =
      intercept[ConfigException](
        TrainSettings.of(
          SettingsFile.read(
            "models/demo.conf",
            Optional.of(folder.resolve(s"$name.conf")),
            (Seq[(String, Any)]("train.experts.placement" -> "owners") ++ options)
              .map { case (k, v) =>
                k -> v.asInstanceOf[Object]
              }
              .toMap
              .asJava
          )
        )
      ).getMessage
    assert(
      refused("llama-3.1-8b").startsWith(
        "train.experts: placement = owners needs layers with experts, the model is dense ("
      )
    )
    assert(
      refused("demo", "model.dim" -> 131).startsWith(
        "train.experts: fp8 needs rows that tiles of 16 to 128 elements divide, got 131 elements ("
      )
    )
    assert(
      refused("demo", "train.experts.dispatch" -> "int8")
        .startsWith("train.experts.dispatch must be one of fp8, bf16, fp32, got int8 (")
    )
  }

  private def demo(options: (String, Any)*) = TrainSettings.of(
    SettingsFile.read(
      "models/demo.conf",
      Optional.empty(),
      options.map { case (k, v) => s"train.wire.$k" -> v.asInstanceOf[Object] }.toMap.asJava
    )
  )

  test("wire bytes and memory of powersgd and topk for the demo's model on two ranks, by hand") {
    def plan(settings: TrainSettings) = ModelPlan
      .lines(settings, new ModelPlan.Cluster(2, 256, OptionalDouble.empty, OptionalDouble.empty))
      .asScala
    val flat = ReductionConfig.length(demo().model.weights)
    // Both factors of rank 4, or what is not smaller as factors, in float32 twice, half of it.
    val factors = demo().model.weights.asScala.map { slice =>
      val shape = slice.shape.asScala.map(_.longValue)
      val asFactors = if (shape.size == 2) 4 * shape.sum else Long.MaxValue
      math.min(asFactors, shape.product)
    }.sum
    val powerSgd = plan(demo("gradients" -> "powersgd"))
    val chosen = powerSgd.find(_.endsWith("<- settings")).get
    info(chosen)
    assert(chosen.contains("gradients powersgd, weights bf16"))
    assert(chosen.contains(f"${4 * factors + flat}%,d"))
    assert(powerSgd.find(_.startsWith("memory")).get.contains("error feedback 0.04"))
    val topK = plan(demo("gradients" -> "topk", "topk-momentum" -> 0.9))
    val sent = topK.find(_.endsWith("<- settings")).get
    info(sent)
    // 656 entries of 3 bytes, 512 + 4 longer gaps and 4 bytes in every 65,536 elements, at most.
    assert(sent.contains(f"${math.round(flat / 65536.0 * (656 * 3 + 516 + 4) / 2 + flat)}%,d"))
    assert(topK.find(_.startsWith("memory")).get.contains("error feedback 0.08"))
  }

  test("what reductions cannot be is one line that names the section") {
    def refused(options: (String, Any)*): String =
      intercept[ConfigException](demo(options: _*)).getMessage
    val wire = "train.wire: "
    assert(
      refused("gradients" -> "int9").startsWith(
        wire + "gradients must be one of fp32, bf16, int8, int4, sign, topk, powersgd, got int9 ("
      )
    )
    assert(
      refused("gradients" -> "topk", "topk-share" -> 0)
        .startsWith(wire + "topk-share must be in (0, 1], got 0.0 (")
    )
    assert(
      refused("gradients" -> "topk", "topk-momentum" -> 1)
        .startsWith(wire + "topk-momentum must be in [0, 1), got 1.0 (")
    )
    assert(
      refused("gradients" -> "powersgd", "powersgd-rank" -> 0)
        .startsWith(wire + "powersgd-rank must be at least 1, got 0 (")
    )
    assert(
      refused("weights" -> "int8").startsWith(
        "train.wire.weights must be one of fp32, bf16, int8-differences, int4-differences, sign-differences, got int8"
      )
    )
    for (name <- Seq("int4", "sign", "topk", "powersgd"); feedback <- Seq("auto", "on", "off")) {
      val settings = demo("gradients" -> name, "error-feedback" -> feedback)
      assert(settings.train.wire.gradients.hasFeedback == (feedback != "off"))
      assert(settings.train.wire.gradients.name == name)
    }
    for (name <- Seq("fp32", "bf16", "int8"))
      assert(!demo("gradients" -> name).train.wire.gradients.hasFeedback)
  }

  test("every file of conf/models is complete, and its model is what its settings say of it") {
    val files = Files.list(folder).iterator.asScala.map(_.getFileName.toString).toSeq
    assert(files.size >= 7)
    for (file <- files) {
      val read = settings(file.stripSuffix(".conf"))
      val options = ModelSettings.of(read.model)
      val again = TrainSettings.of(
        SettingsFile.read("models/demo.conf", Optional.empty(), options)
      )
      assert(again.model == read.model, file)
    }
  }
}
