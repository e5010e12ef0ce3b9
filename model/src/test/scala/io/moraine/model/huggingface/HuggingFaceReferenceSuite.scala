package io.moraine.model.huggingface

import io.moraine.model.Fixtures
import io.moraine.model.checkpoint.{LocalStorage, Safetensors, TensorType}
import io.moraine.model.data.TokenBatch
import io.moraine.model.generate.{Generator, SamplingConfig}
import io.moraine.model.tensor.Torch
import io.moraine.model.transformer.Transformer
import java.nio.file.{Files, Path}
import java.util.OptionalInt
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** Imported models against what Hugging Face's transformers compute, over every folder of them. */
class HuggingFaceReferenceSuite extends AnyFunSuite {

  private val folders = Fixtures.names("huggingface", "")

  test("there are folders to compare with") {
    assume(folders.nonEmpty, "the folder fixtures/huggingface is absent")
  }

  for (name <- folders) {
    lazy val reference = new Reference(Fixtures.file(s"huggingface/$name"))

    test(s"$name: logits and loss agree to 1e-4") {
      val logits = reference.model.logits(reference.ids, reference.sequences)
      val theirs = reference.floats("logits")
      assert(logits.length == theirs.length)
      for ((a, b) <- logits.zip(theirs)) assert(math.abs(a - b) < 1e-4f)
      val loss = reference.model.loss(reference.batch)
      assert(math.abs(loss - reference.floats("loss").head) < 1e-4)
    }

    test(s"$name: the gradient of every weight agrees to 1e-3 relative") {
      reference.model.zeroGradients()
      reference.model.forwardBackward(reference.batch, 1)
      val ours = reference.gradients
      val theirs = reference.expected.tensors.asScala.filter(_.name.startsWith("grads."))
      for (tensor <- theirs) {
        val gradient = ours(tensor.name.stripPrefix("grads."))
        assert(gradient.length == tensor.floats.length, tensor.name)
        val error = norm(gradient.zip(tensor.floats).map { case (a, b) => a - b })
        assert(error <= 1e-3 * norm(tensor.floats) + 1e-12, tensor.name)
      }
      val compared = theirs.map(_.floats.length).sum
      assert(compared == reference.model.config.parameters)
    }

    test(s"$name: the greedy continuation has the same ids") {
      val expected = reference.expected.tensor("greedy").get.longs.map(_.toInt).toSeq
      val vocabulary = reference.model.config.vocabularySize
      val text = (6 until expected.size).foldLeft(expected.take(6)) { (text, _) =>
        val next = reference.model.logits(text.toArray, 1).takeRight(vocabulary)
        text :+ next.indexOf(next.max)
      }
      assert(text == expected)
    }

    test(s"$name: read token by token and in pieces the logits agree to 1e-4, generated ids too") {
      val theirs = reference.floats("logits")
      val vocabulary = reference.model.config.vocabularySize
      val length = reference.ids.length / reference.sequences
      for (sequence <- 0 until reference.sequences; piece <- Seq(1, 3)) {
        val decoder = reference.model.decoder(0)
        val text = reference.ids.slice(sequence * length, (sequence + 1) * length)
        for ((tokens, i) <- text.grouped(piece).zipWithIndex) {
          val logits = decoder.read(tokens, tokens.length)
          val from = (sequence * length + i * piece) * vocabulary
          for (j <- logits.indices) assert(math.abs(logits(j) - theirs(from + j)) < 1e-4f)
        }
        decoder.close()
      }
      val expected = reference.expected.tensor("greedy").get.longs.map(_.toInt).toSeq
      var text = expected.take(6)
      new Generator(reference.model, SamplingConfig.greedy)
        .generate(text.toArray, expected.size - 6, token => { text :+= token; true })
      assert(text == expected)
    }

    test(s"$name: exporting what was imported gives the same file, importing that the same bits") {
      val exported = Files.createTempDirectory("moraine-export")
      ModelExport.write(
        reference.model,
        new ModelExport.Settings(TensorType.F32, ModelExport.SHARD_BYTES, OptionalInt.of(1)),
        new LocalStorage(exported)
      )
      assert(
        Files.mismatch(
          exported.resolve("model.safetensors"),
          reference.folder.resolve("model.safetensors")
        ) == -1
      )
      val again = new Reference(reference.folder, exported)
      assert(again.model.config == reference.model.config)
      assert(
        again.model.logits(again.ids, again.sequences).toSeq ==
          reference.model.logits(reference.ids, reference.sequences).toSeq
      )
    }

    test(s"$name: in small files it is the same model, and every file but single tensors small") {
      val exported = Files.createTempDirectory("moraine-export")
      val limit = 40000L
      ModelExport.write(
        reference.model,
        new ModelExport.Settings(TensorType.F32, limit, OptionalInt.empty),
        new LocalStorage(exported)
      )
      assert(!Files.exists(exported.resolve("model.safetensors")))
      val shards = Fixtures.namesIn(exported, ".safetensors")
      assert(shards.size > 3)
      assert(shards.head == f"model-00001-of-${shards.size}%05d.safetensors")
      val weights = shards.map { shard =>
        val file = read(exported.resolve(shard))
        assert(file.metadata.asScala == Map("format" -> "pt"))
        val bytes = file.tensors.asScala.map(4L * _.floats.length).sum
        assert(bytes <= limit || file.tensors.size == 1)
        shard -> file.tensors.asScala.map(_.name)
      }
      val index = new com.fasterxml.jackson.databind.json.JsonMapper()
        .readTree(exported.resolve("model.safetensors.index.json").toFile)
      val mapped =
        index.get("weight_map").properties.asScala.map(e => e.getKey -> e.getValue.asText)
      assert(
        mapped.toSet == (for ((shard, names) <- weights; name <- names) yield name -> shard).toSet
      )
      val total = read(reference.folder.resolve("model.safetensors")).tensors.asScala
        .map(4L * _.floats.length)
        .sum
      assert(index.at("/metadata/total_size").asLong == total)
      val again = new Reference(reference.folder, exported)
      assert(
        again.model.logits(again.ids, again.sequences).toSeq ==
          reference.model.logits(reference.ids, reference.sequences).toSeq
      )
    }
  }

