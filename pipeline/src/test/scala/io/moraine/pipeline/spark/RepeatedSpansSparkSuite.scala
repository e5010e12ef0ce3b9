package io.moraine.pipeline.spark

import io.moraine.pipeline.substring.SubstringConfig
import io.moraine.pipeline.text.Words
import org.apache.spark.SparkException
import org.apache.spark.api.java.JavaRDD
import org.apache.spark.sql.{DataFrame, Row}
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

class RepeatedSpansSparkSuite extends AnyFunSuite with SharedSparkSession {

  private type Corpus = Map[String, Vector[String]]
  private type Place = (String, Int)

  private def documents(texts: (String, String)*): DataFrame = {
    import spark.implicits._
    texts.toDF("id", "text").coalesce(2)
  }

  private def cut(n: Int, texts: (String, String)*): RepeatedSpans.Outcome =
    RepeatedSpans.cut(spark, documents(texts: _*), new SubstringConfig(n, 50))

  private def texts(outcome: RepeatedSpans.Outcome): Map[String, String] =
    outcome.documents
      .select("id", "text")
      .collect()
      .map(r => r.getString(0) -> r.getString(1))
      .toMap

  private def cuts(outcome: RepeatedSpans.Outcome): Seq[Row] =
    outcome.cuts.orderBy("id", "pass", "start_word").collect().toSeq

  private def words(text: String): Vector[String] = {
    val found = Vector.newBuilder[String]
    Words.forEach(text, word => found += word)
    found.result()
  }

  private def windows(corpus: Corpus, n: Int): Map[Seq[String], Seq[Place]] = {
    val all = for {
      (id, words) <- corpus.toSeq
      i <- 0 to words.size - n
    } yield words.slice(i, i + n) -> (id -> i)
    all.groupMap(_._1)(_._2).map { case (window, places) => window -> places.sorted }
  }

  /** One pass by brute force: the corpus after it, or none if nothing stands twice. */
  private def pass(corpus: Corpus, n: Int): Option[Corpus] = {
    val marked = for {
      places <- windows(corpus, n).values.toSeq
      copy <- places.tail
    } yield (copy, places.head)
    def region(copy: Place, first: Place): Seq[Place] =
      (copy._2 until copy._2 + n).map(copy._1 -> _).filterNot(whole(first).contains)
    def whole(place: Place): Seq[Place] = (place._2 until place._2 + n).map(place._1 -> _)
    val touched = marked.flatMap { case (copy, first) => region(copy, first) }.toSet
    val cut = marked
      .filterNot { case (_, first) => whole(first).exists(touched) }
      .flatMap { case (copy, first) => region(copy, first) }
      .toSet
    if (marked.isEmpty) None
    else {
      assert(cut.nonEmpty, "a pass must cut something")
      val after = corpus.map { case (id, words) =>
        id -> words.indices.filterNot(i => cut(id -> i)).map(words).toVector
      }
      val left = windows(after, n).keySet
      for (
        (copy, first) <- marked if region(copy, first).exists(cut) && !whole(first).exists(touched)
      )
        assert(left(corpus(copy._1).slice(copy._2, copy._2 + n)), "the first copy stays")
      Some(after)
    }
  }

  private def passes(corpus: Corpus, n: Int): Seq[Corpus] =
    Iterator.unfold(Option(corpus))(_.map(now => now -> pass(now, n))).toSeq

  /** Many small corpora with words of their own, so that one run is many experiments. */
  private def randomCorpora(n: Int, seeds: Int): Seq[(String, String)] =
    for {
      seed <- 0 until seeds
      random = new Random(1000L * n + seed)
      alphabet = 2 + random.nextInt(5)
      document <- 0 until 1 + random.nextInt(5)
    } yield {
      val gaps = Seq(" ", ", ", "\n", ". ", " 🦙 ", " (", "-")
      val text = Seq
        .fill(random.nextInt(25))(
          s"${if (random.nextBoolean()) "W" else "w"}${seed}_${random.nextInt(alphabet)}" +
            gaps(random.nextInt(gaps.size))
        )
        .mkString
      f"s$seed%03d-$document" -> text
    }

  for (n <- 3 to 5)
    test(
      s"150 random corpora, n = $n: pass by pass as brute force, nothing stands twice, explained"
    ) {
      val input = randomCorpora(n, 150)
      val corpora = passes(input.map { case (id, text) => id -> words(text) }.toMap, n)
      val outcome = cut(n, input: _*)
      val left = texts(outcome)
      assert(outcome.complete && outcome.passes == corpora.size && corpora.size > 2)
      assert(left.map { case (id, text) => id -> words(text) } == corpora.last)
      assert(windows(corpora.last, n).values.forall(_.size == 1))
      val removed = cuts(outcome)
      for (row <- removed) {
        val Row(id: String, pass: Int, start: Int, count: Int, _, _, first: String, at: Int) =
          row: @unchecked
        val before = corpora(pass - 1)
        assert(before(id).slice(start, start + count) == before(first).slice(at, at + count))
        assert((first, at) != ((id, start)) && first <= id && count > 0)
      }
      val cutWords = removed.groupMapReduce(_.getString(0))(_.getInt(3))(_ + _)
      for (row <- outcome.documents.select("id", "cut_words", "cut_spans").collect()) {
        val id = row.getString(0)
        assert(row.getInt(1) == cutWords.getOrElse(id, 0))
        assert(row.getInt(1) == corpora.head(id).size - corpora.last(id).size)
        assert(row.getInt(2) == removed.count(_.getString(0) == id))
      }
      for ((id, text) <- input if !cutWords.contains(id)) assert(left(id) == text)
    }

