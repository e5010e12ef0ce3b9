package io.moraine.pipeline.spark

import io.moraine.pipeline.Fixtures
import io.moraine.pipeline.document.ReadConfig
import io.moraine.pipeline.lsh.{Banding, NearConfig}
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy
import java.io.FileInputStream
import java.util.List
import java.util.zip.GZIPInputStream
import org.apache.spark.sql.{DataFrame, Row}
import org.apache.spark.sql.functions.col
import org.scalatest.funsuite.AnyFunSuite

import scala.io.Source

class NearDuplicatesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val config =
    new NearConfig(5, 0.7, new Banding(32, 4), 1, 64, SurvivorPolicy.VERIFIED)

  private def removed(features: DataFrame, config: NearConfig = config): Map[String, Row] =
    NearDuplicates.find(spark, features, config).collect().map(r => r.getString(0) -> r).toMap

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
    val survivors = input.collect().map(_.getString(0)).toSet -- removed(features).keySet
    assert(survivors == Set("1", "4", "12", "15"))
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
      Features.of(documents("a" -> "cat", "b" -> "dog", "c" -> "cat", "d" -> "!", "e" -> "?"), 5)
    assert(removed(features).keySet == Set("c"))
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
      NearDuplicates
        .find(spark, shuffled.repartition(partitions), config)
        .collect()
        .toSeq
        .sortBy(_.getString(0))
    }
    assert(rows(0) == rows(1) && rows(1) == rows(2))
  }

  test("exact duplicates keep the smallest id") {
    val features = Features.of(documents("b" -> "same", "a" -> "same", "c" -> "other"), 5)
    assert(ExactDuplicates.find(features).collect().toSeq == Seq(Row("b", "a")))
  }

  test("features hold length in code points, a digest of the text and sorted shingles") {
    val row = Features.of(documents("a" -> "one two three four five six 🦙"), 5).head()
    assert(row.getInt(1) == 29)
    val shingles = row.getSeq[Long](3)
    assert(shingles.size == 2 && shingles == shingles.sorted)
  }
}