  private def read(file: Path): Safetensors = {
    val in = Files.newInputStream(file)
    try Safetensors.read(in, file.toString)
    finally in.close()
  }

  private def norm(values: Array[Float]): Double =
    math.sqrt(values.map(v => v.toDouble * v).sum)

  /** What was computed for a folder's model, and that model imported, from there or elsewhere. */
  private class Reference(val folder: Path, stored: Path) {
    def this(folder: Path) = this(folder, folder)

    Torch.start(1)
    val expected: Safetensors = read(folder.resolve("expected.safetensors"))
    val model: Transformer = {
      val found = ModelImport.ofFolder(new LocalStorage(stored), stored.toString)
      assert(found.leftOut.isEmpty)
      val model = new Transformer(found.config)
      found.load(model)
      model
    }
    private val input = expected.tensor("input_ids").get
    val ids: Array[Int] = input.longs.map(_.toInt)
    val sequences: Int = input.shape.get(0).toInt
    val batch = new TokenBatch(sequences, input.shape.get(1).toInt - 1, ids)

    def floats(name: String): Array[Float] = expected.tensor(name).get.floats

    /** By Hugging Face's names; experts packed as it has them in memory. */
    def gradients: Map[String, Array[Float]] = {
      val single = model.gradients.slices.asScala.map { slice =>
        val values = new Array[Float](slice.length.toInt)
        model.gradients.get(slice.offsetElements, values, 0, values.length)
        WeightNames.huggingFace.of(slice.name) -> values
      }.toMap
      val experts = model.config.router.routedExperts
      val packed = for {
        layer <- model.config.denseLayers until model.config.layers
        prefix = s"model.layers.$layer.mlp.experts"
        (name, parts) <- Seq(
          "gate_up_proj" -> Seq("gate_proj", "up_proj"),
          "down_proj" -> Seq("down_proj")
        )
      } yield s"$prefix.$name" -> (0 until experts)
        .flatMap(expert => parts.map(part => single(s"$prefix.$expert.$part.weight")))
        .reduce(_ ++ _)
      single ++ packed
    }
  }
}
