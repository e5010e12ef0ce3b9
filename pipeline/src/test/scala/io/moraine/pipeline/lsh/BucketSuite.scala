package io.moraine.pipeline.lsh

import io.moraine.pipeline.SeededProperties
import io.moraine.pipeline.component.RankedDocument
import io.moraine.pipeline.text.Shingles
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable

class BucketSuite extends AnyFunSuite with SeededProperties {

  private def member(id: Int, shingles: Int, open: Int, label: String = null) =
    new BucketMember(new RankedDocument(0, 1000 - id, s"d$id"), shingles, open, label)

  private class Found extends Bucket.Sink {
    val pairs = mutable.Set.empty[(BucketMember, BucketMember)]
    val behind = mutable.Map.empty[BucketMember, Boolean]
    def pair(better: BucketMember, worse: BucketMember): Unit =
      assert(pairs.add((better, worse)), "a pair twice")
    def behind(member: BucketMember, exposed: Boolean): Unit = behind(member) = exposed
  }

  private val buckets = for {
    threshold <- Gen.oneOf(0.5, 0.7, 0.9)
    front <- Gen.choose(0, 6)
    sizes <- Gen.listOf(Gen.zip(Gen.choose(1, 12), Gen.choose(0, 6), Gen.oneOf(null, "a", "b")))
  } yield (
    threshold,
    front,
    sizes.zipWithIndex.map { case ((open, closed, label), i) =>
      member(i, open + closed, open, label)
    }
  )

  test("pairs that can reach the threshold are compared unless a member is told to be behind") {
    forEvery(buckets, 500) { case (threshold, front, members) =>
      val found = new Found
      val bucket = new Bucket(front, threshold, found)
      members.foreach(bucket.add)
      for (i <- members.indices; j <- 0 until i) {
        val (a, b) = (members(j), members(i))
        val needed = a.canReach(threshold, b) && (a.label == null || a.label != b.label)
        if (found.pairs((a, b))) assert(needed)
        else if (needed) assert(found.behind.contains(a) && found.behind(b))
      }
      if (members.size <= front) assert(found.behind.isEmpty)
      assert(found.pairs.size <= 2 * front * members.size)
    }
  }

  test("the best member is never exposed, low members are not exposed to low ones") {
    val found = new Found
    val bucket = new Bucket(1, 0.7, found)
    (0 until 50).map(i => member(i, 100, 75)).foreach(bucket.add)
    assert(found.pairs.isEmpty && found.behind.size == 49 && found.behind.values.forall(!_))
    bucket.add(member(50, 75, 75))
    assert(found.pairs.size == 1 && found.behind.values.count(identity) == 1)
  }

  test("a frequency never becomes too small, not even beyond the largest number") {
    val frequencies = new ShingleFrequencies
    frequencies.add(Array(7L))
    for (_ <- 1 to 33) frequencies.add(frequencies)
    assert(frequencies.documents(7) == Int.MaxValue && frequencies.documents(8) == 0)
    frequencies.add(Array(7L))
    assert(frequencies.documents(7) == Int.MaxValue)
  }

  test("sets that reach the threshold meet in a shingle of their prefixes and may be compared") {
    val shingle = Gen.choose(0L, 17L).map(n => n % 12 | n / 12 << 40) // some are counted together
    val sets = Gen.listOfN(12, Gen.nonEmptyListOf(shingle).map(_.distinct.sorted.toArray))
    forEvery(Gen.zip(sets, Gen.oneOf(0.3, 0.5, 0.7, 1.0)), 300) { case (sets, threshold) =>
      val frequencies = new ShingleFrequencies
      sets.foreach(frequencies.add(_))
      val prefixes = sets.map { set =>
        val prefix = new Prefix(set, frequencies, threshold)
        assert(prefix.size <= set.length - math.ceil(threshold * set.length - 1e-9) + 1)
        (0 until prefix.size).map(i => prefix.shingle(i) -> prefix.open(i)).toMap
      }
      for (i <- sets.indices; j <- 0 until i if Shingles.jaccard(sets(i), sets(j)) >= threshold)
        assert(prefixes(i).exists { case (shingle, open) =>
          prefixes(j).get(shingle).exists { other =>
            member(0, sets(i).length, open)
              .canReach(threshold, member(1, sets(j).length, other))
          }
        })
    }
  }
}
