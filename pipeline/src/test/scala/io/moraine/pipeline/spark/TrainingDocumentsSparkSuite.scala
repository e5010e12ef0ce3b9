package io.moraine.pipeline.spark

import io.moraine.pipeline.sequence.{FillInTheMiddle, FimMarkers, Mixture}
import io.moraine.pipeline.tokenizer.{Tokenizer, TokenizerConfig}
import java.util.{Map => JMap}
import org.apache.spark.sql.functions.lit
import org.apache.spark.sql.{DataFrame, Dataset, Row}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class TrainingDocumentsSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val texts = (1 to 300).map { i =>
    (s"d$i", Seq("web", "code", "notes")(i % 3), s"the quick brown fox number $i jumps over dogs")
  }

  private lazy val tokenizer: Tokenizer = {
    import spark.implicits._
    val special = FimMarkers.addedTo(java.util.List.of(Tokenizer.END_OF_TEXT))
    TokenizerTraining
      .train(
        TokenizerTraining.pieceCounts(texts.toDF("id", "source", "text")),
        new TokenizerConfig(300, 1, Long.MaxValue, special),
        _ => ()
      )
      .tokenizer
  }
  private lazy val markers = FimMarkers.of(tokenizer).get

  private def documents(partitions: Int): Dataset[Row] = {
    import spark.implicits._
    val table: DataFrame = texts
      .toDF("id", "source", "text")
      .withColumns(Map("url" -> lit(""), "metadata" -> lit(""), "held_out" -> lit(false)))
      .repartition(partitions)
    TrainingDocuments.once(Tokenization.withTokens(table, tokenizer))
  }

  private def epochs(values: (String, Double)*): JMap[String, java.lang.Double] =
    values.toMap.map { case (source, value) => source -> java.lang.Double.valueOf(value) }.asJava

  private case class Copy(id: String, copy: Int, source: String, fim: Boolean, tokens: Seq[Int])

  private def collected(rows: Dataset[Row]): Seq[Copy] = rows
    .select("id", "copy", "source", "fim", "tokens", "n_tokens")
    .collect()
    .map { r =>
      val tokens = r.getSeq[Int](4).toSeq
      assert(r.getInt(5) == tokens.size)
      Copy(r.getString(0), r.getInt(1), r.getString(2), r.getBoolean(3), tokens)
    }
    .sortBy(c => (c.id, c.copy))
    .toSeq

  test("each document has the copies that its source's epochs say, numbered from 0") {
    val bySource = epochs("web" -> 2.5, "code" -> 0.0)
    val mixture = new Mixture(bySource, epochs(), 5)
    val found = collected(TrainingDocuments.mixed(documents(3), mixture, bySource)).groupBy(_.id)
    for ((id, source, text) <- texts) {
      val copies = found.getOrElse(id, Nil)
      val expected = source match {
        case "web"   => mixture.copies(2.5, id)
        case "code"  => 0
        case "notes" => 1
      }
      assert(copies.map(_.copy) == (0 until expected))
      assert(copies.forall(_.tokens == tokenizer.encode(text).toSeq))
    }
    assert(found.values.map(_.size).toSet == Set(1, 2, 3))
  }

  test("moved middles are those of the keyed hash, copy by copy; all else stays as it was") {
    val mixture = new Mixture(epochs("web" -> 2), epochs(), 5)
    val config = new FillInTheMiddle(0.3, 9)
    val mixed = TrainingDocuments.mixed(documents(2), mixture, mixture.epochs)
    val found = collected(TrainingDocuments.withMovedMiddles(mixed, config, tokenizer, markers))
    val text = texts.map { case (id, _, text) => id -> text }.toMap
    assert(found.size == 400)
    for (copy <- found) {
      assert(copy.fim == config.appliesTo(copy.id, copy.copy))
      val expected =
        if (copy.fim) config.encode(copy.id, copy.copy, text(copy.id), tokenizer, markers)
        else tokenizer.encode(text(copy.id))
      assert(copy.tokens == expected.toSeq)
    }
    val both = found.groupBy(_.id).values.filter(_.size == 2)
    assert(both.exists(_.map(_.fim).toSet.size == 2))
    assert(both.exists(copies => copies.forall(_.fim) && copies.map(_.tokens).toSet.size == 2))
  }

  test("the same documents for 1, 2 and 7 partitions") {
    val mixture = new Mixture(epochs("web" -> 1.5, "notes" -> 0.5), epochs(), 5)
    val all = Seq(1, 2, 7).map { n =>
      val mixed = TrainingDocuments.mixed(documents(n), mixture, mixture.epochs)
      collected(
        TrainingDocuments.withMovedMiddles(mixed, new FillInTheMiddle(0.5, 1), tokenizer, markers)
      )
    }
    assert(all(0) == all(1) && all(1) == all(2))
  }
}
