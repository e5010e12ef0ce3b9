package io.moraine.pipeline.spark

import io.moraine.pipeline.tokenizer.{Tokenizer, TokenizerConfig, TokenizerJson}
import java.util.{List => JList}
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

class TokenizationSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val texts =
    (1 to 200).map(i =>
      (s"$i", s"the quick brown fox number $i jumps over ${"d\u00f6gs " * (i % 7)}")
    )

  private def train(partitions: Int): Tokenizer = {
    import spark.implicits._
    val counts =
      TokenizerTraining.pieceCounts(texts.toDF("id", "text").repartition(partitions))
    val config = new TokenizerConfig(300, 1, Long.MaxValue, JList.of(Tokenizer.END_OF_TEXT))
    TokenizerTraining.train(counts, config, _ => ()).tokenizer
  }

  private lazy val tokenizer = train(1)

  test("a trained tokenizer does not depend on partitions") {
    assert(TokenizerJson.write(train(5)) == TokenizerJson.write(tokenizer))
    assert(tokenizer.specialId(Tokenizer.END_OF_TEXT).get == 0)
  }

  test("documents with tokens: the ids as alone, for 1, 3 and 8 partitions; null stays null") {
    import spark.implicits._
    val documents = (("none", null) +: texts).toDF("id", "text")
    for (partitions <- Seq(1, 3, 8))
      for (row <- Tokenization.withTokens(documents.repartition(partitions), tokenizer).collect())
        check(row, row.getAs[scala.collection.Seq[Int]]("tokens"))
  }

  private def check(row: Row, tokens: scala.collection.Seq[Int]): Unit = {
    val text = row.getAs[String]("text")
    if (text == null) assert(tokens == null)
    else assert(tokens == tokenizer.encode(text).toSeq)
  }
}
