package io.moraine.pipeline

import org.scalacheck.rng.Seed
import org.scalacheck.{Gen, Prop, Test}
import org.scalatest.Assertions

/** Properties of generated values, the same values in every run. */
trait SeededProperties extends Assertions {

  def forEvery[A](values: Gen[A], samples: Int = 300)(check: A => Any): Unit = {
    val parameters =
      Test.Parameters.default.withMinSuccessfulTests(samples).withInitialSeed(Seed(1))
    val property = Prop.forAllNoShrink(values) { value => check(value); true }
    Test.check(parameters, property).status match {
      case Test.Passed | Test.Proved(_)        => ()
      case Test.PropException(arguments, e, _) => fail(s"for ${arguments.map(_.arg)}", e)
      case other                               => fail(other.toString)
    }
  }
}
