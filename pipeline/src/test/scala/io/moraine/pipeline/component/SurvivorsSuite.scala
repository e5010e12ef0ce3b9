package io.moraine.pipeline.component

import io.moraine.pipeline.SeededProperties
import io.moraine.pipeline.component.GreedySurvivors.Fate
import java.nio.charset.StandardCharsets.UTF_8
import java.util.Arrays
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

class SurvivorsSuite extends AnyFunSuite with SeededProperties {

  private val documents = 12
  private val ranked = (0 until documents).map(i => new RankedDocument(0, 100 - i, s"d$i"))
  private val graphs = Gen.listOf(for {
    a <- Gen.choose(0, documents - 1)
    b <- Gen.choose(0, documents - 1) if a != b
    s <- Gen.choose(70, 100)
  } yield (a min b, a max b, s / 100.0))

  /** Fate, kept document and similarity of each document. */
  private def greedy(
      pairs: Seq[(Int, Int, Double)],
      incomplete: Set[Int] = Set.empty
  ): Seq[(Fate, RankedDocument, Double)] = {
    val survivors = new GreedySurvivors
    ranked.zipWithIndex.map { case (document, i) =>
      survivors.begin()
      if (incomplete(i)) survivors.incomplete()
      for ((better, worse, s) <- pairs if worse == i) survivors.duplicate(ranked(better), s)
      (survivors.decide(document.id), survivors.keptInstead, survivors.similarity)
    }
  }

  test("every removed document has a kept duplicate, no two kept ones are duplicates") {
    forEvery(graphs, 300) { pairs =>
      val fates = greedy(pairs)
      for (((fate, kept, similarity), i) <- fates.zipWithIndex if fate == Fate.REMOVED) {
        val j = ranked.indexOf(kept)
        assert(j < i && fates(j)._1 == Fate.KEPT && pairs.contains((j, i, similarity)))
        assert(
          pairs.forall(p => p._2 != i || fates(p._1)._1 != Fate.KEPT || p._3 <= similarity)
        )
      }
      for ((a, b, _) <- pairs) assert(Seq(a, b).exists(fates(_)._1 == Fate.REMOVED))
    }
  }

  test("what is decided with incomplete duplicates stays so once all are known") {
    val cases = for {
      known <- graphs
      unknown <- graphs
    } yield (known, unknown)
    forEvery(cases, 300) { case (known, unknown) =>
      val before = greedy(known, unknown.map(_._2).toSet).map(_._1)
      val after = greedy(known ++ unknown).map(_._1)
      for (i <- ranked.indices if before(i) != Fate.UNDECIDED) assert(before(i) == after(i))
    }
  }

  test("components are named by their first document, by brute force") {
    forEvery(graphs, 300) { pairs =>
      val components = new Components
      pairs.foreach { case (a, b, _) => components.join(ranked(b), ranked(a)) }
      var found = Map.empty[RankedDocument, RankedDocument]
      components.forEach((document, root) => found += document -> root)
      def reachable(from: Set[Int]): Set[Int] = {
        val next = from ++ pairs.collect {
          case (a, b, _) if from(a) || from(b) => Seq(a, b)
        }.flatten
        if (next == from) from else reachable(next)
      }
      for (i <- ranked.indices)
        assert(found.getOrElse(ranked(i), ranked(i)) == ranked(reachable(Set(i)).min))
    }
  }

  test("priority: earliest increment, longest text, smallest id in the order of UTF-8") {
    val chars = Gen.oneOf("", "a", "b", "\u00e9", "\ud7ff", "\ue000", "\uffff", "\ud83e\udd99")
    val ids = Gen.listOfN(3, chars).map(_.mkString)
    val docs = for {
      increment <- Gen.choose(0, 1)
      length <- Gen.choose(1, 2)
      id <- ids
    } yield new RankedDocument(increment, length, id)
    forEvery(Gen.zip(docs, docs), 500) { case (a, b) =>
      val byBytes = Arrays.compareUnsigned(a.id.getBytes(UTF_8), b.id.getBytes(UTF_8))
      val expected = Seq(a.increment - b.increment, b.length - a.length, byBytes).find(_ != 0)
      assert(math.signum(a.compareTo(b)) == math.signum(expected.getOrElse(0)))
    }
  }
}
