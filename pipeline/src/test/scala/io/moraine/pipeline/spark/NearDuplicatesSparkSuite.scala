package io.moraine.pipeline.spark

import io.moraine.pipeline.Fixtures
import io.moraine.pipeline.document.ReadConfig
import io.moraine.pipeline.lsh.{Banding, NearConfig}
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy
import io.moraine.pipeline.text.Shingles
import java.io.FileInputStream
import java.util.{List, SplittableRandom}
import java.util.zip.GZIPInputStream
import org.apache.spark.sql.{DataFrame, Row}
import org.apache.spark.sql.functions.col
import org.scalatest.funsuite.AnyFunSuite

import scala.io.Source

class NearDuplicatesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val config =
    new NearConfig(5, 0.7, new Banding(32, 4), 1, 64, SurvivorPolicy.VERIFIED)

  private def rows(features: DataFrame, config: NearConfig): Seq[Row] =
    NearDuplicates.search(spark, features, config, 0, ExecutorTables).removed.collect().toSeq

  private def removed(features: DataFrame, config: NearConfig = config): Map[String, Row] =
    rows(features, config).map(r => r.getString(0) -> r).toMap

  private def documents(texts: (String, String)*): DataFrame = {
    import spark.implicits._
    texts.toDF("id", "text")
  }

  private lazy val bookFeatures: DataFrame = {
    val read = new ReadConfig("text", "id", "source", "url", 1 << 20)
    val book = Fixtures.file("corpus/book.jsonl.gz").toString
    Features.of(CorpusReader.read(spark, List.of(book), read, 3), 5).cache()
  }

  private lazy val bookPairs: Seq[(Double, String, String)] = {
    val file = Fixtures.file("corpus/book-pairs.tsv.gz").toFile
    val lines = Source.fromInputStream(new GZIPInputStream(new FileInputStream(file)), "UTF-8")
    try lines.getLines().map(_.split('\t')).map(f => (f(0).toDouble, f(1), f(2))).toList
    finally lines.close()
  }

  test("on 476 real documents the removed ones are exactly those of greedy brute force at 0.7") {
    val length = bookFeatures
      .select("id", "length")
      .collect()
      .map(r => r.getString(0) -> r.getInt(1))
      .toMap
    assert(length.size == 476)
    val partners = bookPairs
      .filter(_._1 >= 0.7)
      .flatMap { case (_, a, b) => Seq(a -> b, b -> a) }
      .groupMap(_._1)(_._2)
    val kept = length.keys.toSeq
      .sortBy(id => (-length(id), id))
      .foldLeft(Set.empty[String])((kept, id) =>
        if (partners.getOrElse(id, Nil).exists(kept)) kept else kept + id
      )
    val found = removed(bookFeatures)
    assert(found.keySet == length.keySet -- kept)
    assert(found.size > 50)
    val similarity = bookPairs.flatMap { case (s, a, b) => Seq((a, b) -> s, (b, a) -> s) }.toMap
    for ((id, row) <- found) {
      assert(kept(row.getString(1)), s"$id names ${row.getString(1)}, which is not kept")
      assert(math.abs(row.getDouble(2) - similarity((id, row.getString(1)))) < 1e-4)
    }
  }

  test("another toolkit's twelve documents leave the same survivors at 0.7") {
    val input = spark.read
      .parquet(Fixtures.file("dedup/near/input").toString)
      .select(col("int_id_column").cast("string").as("id"), col("contents").as("text"))
    val features = Features.of(input, 5)
    def ids(folder: String): Set[String] = spark.read
      .parquet(Fixtures.file(folder).toString)
      .select(col("int_id_column").cast("string"))
      .collect()
      .map(_.getString(0))
      .toSet
    val survivors = ids("dedup/near/input") -- removed(features).keySet
    assert(survivors == ids("dedup/near/expected") && survivors == Set("1", "4", "12", "15"))
  }

  test("closure leaves one document per connected component, verified keeps the far end") {
    val words = (1 to 100).map(i => s"w$i")
    val chain = documents(
      "a" -> (words ++ Seq("x1 x2 x3")).mkString(" "),
      "b" -> (words.drop(15) ++ Seq("x1 x2 x3", "y y y")).mkString(" "),
      "c" -> (words.drop(30) ++ Seq("x1 x2 x3", "y y y")).mkString(" ")
    )
    val features = Features.of(chain, 5)
    assert(removed(features).keySet == Set("b"))
    val closure =
      new NearConfig(5, 0.7, new Banding(32, 4), 1, 64, SurvivorPolicy.CLOSURE)
    val both = removed(features, closure)
    assert(both.keySet == Set("b", "c"))
    assert(both("c").getString(1) == "a" && both("c").isNullAt(2))
  }

  test("documents of fewer than five words and without words are handled, not collapsed") {
    val features =
      Features.of(
        documents(
          "a" -> "cat",
          "b" -> "dog",
          "c" -> "cat",
          "d" -> "!",
          "e" -> "?",
          "f" -> "four words of text",
          "g" -> "Four words of text!",
          "h" -> "four other words there"
        ),
        5
      )
    assert(removed(features).view.mapValues(_.getString(1)).toMap == Map("c" -> "a", "f" -> "g"))
  }

  test("a bucket above the cap still removes every copy of its first document") {
    val text = (1 to 60).map(i => s"word$i").mkString(" ")
    val copies = documents((1 to 40).map(i => f"$i%02d" -> s"$text tail$i"): _*)
    val capped = new NearConfig(5, 0.7, new Banding(32, 4), 1, 4, SurvivorPolicy.VERIFIED)
    assert(removed(Features.of(copies, 5), capped).size == 39)
  }

  test("no documents give no removals") {
    assert(removed(Features.of(documents(), 5)).isEmpty)
  }

  test("the same rows for 1, 3 and 8 partitions in shuffled order") {
    val rows = Seq(1, 3, 8).map { partitions =>
      val shuffled = bookFeatures.orderBy(org.apache.spark.sql.functions.rand(partitions.toLong))
      this.rows(shuffled.repartition(partitions), config).sortBy(_.getString(0))
    }
    assert(rows(0).nonEmpty && rows(0) == rows(1) && rows(1) == rows(2))
  }

  test("planted pairs of known similarity are found as often as 1 - (1 - s^r)^b says") {
    import spark.implicits._
    val random = new SplittableRandom(5)
    val banding = new Banding(8, 5)
    val planted =
      for ((shared, each) <- Seq((300, 100), (240, 80), (420, 60)); _ <- 1 to 150) yield {
        def own: Array[Long] = Array.fill(each)(random.nextLong())
        val common = Array.fill(shared)(random.nextLong())
        (shared.toDouble / (shared + 2 * each), (common ++ own).sorted, (common ++ own).sorted)
      }
    val features = planted.zipWithIndex
      .flatMap { case ((_, a, b), i) =>
        Seq((s"a$i", 1, "", Shingles.toBytes(a)), (s"b$i", 1, "", Shingles.toBytes(b)))
      }
      .toDF("id", "length", "digest", "shingles")
    val found = removed(features, new NearConfig(5, 0.5, banding, 3, 64, SurvivorPolicy.VERIFIED))
    for ((similarity, pairs) <- planted.zipWithIndex.groupMap(_._1._1)(_._2)) {
      val hits = pairs.count(i => found.get(s"b$i").exists(_.getString(1) == s"a$i"))
      val p = banding.collisionProbability(similarity)
      val bound = 5 * math.sqrt(pairs.size * p * (1 - p))
      assert(math.abs(hits - pairs.size * p) < bound, s"$hits of ${pairs.size} at $similarity")
    }
    assert(found.forall { case (id, row) => row.getString(1).tail == id.tail })
  }

  test("the report counts clusters and samples pairs of every twentieth, the same ones each time") {
    def outcome = NearDuplicates.search(spark, bookFeatures, config, 0, ExecutorTables)
    val sizes = NearReport.clusterSizes(outcome.removed).collect().toSeq
    assert(sizes.map(r => (r.getLong(0) - 1) * r.getLong(1)).sum == removed(bookFeatures).size)
    assert(sizes.map(_.getLong(0)) == sizes.map(_.getLong(0)).sorted && sizes.head.getLong(0) >= 2)
    val samples = NearReport.samples(outcome.removed, outcome.nearMisses, 3).collect().toSeq
    assert(samples == NearReport.samples(outcome.removed, outcome.nearMisses, 3).collect().toSeq)
    assert(samples.groupBy(r => (r.getDouble(0), r.getBoolean(4))).values.forall(_.size <= 3))
    val similarity = bookPairs.flatMap { case (s, a, b) => Seq((a, b) -> s, (b, a) -> s) }.toMap
    for (row <- samples) {
      assert(row.getBoolean(4) == row.getDouble(3) >= 0.7)
      assert(row.getDouble(3) >= row.getDouble(0) && row.getDouble(3) < row.getDouble(0) + 0.05)
      assert(math.abs(row.getDouble(3) - similarity((row.getString(1), row.getString(2)))) < 1e-4)
    }
    assert(samples.exists(_.getBoolean(4)) && samples.exists(!_.getBoolean(4)))
  }

  test("exact duplicates keep the smallest id") {
    val features = Features.of(documents("b" -> "same", "a" -> "same", "c" -> "other"), 5)
    assert(ExactDuplicates.find(features, features.limit(0)).collect().toSeq == Seq(Row("b", "a")))
  }

  test("features hold length in code points, a digest of the text and sorted shingles") {
    val row = Features.of(documents("a" -> "one two three four five six 🦙"), 5).head()
    assert(row.getInt(1) == 29)
    val shingles = Shingles.fromBytes(row.getAs[Array[Byte]](3)).toSeq
    assert(shingles.size == 2 && shingles == shingles.sorted)
  }
}
