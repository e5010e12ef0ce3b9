package io.moraine.pipeline.spark

import io.moraine.pipeline.lsh.{Banding, NearConfig}
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy
import io.moraine.pipeline.spark.NearOracle.{Doc, Removal}
import java.util.SplittableRandom
import org.apache.spark.sql.{DataFrame, Row}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable

/** Random small corpora against brute force: every mode, cap, partitioning and increment. */
class NearPropertiesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val shingleWords = 2

  private def config(cap: Int, policy: SurvivorPolicy, threshold: Double = 0.6) =
    new NearConfig(shingleWords, threshold, new Banding(6, 2), 7, cap, policy)

  /** Families of texts changed word by word, half of them behind the same licence. */
  private def corpus(seed: Long, size: Int): Seq[Doc] = {
    val random = new SplittableRandom(seed)
    def words(n: Int, vocabulary: Int) = Vector.fill(n)(s"w${random.nextInt(vocabulary)}")
    val licence = words(25, 1000)
    val founders = Vector.fill(5)(words(10 + random.nextInt(30), 60))
    var texts = founders
    while (texts.size < size) {
      val parent = texts(random.nextInt(texts.size))
      val changes = random.nextInt(4)
      texts :+= (1 to changes).foldLeft(parent) { (text, _) =>
        val at = random.nextInt(text.size)
        random.nextInt(3) match {
          case 0                  => text.updated(at, s"w${random.nextInt(60)}")
          case 1                  => text.patch(at, Nil, 1) :+ s"x${random.nextInt(60)}"
          case _ if text.size > 9 => text.patch(at, Nil, 2)
          case _                  => text :+ s"y${random.nextInt(60)}"
        }
      }
    }
    texts.zipWithIndex.map { case (text, i) =>
      val withLicence = if (i % 2 == 0) licence ++ text else text
      Doc(f"d${random.nextInt(1000)}%03d-$i", withLicence.mkString(" "), i * 10 / size)
    }
  }

  private def features(docs: Seq[Doc], partitions: Int): DataFrame = {
    import spark.implicits._
    val rows = docs.map(d => (d.id, d.text)).toDF("id", "text").repartition(partitions)
    val increments = docs.map(d => (d.id, d.increment)).toDF("id", "increment")
    Features.of(rows, shingleWords).join(increments, "id").cache()
  }

  /** Names of the tables stored by the last search. */
  private val stored = mutable.Set.empty[String]

  private val tables: TableStore = (name, rows) => {
    assert(stored.add(name), s"$name is stored twice")
    ExecutorTables.store(name, rows)
  }

  private def found(
      features: DataFrame,
      config: NearConfig,
      firstNew: Int,
      edgesOfOneTask: Long = 1000000
  ): Set[Removal] = {
    stored.clear()
    NearDuplicates
      .search(spark, features, config, firstNew, tables, edgesOfOneTask)
      .removed
      .collect()
      .map {
        case Row(id: String, kept: String, similarity) =>
          Removal(id, kept, Option(similarity).map(_.asInstanceOf[Double]))
        case row => fail(s"unexpected row $row")
      }
      .toSet
  }

  for (policy <- SurvivorPolicy.values; seed <- 1 to 3)
    test(s"$policy, corpus $seed: brute force's removals for every cap and partitioning") {
      val docs = corpus(seed.toLong, 120)
      val expected = NearOracle.removed(docs, config(2, policy))
      assert(expected.size > 20 && expected.size < 115)
      for (
        (cap, partitions, edges) <- Seq(
          (2, 1, 1000000L),
          (3, 3, 0L),
          (1000, 2, 0L),
          (1000, 5, 1000L)
        )
      ) {
        val removed = found(features(docs, partitions), config(cap, policy), 0, edges)
        val isVerified = policy == SurvivorPolicy.VERIFIED
        val isEqual =
          if (cap < 1000 && isVerified) NearOracle.isRemoved(removed, docs, config(cap, policy), 0)
          else removed == expected
        assert(isEqual, s"with cap $cap, $partitions partitions, $edges edges in one task")
        val severalRounds = "pairs-1"
        assert(stored("crowded") == (cap < 1000), stored)
        assert(stored(severalRounds) == (cap < 1000 && !(isVerified && edges > 0)), stored)
      }
    }

  test("ten increments keep exactly what one run with the same priority keeps") {
    for ((cap, seed, edges) <- Seq((3, 4L, 0L), (3, 4L, 1000000L), (1000, 5L, 0L))) {
      val docs = corpus(seed, 100)
      val verified = config(cap, SurvivorPolicy.VERIFIED)
      val atOnce = NearOracle.removed(docs, verified)
      val kept = (0 until 10).foldLeft(Seq.empty[Doc]) { (published, increment) =>
        val all = published ++ docs.filter(_.increment == increment)
        val removed = found(features(all, 2), verified, increment, edges)
        assert(NearOracle.isRemoved(removed, all, verified, increment))
        assert(removed.forall(r => !published.exists(_.id == r.id)))
        all.filterNot(d => removed.exists(_.id == d.id))
      }
      assert(kept.map(_.id).toSet == docs.map(_.id).toSet -- atOnce.map(_.id))
    }
  }

  test("closure refuses to extend what was published, in one line") {
    val error = intercept[IllegalArgumentException](
      found(features(corpus(1, 10), 1), config(3, SurvivorPolicy.CLOSURE), 1)
    )
    assert(error.getMessage.startsWith("survivors = closure cannot extend what was published"))
    assert(!error.getMessage.contains("\n") && error.getMessage.endsWith("got increment 1"))
  }
}
