package io.moraine.pipeline.lsh

import io.moraine.pipeline.SeededProperties
import io.moraine.pipeline.component.RankedDocument
import io.moraine.pipeline.text.Shingles
import java.util.SplittableRandom
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

class PrefixIndexSuite extends AnyFunSuite with SeededProperties {

  private def frequencies(sets: Seq[Array[Long]]): ShingleFrequencies = {
    val frequencies = new ShingleFrequencies
    sets.foreach(frequencies.add(_))
    frequencies
  }

  private def document(number: Int) = new RankedDocument(0, 1, s"$number")

  test("finds a document that reaches the threshold and meets the condition if there is one") {
    val shingle = Gen.choose(0L, 35L).map(n => n % 24 | n / 24 << 40) // some are counted together
    val sets =
      Gen.listOfN(15, Gen.choose(1, 30).flatMap(Gen.listOfN(_, shingle).map(_.distinct.sorted)))
    forEvery(Gen.zip(sets, Gen.oneOf(0.2, 0.5, 0.7, 0.8, 1.0)), 500) { case (lists, threshold) =>
      val sets = lists.map(_.toArray)
      val index = new PrefixIndex(frequencies(sets), threshold)
      for ((set, i) <- sets.zipWithIndex) {
        def isAllowed(other: Array[Long]) = (set.sum + other.sum) % 4 != 0
        val similar = (0 until i).filter { j =>
          Shingles.jaccard(set, sets(j)) >= threshold && isAllowed(sets(j))
        }
        val found = index.find(set, isAllowed(_))
        assert(found.isPresent == similar.nonEmpty)
        found.ifPresent { one =>
          val j = one.document.id.toInt
          assert(similar.contains(j) && one.similarity == Shingles.jaccard(set, sets(j)))
        }
        index.add(document(i), set)
      }
    }
  }

  test("documents that have less in common than the threshold are not looked at, however many") {
    val random = new SplittableRandom(1)
    val licence = Array.fill(300)(random.nextLong())
    def visited(documents: Int): Long = {
      val sets = Seq.fill(documents)((licence ++ Array.fill(100)(random.nextLong())).sorted)
      val index = new PrefixIndex(frequencies(sets), 0.7)
      for ((set, i) <- sets.zipWithIndex) {
        assert(!index.find(set, _ => true).isPresent)
        index.add(document(i), set)
      }
      index.visited
    }
    assert(visited(4000) < 4000L * 100)
  }
}
