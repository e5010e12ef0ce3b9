package io.moraine.pipeline.component

import java.util.{List => JList}
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite
import org.scalatestplus.scalacheck.ScalaCheckPropertyChecks

import scala.jdk.CollectionConverters._

class SurvivorsSuite extends AnyFunSuite with ScalaCheckPropertyChecks {

  private val documents = 12
  private val graphs = Gen.listOf(for {
    a <- Gen.choose(0, documents - 1)
    b <- Gen.choose(0, documents - 1) if a != b
    s <- Gen.choose(70, 100)
  } yield new DuplicatePair(a, b, s / 100.0))

  test("verified: every removed document has a kept duplicate, no two kept ones are duplicates") {
    forAll(graphs, minSuccessful(300)) { pairs =>
      val survivors = Survivors.verified(documents, pairs.asJava)
      for (i <- 0 until documents if !survivors.isKept(i)) {
        val kept = survivors.keptInstead(i)
        assert(survivors.isKept(kept) && kept < i)
        assert(
          pairs.exists(p =>
            Set(p.first, p.second) == Set(i, kept) &&
              p.similarity == survivors.similarity(i)
          )
        )
      }
      for (p <- pairs) assert(!(survivors.isKept(p.first) && survivors.isKept(p.second)))
    }
  }

  test("closure: one survivor per connected component, the first; by brute force") {
    forAll(graphs, minSuccessful(300)) { pairs =>
      val survivors = Survivors.closure(documents, pairs.asJava)
      def reachable(from: Set[Int]): Set[Int] = {
        val next = from ++ pairs.collect {
          case p if from(p.first) || from(p.second) => Seq(p.first, p.second)
        }.flatten
        if (next == from) from else reachable(next)
      }
      for (i <- 0 until documents) assert(survivors.keptInstead(i) == reachable(Set(i)).min)
    }
  }

  test("of several kept duplicates the most similar one is named") {
    val pairs = JList.of(new DuplicatePair(0, 2, 0.7), new DuplicatePair(2, 1, 0.9))
    assert(Survivors.verified(3, pairs).keptInstead(2) == 1)
  }
}
