package io.moraine.model.huggingface

import com.fasterxml.jackson.databind.json.JsonMapper
import com.fasterxml.jackson.databind.node.ObjectNode
import io.moraine.model.attention.{AttentionConfig, GroupedQueryConfig, LatentConfig}
import io.moraine.model.checkpoint.{
  CorruptDataException,
  LocalStorage,
  NamedTensor,
  Safetensors,
  TensorType
}
import io.moraine.model.data.TokenBatch
import io.moraine.model.layer.RotaryConfig.Layout
import io.moraine.model.layer.{Llama3Scaling, RotaryConfig, RotaryScaling, YarnScaling}
import io.moraine.model.moe.RouterConfig
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.tensor.Torch
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import io.moraine.model.transformer.{InitialWeights, ModelConfig, Transformer}
import java.io.{FileNotFoundException, IOException}
import java.nio.file.{Files, Path}
import java.util.OptionalInt
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class ModelFormatSuite extends AnyFunSuite {

  private val json = new JsonMapper()
  private val yarn = new YarnScaling(8, 40, 32, 1, 1, 1)
  private val latent = new LatentConfig(2, 10, 8, 6, 4, 5)
  private val router = new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1.5, true, 0)

  private def deepSeek(
      attention: AttentionConfig = latent,
      scaling: RotaryScaling = yarn,
      layout: Layout = Layout.INTERLEAVED,
      router: RouterConfig = router,
      tied: Boolean = false,
      shared: Int = 2
  ) = new ModelConfig(
    23,
    16,
    3,
    1,
    24,
    12,
    1e-5,
    0.2,
    attention,
    new RotaryConfig(10000, layout, scaling),
    new ModelConfig.ExpertsConfig(shared, 8),
    router,
    tied
  )

  private def llama(
      scaling: RotaryScaling = new RotaryScaling.None,
      layout: Layout = Layout.HALVES,
      tied: Boolean = false
  ) = new ModelConfig(
    23,
    16,
    2,
    2,
    24,
    12,
    1e-5,
    0.2,
    new GroupedQueryConfig(4, 2, 6),
    new RotaryConfig(500000, layout, scaling),
    ModelConfig.ExpertsConfig.none,
    RouterConfig.none,
    tied
  )

  private def model(config: ModelConfig): Transformer = {
    Torch.start(1)
    val model = new Transformer(config)
    InitialWeights.put(model.config, 3, model.parameters)
    model.expertBalance.ifPresent(r =>
      r.setBias(r.bias.indices.map(i => 0.01f * i - 0.05f).toArray)
    )
    model
  }

  private def exported(
      model: Transformer,
      weights: TensorType = TensorType.F32,
      shardBytes: Long = ModelExport.SHARD_BYTES
  ): Path = {
    val folder = Files.createTempDirectory("moraine-export")
    val settings = new ModelExport.Settings(weights, shardBytes, OptionalInt.of(7))
    ModelExport.write(model, settings, new LocalStorage(folder))
    folder
  }

  private def found(folder: Path) = ModelImport.ofFolder(new LocalStorage(folder), "x")

  private def imported(folder: Path): Transformer = {
    val stored = found(folder)
    val model = new Transformer(stored.config)
    stored.load(model)
    model
  }

  private val tokens = Array.tabulate(24)(i => i * 7 % 23)

  private def modules(count: Int) = new PredictionConfig(count, 0)

  private def allWeights(model: Transformer): Seq[Float] = {
    val values = new Array[Float](model.parameters.length.toInt)
    model.parameters.get(0, values, 0, values.length)
    values.toSeq
  }

  /** Losses of the next token and, summed, of those beyond. */
  private def losses(model: Transformer): (Double, Any) = {
    val loss = model.forwardBackward(new TokenBatch(2, 11, tokens), 1)
    (loss, model.takeFurtherLoss)
  }

  for (
    (name, config) <- Seq(
      "DeepSeek, YaRN" -> deepSeek(),
      "DeepSeek, YaRN with two weights" ->
        deepSeek(scaling = new YarnScaling(8, 4, 16, 2, 0.5, 0.707)),
      "DeepSeek, full-rank queries, halves" ->
        deepSeek(new LatentConfig(2, 0, 8, 6, 4, 5), new RotaryScaling.None, Layout.HALVES),
      "DeepSeek, tied" -> deepSeek(scaling = new RotaryScaling.None, tied = true),
      "DeepSeek, a module of multi-token prediction" -> deepSeek().`with`(modules(1)),
      "DeepSeek, two modules, tied" -> deepSeek(tied = true).`with`(modules(2)),
      "Llama, a module of multi-token prediction" -> llama().`with`(modules(1)),
      "Llama" -> llama(),
      "Llama, tied" -> llama(tied = true),
      "Llama, Llama 3.1's scaling" -> llama(new Llama3Scaling(8, 8, 1, 4)),
      "Llama, YaRN" -> llama(new YarnScaling(8, 4, 32, 1, 1, 0))
    )
  )
    test(s"export and import give the same weights, logits and losses bit for bit: $name") {
      val original = model(config)
      val folder = exported(original)
      assert(found(folder).leftOut.isEmpty && found(folder).absentModules == 0)
      val back = imported(folder)
      assert(back.config == config)
      assert(allWeights(back) == allWeights(original))
      assert(back.logits(tokens, 2).toSeq == original.logits(tokens, 2).toSeq)
      assert(losses(back) == losses(original))
      assert(
        back.expertBalance.map[Seq[Float]](_.bias.toSeq) == original.expertBalance.map[Seq[Float]](
          _.bias.toSeq
        )
      )
    }

  test("YaRN that the model's length makes no use of is not exported") {
    val short = deepSeek(scaling = new YarnScaling(12, 40, 32, 1, 1, 1))
    val original = model(short)
    val back = imported(exported(original))
    assert(back.config.rotary.scaling == new RotaryScaling.None)
    assert(back.logits(tokens, 2).toSeq == original.logits(tokens, 2).toSeq)
  }

  test("the configuration has what the published ones have") {
    val folder = exported(model(deepSeek()), TensorType.BF16)
    val config = json.readTree(folder.resolve("config.json").toFile)
    assert(config.at("/architectures/0").asText == "DeepseekV3ForCausalLM")
    assert(config.get("model_type").asText == "deepseek_v3")
    assert(config.get("torch_dtype").asText == "bfloat16")
    assert(config.at("/rope_scaling/type").asText == "yarn")
    assert(config.at("/rope_scaling/mscale_all_dim").asDouble == 1)
    assert(config.get("e_score_correction_bias") == null && config.get("n_group").asInt == 4)
    assert(config.get("eos_token_id").asInt == 7)
    val generation = json.readTree(folder.resolve("generation_config.json").toFile)
    assert(generation.get("eos_token_id").asInt == 7)
  }

  test("in bfloat16 weights are rounded, selection biases are not") {
    val original = model(deepSeek())
    val folder = exported(original, TensorType.BF16)
    val header = new String(Files.readAllBytes(folder.resolve("model.safetensors")), "ISO-8859-1")
    assert(header.contains(""""lm_head.weight":{"dtype":"BF16","shape":[23,16]"""))
    assert(
      header.contains(
        """"model.layers.1.mlp.gate.e_score_correction_bias":{"dtype":"F32","shape":[8]"""
      )
    )
    val first = imported(folder)
    assert(first.expertBalance.get.bias.toSeq == original.expertBalance.get.bias.toSeq)
    val differences = first.logits(tokens, 2).zip(original.logits(tokens, 2)).map { case (a, b) =>
      math.abs(a - b)
    }
    assert(differences.max > 0)
    val again = imported(exported(first, TensorType.BF16))
    assert(again.logits(tokens, 2).toSeq == first.logits(tokens, 2).toSeq)
  }

  /** What is said of an exported model whose configuration was changed. */
  private def refusal(config: ModelConfig)(change: ObjectNode => Unit): String = {
    val folder = exported(model(config))
    val file = folder.resolve("config.json")
    val node = json.readTree(file.toFile).asInstanceOf[ObjectNode]
    change(node)
    Files.writeString(file, node.toString)
    intercept[IOException](found(folder)).getMessage
  }

  for (
    (key, value, message) <- Seq(
      ("hidden_act", "\"gelu\"", "hidden_act must be silu, got \"gelu\"."),
      ("attention_bias", "true", "attention_bias must be false, got true."),
      ("attention_dropout", "0.1", "attention_dropout must be 0, got 0.1."),
      ("norm_topk_prob", "false", "norm_topk_prob must be true, got false."),
      ("scoring_func", "\"softmax\"", "scoring_func must be sigmoid, got \"softmax\"."),
      ("topk_method", "\"greedy\"", "topk_method must be noaux_tc, got \"greedy\"."),
      ("moe_layer_freq", "2", "moe_layer_freq must be 1, got 2."),
      ("num_key_value_heads", "1", "num_key_value_heads must be 2, got 1."),
      ("head_dim", "10", "head_dim must be 4, got 10."),
      ("pruned_heads", "{\"0\": [1]}", "pruned_heads must be empty, got {\"0\":[1]}."),
      (
        "quantization_config",
        "{\"fmt\": \"e4m3\"}",
        "quantization_config is not supported: convert the weights to bfloat16 first."
      ),
      (
        "partial_rotary_factor",
        "0.5",
        "partial_rotary_factor is not known, and may change what the model computes, got 0.5."
      ),
      ("vocab_size", "null", "vocab_size is missing."),
      ("n_group", "1.5", "n_group must be an integer, got 1.5."),
      ("n_group", "3", "routed must be divisible by groups, got 8 and 3."),
      ("rms_norm_eps", "\"small\"", "rms_norm_eps must be a number, got \"small\"."),
      ("rope_interleave", "1", "rope_interleave must be true or false, got 1."),
      (
        "rope_parameters",
        "{\"rope_type\": \"default\"}",
        "rope_scaling and rope_parameters must not both be there."
      ),
      ("rope_scaling", "4", "rope_scaling must be an object, got 4."),
      (
        "rope_scaling",
        "{\"type\": \"dynamic\", \"factor\": 2}",
        "rope_type must be default, yarn or llama3, got dynamic."
      ),
      (
        "rope_scaling",
        "{\"rope_type\": \"default\", \"partial_rotary_factor\": 0.5}",
        "rope_scaling.partial_rotary_factor is not known, and may change what the model computes, got 0.5."
      ),
      (
        "rope_scaling",
        "{\"rope_type\": \"yarn\", \"factor\": 2, \"original_max_position_embeddings\": 12}",
        "original_max_position_embeddings must be below max_position_embeddings, got 12 and 12."
      ),
      (
        "rope_scaling",
        "{\"rope_type\": \"yarn\", \"factor\": 2, \"original_max_position_embeddings\": 8, \"attention_factor\": 2}",
        "rope_scaling.attention_factor is not supported: it follows from mscale and mscale_all_dim."
      ),
      (
        "rope_scaling",
        "{\"rope_type\": \"yarn\", \"factor\": 2, \"original_max_position_embeddings\": 8, \"truncate\": false}",
        "rope_scaling.truncate must be true, got false."
      ),
      (
        "rope_scaling",
        "{\"rope_type\": \"yarn\", \"factor\": 2, \"original_max_position_embeddings\": 8, \"mscale_all_dim\": 1}",
        "mscale_all_dim without mscale is not supported."
      ),
      (
        "rope_scaling",
        "{\"rope_type\": \"llama3\", \"factor\": 2, \"original_max_position_embeddings\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4}",
        "rope_type must be default or yarn for DeepseekV3ForCausalLM, got llama3."
      ),
      (
        "model_type",
        "\"mixtral\"",
        "architectures and model_type must be DeepseekV3ForCausalLM and deepseek_v3, or LlamaForCausalLM and llama, got DeepseekV3ForCausalLM and mixtral."
      )
    )
  )
    test(s"a configuration with $key = $value is refused") {
      val said = refusal(deepSeek())(_.set[ObjectNode](key, json.readTree(value)))
      assert(said == s"x/config.json: $message")
    }

  test("what Llama has and Moraine has not is refused") {
    assert(
      refusal(llama())(
        _.put("mlp_bias", true)
      ) == "x/config.json: mlp_bias must be false, got true."
    )
  }

  test("keys that change nothing, and rope_parameters of newer versions, are read") {
    val folder = exported(model(deepSeek()))
    val file = folder.resolve("config.json")
    val node = json.readTree(file.toFile).asInstanceOf[ObjectNode]
    val rope = node.remove("rope_scaling").asInstanceOf[ObjectNode]
    rope.remove("type")
    rope.set[ObjectNode]("rope_theta", node.remove("rope_theta"))
    node.set[ObjectNode]("rope_parameters", rope)
    node.put("transformers_version", "5.18.0").put("use_cache", true).put("aux_loss_alpha", 0.001)
    node.putObject("pruned_heads")
    Files.writeString(file, node.toString)
    assert(found(folder).config == deepSeek())
  }

  /** What is said of a model whose tensors were changed. */
  private def damaged(
      change: Seq[NamedTensor] => Seq[NamedTensor],
      config: ModelConfig = deepSeek()
  ): Path = {
    val folder = exported(model(config))
    val file = folder.resolve("model.safetensors")
    val in = Files.newInputStream(file)
    val stored =
      try Safetensors.read(in, "x")
      finally in.close()
    val out = Files.newOutputStream(file)
    try new Safetensors(stored.metadata, change(stored.tensors.asScala.toSeq).asJava).write(out)
    finally out.close()
    folder
  }

  test("missing, misshapen and foreign tensors are named") {
    def said(change: Seq[NamedTensor] => Seq[NamedTensor]) =
      intercept[CorruptDataException](found(damaged(change))).getMessage
    assert(
      said(_.filterNot(_.name.contains("e_score_correction_bias"))) ==
        "x: 2 tensors are missing, the first is model.layers.1.mlp.gate.e_score_correction_bias."
    )
    assert(
      said(
        _.map(t => if (t.name == "model.norm.weight") NamedTensor.of(t.name, Array(1f)) else t)
      ) ==
        "x: tensor model.norm.weight of model.safetensors must have shape [16] and a type of floats, got [1] and F32."
    )
    assert(
      said(_ :+ NamedTensor.of("model.layers.0.self_attn.q_proj.bias", Array(1f))) ==
        "x: tensor model.layers.0.self_attn.q_proj.bias of model.safetensors is there twice or no weight of this model."
    )
  }

  private def stored(folder: Path): Map[String, NamedTensor] = {
    val in = Files.newInputStream(folder.resolve("model.safetensors"))
    try Safetensors.read(in, "x").tensors.asScala.map(t => t.name -> t).toMap
    finally in.close()
  }

  test("a module of multi-token prediction has the names of layer 61 of DeepSeek-V3 as published") {
    val folder = exported(model(deepSeek().`with`(modules(1))))
    val mlp =
      ((0 until 8).map(expert => s"experts.$expert") :+ "shared_experts").flatMap(feedForward =>
        Seq("gate_proj", "up_proj", "down_proj").map(part => s"mlp.$feedForward.$part.weight")
      )
    val published = Seq(
      "embed_tokens.weight",
      "enorm.weight",
      "hnorm.weight",
      "eh_proj.weight",
      "input_layernorm.weight",
      "self_attn.q_a_proj.weight",
      "self_attn.q_a_layernorm.weight",
      "self_attn.q_b_proj.weight",
      "self_attn.kv_a_proj_with_mqa.weight",
      "self_attn.kv_a_layernorm.weight",
      "self_attn.kv_b_proj.weight",
      "self_attn.o_proj.weight",
      "post_attention_layernorm.weight",
      "mlp.gate.weight",
      "mlp.gate.e_score_correction_bias",
      "shared_head.norm.weight",
      "shared_head.head.weight"
    ) ++ mlp
    val tensors = stored(folder)
    val module = tensors.keySet.filter(_.startsWith("model.layers.3."))
    assert(module.map(_.stripPrefix("model.layers.3.")) == published.toSet)
    assert(tensors("model.layers.3.eh_proj.weight").shape.asScala == Seq(16L, 32L))
    for (
      (copy, of) <- Seq(
        "model.layers.3.embed_tokens.weight" -> "model.embed_tokens.weight",
        "model.layers.3.shared_head.head.weight" -> "lm_head.weight"
      )
    ) assert(tensors(copy).floats.toSeq == tensors(of).floats.toSeq)
    val config = json.readTree(folder.resolve("config.json").toFile)
    assert(config.get("num_nextn_predict_layers").asInt == 1)
    assert(config.get("num_hidden_layers").asInt == 3)
  }

  test("modules in small files and in bfloat16 are read back") {
    val original = model(deepSeek().`with`(modules(2)))
    val inFiles = imported(exported(original, shardBytes = 4000))
    assert(allWeights(inFiles) == allWeights(original))
    val rounded = imported(exported(original, TensorType.BF16))
    val again = imported(exported(rounded, TensorType.BF16))
    assert(rounded.config == original.config && losses(again) == losses(rounded))
    assert(losses(rounded) != losses(original))
  }

  private val oneModule = deepSeek().`with`(modules(1))

  for (
    (copy, of) <- Seq(
      "model.layers.3.embed_tokens.weight" -> "model.embed_tokens.weight",
      "model.layers.3.shared_head.head.weight" -> "lm_head.weight"
    )
  )
    test(s"$copy must be equal to $of, whichever comes first, and may be absent") {
      def changed(tensor: NamedTensor) = if (tensor.name != copy) tensor
      else {
        val values = tensor.floats.clone
        values(values.length - 1) = Math.nextUp(values.last)
        new NamedTensor(tensor.name, tensor.shape, values)
      }
      def said(order: Seq[NamedTensor] => Seq[NamedTensor]) =
        intercept[CorruptDataException](
          imported(damaged(tensors => order(tensors.map(changed)), oneModule))
        ).getMessage
      assert(
        said(identity) == s"x: tensors $of and $copy differ, and are one weight of this model."
      )
      assert(
        said(_.sortBy(_.name != copy)) ==
          s"x: tensors $copy and $of differ, and are one weight of this model."
      )
      val absent = damaged(_.filterNot(_.name == copy), oneModule)
      assert(losses(imported(absent)) == losses(model(oneModule)))
    }

  test("a head that is stored besides tied embeddings must be equal to them") {
    val tied = llama(tied = true)
    def withHead(change: Array[Float] => Array[Float]) = damaged(
      tensors => {
        val embedding = tensors.find(_.name == "model.embed_tokens.weight").get
        tensors :+ new NamedTensor("lm_head.weight", embedding.shape, change(embedding.floats))
      },
      tied
    )
    assert(allWeights(imported(withHead(identity))) == allWeights(model(tied)))
    assert(
      intercept[CorruptDataException](imported(withHead(_.reverse))).getMessage ==
        "x: tensors model.embed_tokens.weight and lm_head.weight differ, and are one weight of this model."
    )
  }

  test("modules that config.json speaks of and no file has are not of the model, and counted") {
    val folder = damaged(_.filterNot(_.name.startsWith("model.layers.3.")), oneModule)
    val main = found(folder)
    assert(main.absentModules == 1 && main.leftOut.isEmpty && main.config == deepSeek())
    assert(imported(folder).logits(tokens, 2).toSeq == model(oneModule).logits(tokens, 2).toSeq)
  }

  test("modules of which a part is missing, too much or misshapen are refused") {
    def said(change: Seq[NamedTensor] => Seq[NamedTensor], config: ModelConfig = oneModule) =
      intercept[CorruptDataException](found(damaged(change, config))).getMessage
    assert(
      said(_.filterNot(_.name.endsWith("hnorm.weight"))) ==
        "x: 1 tensors are missing, the first is model.layers.3.hnorm.weight."
    )
    assert(
      said(_.filterNot(_.name.startsWith("model.layers.4.")), deepSeek().`with`(modules(2)))
        .startsWith("x: 42 tensors are missing, the first is model.layers.4.eh_proj.weight.")
    )
    assert(
      said(_ :+ NamedTensor.of("model.layers.3.fnorm.weight", Array(1f))) ==
        "x: tensor model.layers.3.fnorm.weight of model.safetensors is there twice or no weight of this model."
    )
    assert(
      said(tensors =>
        tensors.map(t =>
          if (t.name.endsWith("3.embed_tokens.weight")) NamedTensor.of(t.name, Array(1f)) else t
        )
      ) ==
        "x: tensor model.layers.3.embed_tokens.weight of model.safetensors must have shape [23, 16] and a type of floats, got [1] and F32."
    )
    val layers = found(damaged(_ :+ NamedTensor.of("model.layers.4.enorm.weight", Array(1f))))
    assert(layers.leftOut.asScala == Seq("model.layers.4.enorm.weight"))
  }

  test("layers that neither the model nor its modules are of are left out by name") {
    val folder = damaged(_ :+ NamedTensor.of("model.layers.3.enorm.weight", Array(1f)))
    assert(found(folder).leftOut.asScala == Seq("model.layers.3.enorm.weight"))
    assert(
      imported(folder).logits(tokens, 2).toSeq == model(deepSeek()).logits(tokens, 2).toSeq
    )
  }

  test("folders without a model, a file of it or with broken JSON are named") {
    val empty = Files.createTempDirectory("moraine-empty")
    val none = intercept[FileNotFoundException](found(empty))
    assert(none.getMessage == "x is no model: it has no config.json.")
    val folder = exported(model(llama()))
    Files.delete(folder.resolve("model.safetensors"))
    assert(
      intercept[FileNotFoundException](found(folder)).getMessage == "x has no model.safetensors."
    )
    Files.writeString(folder.resolve("config.json"), "{")
    val broken = intercept[CorruptDataException](found(folder))
    assert(broken.getMessage == "x/config.json is not JSON.")
  }

  for (
    (name, config, setting) <- Seq(
      (
        "softmax scores",
        deepSeek(router = new RouterConfig(8, 2, 1, 1, Score.SOFTMAX, 1, true, 0)),
        "model.experts.score = softmax"
      ),
      (
        "groups without a bias",
        deepSeek(router = new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1, false, 0)),
        "model.experts.selection-bias = false"
      ),
      ("no shared expert", deepSeek(shared = 0), "model.experts.shared = 0"),
      (
        "Llama 3.1's scaling",
        deepSeek(scaling = new Llama3Scaling(8, 8, 1, 4)),
        "model.rotary.scaling = llama3"
      )
    )
  )
    test(s"latent attention with $name cannot be exported") {
      val error = intercept[ModelFormatException](exported(model(config)))
      assert(
        error.getMessage ==
          s"DeepseekV3ForCausalLM has no $setting, so this model cannot be exported."
      )
    }

  test("grouped-query attention with experts or interleaved pairs cannot be exported") {
    val experts = deepSeek(new GroupedQueryConfig(4, 2, 6), new RotaryScaling.None, Layout.HALVES)
    assert(
      intercept[ModelFormatException](exported(model(experts))).getMessage ==
        "LlamaForCausalLM has no model.dense-layers = 1, so this model cannot be exported."
    )
    assert(
      intercept[ModelFormatException](
        exported(model(llama(layout = Layout.INTERLEAVED)))
      ).getMessage ==
        "LlamaForCausalLM has no model.rotary.layout = interleaved, so this model cannot be exported."
    )
  }

  private def parsed(text: String): ModelConfig = {
    val node = json.readTree(text)
    val config = new ConfigJson(node, "config.json", "")
    Architecture.of(config, node.at("/architectures/0").asText).read(config)
  }

  test("a configuration as DeepSeek-V3 was published with, weights converted to bfloat16") {
    val published =
      """{"architectures": ["DeepseekV3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
        |"auto_map": {"AutoConfig": "configuration_deepseek.DeepseekV3Config"}, "aux_loss_alpha": 0.001, "bos_token_id": 0,
        |"eos_token_id": 1, "ep_size": 1, "first_k_dense_replace": 3, "hidden_act": "silu", "hidden_size": 7168,
        |"initializer_range": 0.02, "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 163840,
        |"model_type": "deepseek_v3", "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_group": 8, "n_routed_experts": 256,
        |"n_shared_experts": 1, "norm_topk_prob": true, "num_attention_heads": 128, "num_experts_per_tok": 8,
        |"num_hidden_layers": 61, "num_key_value_heads": 128, "num_nextn_predict_layers": 1, "pretraining_tp": 1,
        |"q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "rms_norm_eps": 1e-06, "rope_scaling":
        |{"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
        |"original_max_position_embeddings": 4096, "type": "yarn"}, "rope_theta": 10000, "routed_scaling_factor": 2.5,
        |"scoring_func": "sigmoid", "seq_aux": true, "tie_word_embeddings": false, "topk_group": 4, "topk_method": "noaux_tc",
        |"torch_dtype": "bfloat16", "transformers_version": "4.33.1", "use_cache": true, "v_head_dim": 128,
        |"vocab_size": 129280}""".stripMargin
    val config = parsed(published)
    val main = config.`with`(PredictionConfig.NONE)
    assert(math.abs(main.parameters / 671e9 - 1) < 0.001)
    // What its README_WEIGHTS.md says of the module, the copies of embedding and head not counted.
    assert(config.prediction.depth == 1)
    assert(math.abs((config.parameters - main.parameters) / 11.5e9 - 1) < 0.01)
    assert(config.rotary.scaling == new YarnScaling(4096, 40, 32, 1, 1, 1))
    assert(math.abs(config.rotary.scaling.softmaxCorrection(163840) - 1.8739) < 1e-4)
    val fp8 = published.dropRight(1) + """, "quantization_config": {"quant_method": "fp8"}}"""
    assert(intercept[ModelFormatException](parsed(fp8)).getMessage.contains("quantization_config"))
  }

  test("a configuration as Llama 3.1 8B was published with") {
    val config = parsed(
      """{"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000,
        |"eos_token_id": [128001, 128008, 128009], "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
        |"intermediate_size": 14336, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
        |"num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1,
        |"rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        |"original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
        |"tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.42.3", "use_cache": true,
        |"vocab_size": 128256}""".stripMargin
    )
    assert(config.parameters == 8030261248L)
    assert(config.attention == new GroupedQueryConfig(32, 8, 128))
    assert(config.rotary.scaling == new Llama3Scaling(8192, 8, 1, 4))
  }

  test("the published DeepSeek code's folder, with its defaults, is read") {
    val original = model(deepSeek(scaling = new YarnScaling(4096, 40, 32, 1, 1, 1)))
    val folder = Files.createTempDirectory("moraine-published")
    val layout = original.parameters.slices.asScala.map { slice =>
      val values = new Array[Float](slice.length.toInt)
      original.parameters.get(slice.offsetElements, values, 0, values.length)
      new NamedTensor(slice.name, slice.shape, values)
    }
    val bias = original.expertBalance.get.bias
    val biases = Seq(1, 2).map(layer =>
      NamedTensor.of(s"layers.$layer.ffn.gate.bias", bias.slice(8 * (layer - 1), 8 * layer))
    )
    val out = Files.newOutputStream(folder.resolve("model0-mp1.safetensors"))
    try new Safetensors(java.util.Map.of(), (layout ++ biases).asJava).write(out)
    finally out.close()
    val config =
      """{"vocab_size": 23, "dim": 16, "inter_dim": 24, "moe_inter_dim": 8, "n_layers": 3, "n_dense_layers": 1,
        |"n_heads": 2, "n_routed_experts": 8, "n_shared_experts": 2, "n_activated_experts": 2, "n_expert_groups": 4,
        |"n_limited_groups": 2, "route_scale": 1.5, "score_func": "sigmoid", "q_lora_rank": 10, "kv_lora_rank": 8,
        |"qk_nope_head_dim": 6, "qk_rope_head_dim": 4, "v_head_dim": 5, "max_seq_len": 12, "rms_norm_eps": 1e-5,
        |"gate_bias": true, "dtype": "bf16"}""".stripMargin
    Files.writeString(folder.resolve("config.json"), config)
    val back = imported(folder)
    assert(back.logits(tokens, 2).toSeq == original.logits(tokens, 2).toSeq)
    Files.writeString(folder.resolve("config.json"), config.replace("sigmoid", "tanh"))
    assert(
      intercept[ModelFormatException](found(folder)).getMessage ==
        "x/config.json: score_func must be softmax or sigmoid, got tanh."
    )
    Files.writeString(folder.resolve("config.json"), config.replace("\"dtype\"", "\"index_topk\""))
    assert(
      intercept[ModelFormatException](found(folder)).getMessage ==
        "x/config.json: index_topk is not known, and may change what the model computes, got \"bf16\"."
    )
  }
}
