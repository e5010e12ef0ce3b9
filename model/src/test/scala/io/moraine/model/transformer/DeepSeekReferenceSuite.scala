package io.moraine.model.transformer

import io.moraine.model.Fixtures
import io.moraine.model.checkpoint.{LocalStorage, Safetensors}
import io.moraine.model.data.TokenBatch
import io.moraine.model.huggingface.ModelImport
import io.moraine.model.tensor.{FlatBuffer, Torch}
import java.nio.file.Files
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** The model against what the published DeepSeek code computes, over every fixture of its kind. */
class DeepSeekReferenceSuite extends AnyFunSuite {

  private val files = Fixtures.names("deepseek", ".safetensors")

  test("there are reference files to compare with") {
    assume(files.nonEmpty, "the folder fixtures/deepseek is absent")
  }

  for (name <- files) {
    lazy val reference = read(name)

    test(s"$name: logits and loss agree to 1e-4") {
      val logits = reference.model.logits(reference.inputs, reference.sequences)
      val difference =
        logits.zip(reference.floats("logits")).map { case (a, b) => math.abs(a - b) }.max
      assert(difference < 1e-4f)
      assert(
        math.abs(reference.model.loss(reference.batch) - reference.floats("loss").head) < 1e-4
      )
    }

    test(s"$name: read token by token, and in pieces of 3, the logits agree to 1e-4 everywhere") {
      val expected = reference.floats("logits")
      val length = reference.batch.length
      val vocabulary = reference.model.config.vocabularySize
      for (sequence <- 0 until reference.sequences; piece <- Seq(1, 3)) {
        val decoder = reference.model.decoder(0)
        val text = reference.inputs.slice(sequence * length, (sequence + 1) * length)
        for ((tokens, i) <- text.grouped(piece).zipWithIndex) {
          val logits = decoder.read(tokens, tokens.length)
          val from = (sequence * length + i * piece) * vocabulary
          for (j <- logits.indices)
            assert(math.abs(logits(j) - expected(from + j)) < 1e-4f, s"token ${i * piece}")
        }
        decoder.close()
      }
    }

    test(s"$name: every MoE layer chooses the same experts with the same weights") {
      val choices =
        reference.model.routerChoices(reference.inputs, reference.sequences).asScala
      for ((choice, i) <- choices.zipWithIndex) {
        val layer = reference.model.config.denseLayers + i
        val k = reference.model.config.router.activeExperts
        val experts = reference.file.tensor(s"router.$layer.experts").get.longs
        val weights = reference.floats(s"router.$layer.weights")
        for (token <- 0 until experts.length / k) {
          val at = token * k until (token + 1) * k
          val ours = at.map(j => choice.experts()(j) -> choice.weights()(j)).sortBy(_._1)
          val theirs = at.map(j => experts(j) -> weights(j)).sortBy(_._1)
          assert(ours.map(_._1) == theirs.map(_._1), s"layer $layer, token $token")
          for ((a, b) <- ours.zip(theirs)) assert(math.abs(a._2 - b._2) < 1e-4f)
        }
      }
    }

    test(s"$name: the gradient of every weight agrees to 1e-3 relative") {
      reference.model.zeroGradients()
      reference.model.forwardBackward(reference.batch, 1)
      var compared = 0
      for (slice <- reference.model.gradients.slices.asScala) {
        val ours = values(reference.model.gradients, slice)
        val theirs = reference.floats(s"grads.${slice.name}")
        val error = norm(ours.zip(theirs).map { case (a, b) => a - b })
        assert(error <= 1e-3 * norm(theirs) + 1e-12, slice.name)
        compared += 1
      }
      val expected = reference.file.tensors.asScala
        .count(t => t.name.startsWith("grads.") && !t.name.endsWith("gate.bias"))
      assert(compared == expected)
    }
  }

  private case class Reference(file: Safetensors, model: Transformer) {
    private val tokens = file.tensor("tokens").get
    val sequences: Int = tokens.shape.get(0).toInt
    private val length = tokens.shape.get(1).toInt - 1
    val batch = new TokenBatch(sequences, length, tokens.longs.map(_.toInt))
    val inputs: Array[Int] =
      batch.tokens.grouped(length + 1).flatMap(_.take(length)).toArray
    def floats(name: String): Array[Float] = file.tensor(name).get.floats
  }

  private def read(name: String): Reference = {
    Torch.start(1)
    val in = Files.newInputStream(Fixtures.file(s"deepseek/$name"))
    val file =
      try Safetensors.read(in, name)
      finally in.close()
    val folder = new LocalStorage(Fixtures.file("deepseek"))
    val stored = ModelImport.ofFile(folder, name)
    val model = new Transformer(stored.config)
    stored.load(model)
    Reference(file, model)
  }

  private def values(buffer: FlatBuffer, slice: io.moraine.model.tensor.Slice): Array[Float] = {
    val values = new Array[Float](slice.length.toInt)
    buffer.get(slice.offsetElements, values, 0, values.length)
    values
  }

  private def norm(values: Array[Float]): Double =
    math.sqrt(values.map(v => v.toDouble * v).sum)
}
