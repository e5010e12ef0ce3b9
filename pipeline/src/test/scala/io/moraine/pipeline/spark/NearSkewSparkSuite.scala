package io.moraine.pipeline.spark

import io.moraine.pipeline.lsh.{Banding, NearConfig}
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy
import io.moraine.pipeline.spark.NearOracle.Doc
import io.moraine.pipeline.text.Shingles
import java.util.SplittableRandom
import org.scalatest.funsuite.AnyFunSuite

/** Buckets far above the cap; cost is counted in compared pairs, never in time. */
class NearSkewSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def config(policy: SurvivorPolicy) =
    new NearConfig(5, 0.7, new Banding(32, 4), 1, 64, policy)

  private def words(random: SplittableRandom, n: Int): Vector[String] =
    Vector.fill(n)(s"w${random.nextInt(100000)}")

  /** Removed ids with the kept ones, and how many pairs were compared. */
  private def search(
      docs: Seq[Doc],
      policy: SurvivorPolicy,
      edgesOfOneTask: Long
  ): (Map[String, String], Long) = {
    import spark.implicits._
    val features = Features.of(docs.map(d => (d.id, d.text)).toDF("id", "text"), 5).cache()
    val tables = ExecutorTables
    val outcome =
      NearDuplicates.search(spark, features, config(policy), 0, tables, edgesOfOneTask)
    (
      outcome.removed.collect().map(r => r.getString(0) -> r.getString(1)).toMap,
      outcome.comparedPairs
    )
  }

  private def massDuplicates: Seq[Doc] = {
    val random = new SplittableRandom(1)
    val text = words(random, 100)
    val copies = (1 to 5000).map(i => (text :+ s"copy$i").mkString(" "))
    val near =
      (1 to 200).map(i => text.patch(random.nextInt(95), Seq(s"a$i", s"b$i"), 4).mkString(" "))
    val others = (1 to 50).map(_ => words(random, 80).mkString(" "))
    (copies ++ near ++ others).zipWithIndex.map { case (t, i) => Doc(f"$i%05d", t) }
  }

  for ((edges, where) <- Seq(1000000L -> "one task", 0L -> "rounds"))
    test(s"5,000 copies and 200 near copies: few are compared, each names a duplicate, in $where") {
      val docs = massDuplicates
      val (removed, compared) = search(docs, SurvivorPolicy.VERIFIED, edges)
      val sets = docs.map(d => d.id -> Shingles.of(d.text, 5)).toMap
      for ((id, kept) <- removed)
        assert(!removed.contains(kept) && Shingles.jaccard(sets(id), sets(kept)) >= 0.7)
      val kept = docs.map(_.id).filterNot(removed.contains)
      assert(removed.size >= 5150)
      for (Seq(a, b) <- kept.combinations(2)) assert(Shingles.jaccard(sets(a), sets(b)) < 0.7)
      assert(compared >= removed.size && compared < 5 * docs.size, s"$compared of ${docs.size}")
    }

  test("closure of the same corpus is one component and fifty others") {
    val docs = massDuplicates
    val (removed, compared) = search(docs, SurvivorPolicy.CLOSURE, 1000000)
    assert(removed.size == 5199 && removed.values.toSet.size == 1)
    assert(compared < 5 * docs.size, s"$compared pairs of ${docs.size} documents")
  }

  /** A fifth of the documents behind one licence; of these every tenth is copied with a change. */
  private def pastedLicence(
      size: Int,
      licenceWords: Int,
      ownWords: Int
  ): (Seq[Doc], Set[String]) = {
    val random = new SplittableRandom(2)
    val licence = words(random, licenceWords)
    val docs = (0 until size).flatMap { i =>
      val own = words(random, ownWords)
      val text = if (i % 5 == 0) licence ++ own else own
      val doc = Doc(f"$i%05d", text.mkString(" "))
      val copy = Doc(f"$i%05d-copy", text.updated(text.size - 3, "changed").mkString(" "))
      if (i % 50 == 0) Seq(doc, copy) else Seq(doc)
    }
    (docs, docs.map(_.id).filter(_.endsWith("-copy")).toSet)
  }

  for (
    (licence, own) <- Seq((300, 150), (300, 100));
    (edges, where) <- Seq(1000000L -> "one task", 0L -> "rounds")
  )
    test(s"a licence of $licence words before $own own ones in a fifth of all, in $where") {
      val costs = Seq(1500, 3000).map { size =>
        val (docs, copies) = pastedLicence(size, licence, own)
        val (removed, compared) = search(docs, SurvivorPolicy.VERIFIED, edges)
        assert(compared >= copies.size)
        assert(removed.map { case (a, b) => Set(a, b) }.toSet == copies.map(c => Set(c, c.take(5))))
        compared
      }
      assert(costs(1) < 2.22 * costs(0), s"compared $costs: more than n^1.15")
      assert(costs(1) < 40 * 3000, s"compared $costs")
    }
}
