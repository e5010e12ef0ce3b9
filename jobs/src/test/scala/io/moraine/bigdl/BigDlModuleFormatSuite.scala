package io.moraine.bigdl

import io.moraine.bigdl.ModuleSource.{Criterion, Rows}
import io.moraine.model.checkpoint.CorruptDataException
import io.moraine.model.data.TokenBatch
import io.moraine.model.train.TrainableModel
import java.nio.file.{Files, Path}
import java.util.SplittableRandom
import java.util.function.{BiConsumer, BiFunction}
import org.scalatest.funsuite.AnyFunSuite

/** BigDL's own format: what BigDL itself saves and loads. */
class BigDlModuleFormatSuite extends AnyFunSuite {

  private val vocabulary = 31
  private val length = 8

  private val batch: TokenBatch = {
    val random = new SplittableRandom(3)
    new TokenBatch(2, length, Array.fill(2 * (length + 1))(random.nextInt(vocabulary)))
  }

  private def file(name: String): Path = Files.createTempDirectory("bigdl").resolve(name)

  private def savedByBigDl(weights: String = ""): Path = {
    val path = file("saved.bigdl")
    BigDlSuite.bigDl
      .load(BigDlSuite.examples + "BigDlItself$Save", classOf[BiConsumer[String, String]])
      .accept(path.toString, weights)
    path
  }

  private def written(model: BigDlModule): Path = {
    val path = file("written.bigdl")
    val out = Files.newOutputStream(path)
    try model.write(out)
    finally out.close()
    path
  }

  private def read(
      path: Path,
      criterion: Criterion = Criterion.CROSS_ENTROPY,
      rows: Rows = Rows.NEXT
  ): BigDlModule = BigDlSuite.bigDl.module(
    new ModuleRequest(ModuleSource.Saved.of(path, criterion, rows), vocabulary, length, 5)
  )

  private def values(model: TrainableModel): Array[Float] = {
    val values = new Array[Float](model.parameters.length.toInt)
    model.parameters.get(0, values, 0, values.length)
    values
  }

  /** The batch's losses out of what BigDL itself computes of a file. */
  private def lossesOfBigDl(path: Path, tokensOf: Int => Seq[Int]): Seq[Double] = {
    val inputs = (0 until 2).flatMap(tokensOf).map(_ + 1f).toArray
    val scores = BigDlSuite.bigDl
      .load(
        BigDlSuite.examples + "BigDlItself$Outputs",
        classOf[BiFunction[String, Array[Float], Array[Float]]]
      )
      .apply(path.toString, inputs)
    val rows = scores.grouped(vocabulary).toSeq
    val rowsOfOne = rows.size / 2
    for (i <- 0 until 2; row <- 0 until length) yield {
      val own = rows(i * rowsOfOne + rowsOfOne - length + row).map(_.toDouble)
      val target = batch.tokens()(i * (length + 1) + row + 1)
      math.log(own.map(math.exp).sum) - own(target)
    }
  }

  private def sequence(i: Int): Seq[Int] =
    batch.tokens().slice(i * (length + 1), (i + 1) * (length + 1)).toSeq

  private def assertClose(a: Seq[Double], b: Seq[Double]): Unit = {
    assert(a.size == b.size)
    for ((x, y) <- a.zip(b)) assert(math.abs(x - y) < 1e-5)
  }

  private def losses(model: TrainableModel): Seq[Double] =
    model.tokenLosses(batch).toSeq.map(_.toDouble)

  test("a module that BigDL saved comes in with its weights: the losses are BigDL's") {
    val path = savedByBigDl()
    val model = read(path)
    assertClose(losses(model), lossesOfBigDl(path, sequence(_).init))
    val example = BigDlSuite.example("WordPairs")
    assert(values(model) sameElements values(example))
    assert(model.parameters.slices == example.parameters.slices)
  }

  test("a trained one goes out, and BigDL itself loads it and gives the same outputs") {
    val model = read(savedByBigDl())
    val before = losses(model)
    for (_ <- 1 to 10) {
      model.zeroGradients()
      model.forwardBackward(batch, 1)
      val (weights, gradients) = (values(model), new Array[Float](values(model).length))
      model.gradients.get(0, gradients, 0, gradients.length)
      val moved = weights.zip(gradients).map { case (w, g) => w - 0.5f * g }
      model.parameters.put(0, moved, 0, moved.length)
    }
    val trained = losses(model)
    assert(trained.sum < before.sum * 0.8)
    val path = written(model)
    assertClose(trained, lossesOfBigDl(path, sequence(_).init))
    val again = read(path)
    assert(values(again) sameElements values(model))
    assert(losses(again) == trained)
  }

  test("a recurrent network of BigDL's goes out and comes in") {
    val model = BigDlSuite.made("org.example.NextWord")
    val path = written(model)
    assertClose(losses(model), lossesOfBigDl(path, sequence(_).init))
    assert(losses(read(path)) == losses(model))
  }

  test("what is no module, a cut off one, or one without weights is said in a line") {
    def refused(path: Path): String = intercept[CorruptDataException](read(path)).getMessage
    val whole = Files.readAllBytes(savedByBigDl())
    val text = Files.writeString(file("notes.txt"), "Weights will follow.")
    assert(refused(text).startsWith(s"$text is no module that BigDL saved, or not a whole one: "))
    val empty = Files.createFile(file("empty.bigdl"))
    assert(refused(empty) == s"$empty is no module that BigDL saved.")
    // Where a field ends what is left would be a module, of which BigDL itself says what it lacks.
    val cut = Files.write(file("cut.bigdl"), whole.dropRight(1))
    assert(refused(cut).startsWith(s"$cut is no module that BigDL saved, or not a whole one: "))
    val definition = savedByBigDl(file("weights").toString)
    assert(
      refused(definition) == s"$definition has no weights: they are in a file of their own. " +
        "Save the module with saveModule(path) alone."
    )
  }

  test("a module whose layers BigDL cannot make again does not go out") {
    val refused = intercept[IllegalArgumentException](written(BigDlSuite.made("OwnLayer")))
    assert(refused.getMessage.startsWith("BigDL's format cannot hold own: "), refused.getMessage)
  }
}
