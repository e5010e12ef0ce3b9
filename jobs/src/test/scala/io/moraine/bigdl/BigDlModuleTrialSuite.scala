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
      val head = new Array[Float](size)
      model.parameters.get(model.parameters.slices.get(4).offsetElements, head, 0, size)
      assert(head.forall(math.abs(_) < 0.26), "nor in the weights, which begin below 1 / sqrt(16)")
    }
  }

  for (name <- Seq("InGraph", "FromZero", "WithGains", "Later"))
    test(s"other modules of tokens are taken: $name") {
      assert(BigDlSuite.made(s"WordPairs$$$name").parameters.slices.size >= 4)
    }

  test("the same seed makes the same weights") {
    def weights(seed: Long): Seq[Float] = {
      val source = new ModuleSource.Made(BigDlSuite.examples + "WordPairs$Factory")
      val model = BigDlSuite.bigDl.module(new ModuleRequest(source, 31, 8, seed))
      val values = new Array[Float](model.parameters.length.toInt)
      model.parameters.get(0, values, 0, values.length)
      values.toSeq
    }
    assert(weights(1) == weights(1) && weights(1) != weights(2))
  }

  for (
    (name, why) <- Seq(
      "OfPictures" -> "loss of tokens: requirement failed: size mismatch, m1:2x8 m2:784x10",
      "FewTokens" -> "loss of tokens: LookupTable updateOutput get exception:requirement failed: 30 out of range 0 to 29",
      "OfNumbers" -> "loss of tokens: requirement failed: tensor size not match 16x31 16",
      "Unlinked" -> "loss of tokens: java.lang.NoSuchMethodError: org.example.Missing.method()",
      "Forward" -> "gradient of tokens: there is no way back",
      "ElsewhereGradient" -> ("gradient of tokens: a layer of elsewhere adds gradients of parameters.1[1]@512 to a tensor " +
        "of its own: they cannot be told from those of the pass before"),
      "ElsewhereWeight" -> ("gradient of tokens: a layer of elsewhere has put other weights in the place of " +
        "parameters.1[1]@512: they would not be the trained ones")
    )
  )
    test(s"what computes no loss or gradient of tokens is refused: $name") {
      val line = refused(s"Refused$$$name")
      assert(line.contains(s" and its criterion compute no $why. A module gets "), line)
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
      "RegularizedBias" ->
        " has gradients that are not the loss's, as of a layer's regularizer: train.adam.weight-decay takes its place",
      "CutDown" ->
        " changes its own weights in a pass, as LookupTable does with maxNorm: ranks would diverge",
      "FrozenInTime" ->
        " has no gradient, whatever the tokens: weight decay would change it all the same. Leave what is frozen, or has no part in the loss, out of the module",
      "Stopped" ->
        " has no gradient, whatever the tokens: weight decay would change it all the same. Leave what is frozen, or has no part in the loss, out of the module",
      "Overwriting" ->
        " does not double when a pass is repeated: its layer puts one gradient in the place of another instead of adding it, or draws random numbers that are not BigDL's",
      "OwnRandom" ->
        " does not double when a pass is repeated: its layer puts one gradient in the place of another instead of adding it, or draws random numbers that are not BigDL's",
      "Copied" ->
        " must give the tensors that it computes with, the same ones each time, and to each parameter a gradient of its own: parameters.1[1]@512 cannot be moved",
      "NoGradient" -> " must give a gradient for each parameter",
      "TwoGradients" -> "parameter 1 has the shape [1] and its gradient [2]",
      "SquareTurned" ->
        "parameters 1 and 3 share a part of their values, or all of them in another order: only the whole can be shared as it is"
    )
  )
    test(s"what training would do to weights behind the loss's back is refused: $name") {
      val line = refused(s"Refused$$$name")
      assert(line.endsWith(why), line)
    }

  for (
    (name, line) <- Seq(
      "Missing" -> (" cannot be used beside BigDL 0.13: java.lang.NoClassDefFoundError: org/example/Missing. It must be " +
        "compiled against that and Scala 2.11, and all that it needs must be in jars beside BigDL's"),
      "Wordless" -> " gives no module: IllegalArgumentException",
      "Nothing" -> " gives no module: null",
      "Unmade" -> (" is no ModuleFactory that can be made: no such file: weights.txt. It must be a public class with a " +
        "public constructor without parameters, in a jar beside BigDL's")
    )
  )
    test(s"what fails while it is made is said in a line: $name") {
      assert(refused(s"Refused$$$name") == s"io.moraine.bigdl.examples.Refused$$$name$line")
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
