package io.moraine.pipeline.sequence

import io.moraine.pipeline.SeededProperties
import java.util.{Map => JMap}
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class MixtureSuite extends AnyFunSuite with SeededProperties {

  private type Numbers = JMap[String, java.lang.Double]

  private def numbers(values: (String, Double)*): Numbers =
    values.toMap.map { case (name, value) => name -> java.lang.Double.valueOf(value) }.asJava

  private def longs(values: (String, Long)*): JMap[String, java.lang.Long] =
    values.toMap.map { case (name, value) => name -> java.lang.Long.valueOf(value) }.asJava

  private val none: Numbers = numbers()

  test("2.3 epochs are two copies of each document and a third one of 30 %; false alarm 1e-6") {
    val mixture = new Mixture(numbers("a" -> 2.3), none, 1)
    val copies = (1 to 10000).map(i => mixture.copies(2.3, s"d$i"))
    assert(copies.toSet == Set(2, 3))
    assert(math.abs(copies.count(_ == 3) - 3000) < 5 * math.sqrt(10000 * 0.3 * 0.7))
    assert((1 to 100).forall(i => mixture.copies(1, s"d$i") == 1 && mixture.copies(0, s"d$i") == 0))
  }

  test("a larger number of epochs never takes a copy away") {
    val mixture = Mixture.once(3)
    forEvery(Gen.zip(Gen.choose(0.0, 5.0), Gen.choose(0.0, 5.0), Gen.choose(0, 10000)), 100) {
      case (a, b, id) =>
        val Seq(fewer, more) = Seq(a, b).sorted.map(mixture.copies(_, s"$id"))
        assert(fewer <= more)
    }
  }

  test("weights become epochs that keep the number of tokens and give each source its share") {
    val mixture = new Mixture(none, numbers("web" -> 1, "code" -> 3, "notes" -> 0), 1)
    val tokens = longs("web" -> 600L, "code" -> 300L, "notes" -> 100L)
    val epochs = mixture.resolve(tokens).asScala
    assert(epochs == Map("web" -> 250.0 / 600, "code" -> 750.0 / 300, "notes" -> 0.0))
  }

  test("without weights the epochs are those given, and unnamed sources are left alone") {
    val mixture = new Mixture(numbers("code" -> 2), none, 1)
    assert(mixture.resolve(longs("web" -> 1L, "code" -> 1L)).asScala == Map("code" -> 2.0))
    assert(mixture.named.asScala == Set("code") && !mixture.isOnce && Mixture.once(1).isOnce)
  }

  test("settings that make no sense are refused in one line") {
    def message(epochs: Numbers, weights: Numbers) =
      intercept[IllegalArgumentException](new Mixture(epochs, weights, 1)).getMessage
    assert(
      message(numbers("a" -> 1), numbers("a" -> 1)) ==
        "either epochs or weights can be given, got both: weights say how often a source is used"
    )
    assert(message(numbers("a" -> -1), none) == "epochs of a must be in [0, 1000000], got -1.0")
    assert(
      message(none, numbers("b" -> 2e6)) == "weights of b must be in [0, 1000000], got 2000000.0"
    )
    assert(message(none, numbers("b" -> 0)) == "one of the weights must be above 0, got {b=0.0}")
  }
}
