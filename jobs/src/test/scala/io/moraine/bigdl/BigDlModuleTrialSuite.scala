package io.moraine.bigdl

import org.scalatest.funsuite.AnyFunSuite

/** Modules and criteria of somebody else's that are made for other data, or do what training does.
  */
class BigDlModuleTrialSuite extends AnyFunSuite {

  private def refused(name: String): String =
    intercept[IllegalArgumentException](BigDlSuite.made(name)).getMessage

  test("a module of tokens and its criterion are taken, whatever the vocabulary") {
    for (size <- Seq(5, 31, 400)) {
      val model = BigDlSuite.made("WordPairs$Factory", size)
      assert(model.parameters.slices.get(0).shape.get(0) == size)
      assert(model.parameters.slices.get(0).name == "parameters.0")
      val gradients = new Array[Float](model.gradients.length.toInt)
      model.gradients.get(0, gradients, 0, gradients.length)
      assert(gradients.forall(_ == 0), "the trial leaves nothing behind")
    }
  }

  test("the same seed makes the same weights") {
    def weights(seed: Long): Seq[Float] = {
      val source = new ModuleSource.Made(BigDlSuite.examples + "WordPairs$Factory", seed)
      val model = BigDlSuite.bigDl.module(new ModuleRequest(source, 31, 8))
      val values = new Array[Float](model.parameters.length.toInt)
      model.parameters.get(0, values, 0, values.length)
      values.toSeq
    }
    assert(weights(1) == weights(1) && weights(1) != weights(2))
  }

  for ((name, why) <- Seq("OfPictures" -> "", "FewTokens" -> "", "OfNumbers" -> ""))
    test(s"what computes no loss of tokens is refused: $name") {
      val line = refused(s"Refused$$$name")
      assert(line.contains(s" and its criterion compute no loss of tokens: $why"), line)
      assert(
        line.endsWith(
          ". A module gets (B, L) = (2, 8) tokens counted from 1, as float32, and gives a row of scores for each"
        )
      )
      assert(line.linesIterator.size == 1)
    }

  test("scores of another shape are refused by their shape") {
    assert(
      refused("Refused$OneRow").contains(
        " gives scores of shape [2, 31] for 16 classes, where (B * L, V) or (B, L, V) was expected"
      )
    )
    assert(refused("Refused$Tables").contains(" gives Table, not a tensor of scores"))
  }

  test("a criterion that is no mean over the rows is refused") {
    val line = refused("Refused$Sum")
    assert(
      line.matches(
        "CrossEntropyCriterion gives [0-9.]+ for tokens whose losses have the mean [0-9.]+: a criterion must be a mean " +
          "over all rows whose class is not -1, without weights of classes"
      ),
      line
    )
  }

  for (
    (name, why) <- Seq(
      "Frozen" -> "frozen is frozen: weight decay would change it all the same. Leave frozen layers out of the module",
      "Regularized" ->
        " has gradients that are not the loss's, as of a layer's regularizer: train.adam.weight-decay takes its place",
      "CutDown" ->
        " changes its own weights in a pass, as LookupTable does with maxNorm: ranks would diverge"
    )
  )
    test(s"what training would do to weights behind the loss's back is refused: $name") {
      val line = refused(s"Refused$$$name")
      assert(line.endsWith(why), line)
    }

  test("a class that is not there, or no factory, is refused by name") {
    for (name <- Seq("NoSuch", "Surroundings")) {
      val line = refused(name)
      assert(
        line.startsWith(
          s"io.moraine.bigdl.examples.$name is no ModuleFactory that can be made: java.lang."
        ) &&
          line.endsWith(
            ". It must be a public class with a public constructor without parameters, in a jar beside BigDL's"
          ),
        line
      )
    }
  }
}