  test("a cut brings words together that then stand twice: the second pass cuts them") {
    val outcome = cut(
      4,
      "1" -> "a b c d",
      "2" -> "e a b c d f g h",
      "3" -> "e f a b c d g h"
    )
    assert(texts(outcome) == Map("1" -> "a b c d", "2" -> "e f g h", "3" -> ""))
    assert(outcome.passes == 3 && outcome.complete)
    assert(
      cuts(outcome) == Seq(
        Row("2", 1, 1, 4, 2, 7, "1", 0),
        Row("3", 1, 2, 4, 4, 7, "1", 0),
        Row("3", 2, 0, 4, 0, 7, "2", 0)
      )
    )
  }

  test("the last pass allowed leaves an outcome that is not complete") {
    val toy = documents("1" -> "a b c d", "2" -> "e a b c d f g h", "3" -> "e f a b c d g h")
    val outcome = RepeatedSpans.cut(spark, toy, new SubstringConfig(4, 1))
    assert(outcome.passes == 1 && !outcome.complete && texts(outcome)("3") == "e f g h")
  }

  test("a word said over and over is left n times; periods are left once") {
    val outcome = cut(3, "1" -> "no " * 1000, "2" -> ("x y " * 50 + "end"), "3" -> "no no no")
    assert(texts(outcome)("1") == "no no no" && texts(outcome)("3") == "")
    assert(texts(outcome)("2") == "x y x y end")
    assert(cuts(outcome).count(_.getString(0) == "1") <= 334)
  }

  test(
    "Chinese, accents and emoji: whole characters, positions in code points, other columns stay"
  ) {
    import spark.implicits._
    val sentence = "甲骨文，是，漢字的，早期，形式。"
    val input = Seq(
      ("a", 7, s"🦙 $sentence 👨‍👩‍👧"),
      ("b", 8, s"🇩🇪🦙 Über ${sentence}naïve 🦙 ende"),
      ("c", 9, "e\u0301te\u0301 🦙")
    ).toDF("id", "other", "text")
    val outcome = RepeatedSpans.cut(spark, input, new SubstringConfig(5, 9))
    assert(
      outcome.documents.orderBy("id").collect().toSeq == Seq(
        Row("a", 7, s"🦙 $sentence 👨‍👩‍👧", 0, 0),
        Row("b", 8, "🇩🇪🦙 Über 。naïve 🦙 ende", 5, 1),
        Row("c", 9, "e\u0301te\u0301 🦙", 0, 0)
      )
    )
    assert(cuts(outcome) == Seq(Row("b", 1, 1, 5, 9, 15, "a", 0)))
  }

  test("the same rows for 1, 3 and 8 partitions in shuffled order") {
    val input = randomCorpora(3, 60)
    val rows = Seq(1, 3, 8).map { partitions =>
      val shuffled = documents(new Random(partitions.toLong).shuffle(input): _*)
      val outcome =
        RepeatedSpans.cut(spark, shuffled.repartition(partitions), new SubstringConfig(3, 50))
      (outcome.documents.orderBy("id").collect().toSeq, cuts(outcome), outcome.passes)
    }
    assert(rows(0) == rows(1) && rows(1) == rows(2) && rows(0)._2.nonEmpty)
  }

  test("documents that are not where they were are an error, not a document left alone") {
    val rows = documents("a" -> "x").coalesce(1).javaRDD
    val values = Seq(new DocumentZip.Found[String](0, "b", "value"))
    val found = JavaRDD.fromRDD(spark.sparkContext.parallelize(values, 1))
    val zipped =
      DocumentZip.zip[String](rows, 0, found, (row, _) => java.util.List.of(row).iterator)
    val failure = intercept[SparkException](zipped.count())
    assert(failure.getMessage.contains("document b is not in the partition it was in"))
  }

  test("no documents, empty ones and ones shorter than n are left alone in one pass") {
    assert(cut(50).passes == 1 && cut(50).documents.isEmpty)
    val outcome = cut(50, "a" -> "", "b" -> "one two", "c" -> "one two")
    assert(texts(outcome) == Map("a" -> "", "b" -> "one two", "c" -> "one two"))
    assert(outcome.passes == 1 && outcome.complete && cuts(outcome).isEmpty)
  }
}
