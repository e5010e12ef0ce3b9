package io.moraine.pipeline.minhash

import io.moraine.pipeline.lsh.Banding
import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

/** Estimates against theory; bounds of five standard deviations: a false alarm in two million. */
class MinHasherStatisticsSuite extends AnyFunSuite {

  /** Two random sets of known similarity. */
  private def pair(size: Int, shared: Int, random: SplittableRandom): (Array[Long], Array[Long]) = {
    val common = Array.fill(shared)(random.nextLong())
    def own = Array.fill(size - shared)(random.nextLong())
    (common ++ own, common ++ own)
  }

  for ((size, shared) <- Seq((1000, 900), (1000, 500), (200, 150), (60, 40), (10, 8), (3, 2)))
    test(
      s"components agree with the probability of the Jaccard similarity: $size shingles, $shared shared"
    ) {
      val random = new SplittableRandom(1)
      val similarity = shared.toDouble / (2 * size - shared)
      val repetitions = 400
      val estimates = (1 to repetitions).map { seed =>
        val (a, b) = pair(size, shared, random)
        val hasher = new MinHasher(128, seed.toLong)
        MinHasher.estimateSimilarity(hasher.signature(a), hasher.signature(b))
      }
      val mean = estimates.sum / repetitions
      val variance = estimates.map(e => (e - mean) * (e - mean)).sum / (repetitions - 1)
      assert(math.abs(mean - similarity) < 5 * math.sqrt(variance / repetitions) + 1e-9)
    }

  test("bands collide as often as 1 - (1 - s^r)^b says, at similarity 0.5, 8 bands of 4 rows") {
    val random = new SplittableRandom(2)
    val banding = new Banding(8, 4)
    val repetitions = 2000
    val collisions = (1 to repetitions).count { seed =>
      val (a, b) = pair(600, 400, random)
      val hasher = new MinHasher(banding.components, seed.toLong)
      val (x, y) = (hasher.signature(a), hasher.signature(b))
      (0 until 8).exists(band => banding.key(x, band) == banding.key(y, band))
    }
    val p = banding.collisionProbability(0.5)
    assert(math.abs(collisions - repetitions * p) < 5 * math.sqrt(repetitions * p * (1 - p)))
  }

  test("published collision probabilities: 14 bands of 8 rows at 0.8 is 0.924, 20 of 13 is 0.677") {
    assert(math.abs(new Banding(14, 8).collisionProbability(0.8) - 0.924) < 5e-4)
    assert(math.abs(new Banding(20, 13).collisionProbability(0.8) - 0.677) < 5e-4)
    assert(new Banding(32, 4).collisionProbability(0.7) > 0.9998)
  }

  test("a signature does not depend on the order of the set nor on repetitions") {
    val random = new SplittableRandom(3)
    val set = Array.fill(50)(random.nextLong())
    val hasher = new MinHasher(128, 1)
    assert(hasher.signature(set).toSeq == hasher.signature(set.reverse ++ set).toSeq)
  }

  test("a set of one shingle fills every component") {
    val signature = new MinHasher(128, 1).signature(Array(42L))
    assert(signature.toSet.size == 1 && !signature.contains(Long.MaxValue))
  }

  test("golden signature: the same pairs are compared by every version of the program") {
    val signature = new MinHasher(4, 1).signature(Array(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L))
    assert(
      signature.toSeq == Seq(
        3645310346403288078L,
        3645310346403288078L,
        81714086475261822L,
        1502778145571296638L
      )
    )
  }
}
