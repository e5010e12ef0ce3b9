package io.moraine.pipeline.spark

import io.moraine.pipeline.lines.LinesConfig
import io.moraine.pipeline.lines.LinesConfig.Unit.{LINE, PARAGRAPH}
import io.moraine.pipeline.text.Words
import org.apache.spark.SparkException
import org.apache.spark.sql.{DataFrame, Row}
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

class RepeatedLinesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private type Texts = Seq[(String, String)]

  private def documents(texts: Texts, partitions: Int): DataFrame = {
    import spark.implicits._
    spark.createDataset(spark.sparkContext.parallelize(texts, partitions)).toDF("id", "text")
  }

  private def cut(config: LinesConfig, texts: Texts, partitions: Int = 2): (Seq[Row], Seq[Row]) = {
    val done = RepeatedLines.cut(spark, documents(texts, partitions), config)
    (
      CutTexts.documents(done).orderBy("id").collect().toSeq,
      CutTexts.cuts(done).orderBy("id", "start_word").collect().toSeq
    )
  }

  private def texts(config: LinesConfig, texts: (String, String)*): Map[String, String] =
    cut(config, texts)._1.map(r => r.getString(0) -> r.getString(1)).toMap

  private def words(text: String): Vector[String] = {
    val found = Vector.newBuilder[String]
    Words.forEach(text, word => found += word)
    found.result()
  }

  private def units(text: String, unit: LinesConfig.Unit): Seq[Vector[String]] =
    text.split(if (unit == LINE) "\n" else "\n\\s*\n").toSeq.map(words).filter(_.nonEmpty)

  private case class Place(length: Int, id: String, word: Int, index: Int)

  /** What stays of each document, and id, word and first place of each cut, by brute force. */
  private def expected(config: LinesConfig, texts: Texts) = {
    val all = for {
      (id, text) <- texts
      in = units(text, config.unit)
      (unit, i) <- in.zipWithIndex if unit.size >= config.minWords
      length = text.codePointCount(0, text.length)
    } yield unit -> Place(length, id, in.take(i).map(_.size).sum, i)
    val cuts = for {
      (unit, places) <- all.groupMap(_._1)(_._2).toSeq if places.size > config.maxCopies
      ordered = places.sortBy(p => (-p.length, p.id, p.word))
      place <- ordered.drop(config.keepCopies)
    } yield (place, unit, ordered.head)
    val gone = cuts.map { case (place, _, _) => (place.id, place.index) }.toSet
    val left =
      for ((id, text) <- texts)
        yield id -> units(text, config.unit).zipWithIndex
          .filterNot { case (_, i) => gone((id, i)) }
          .map(_._1)
    val rows = cuts.map { case (p, unit, first) => (p.id, p.word, unit.size, first.id, first.word) }
    (left.toMap, rows.toSet)
  }

  private def corpus(seed: Int, ends: Seq[String]): Texts = {
    val random = new Random(seed)
    def line() = Seq
      .fill(random.nextInt(4))(s"${if (random.nextBoolean()) "w" else "W"}${random.nextInt(2)}")
      .mkString(Seq("", "- ", "\"")(random.nextInt(3)), Seq(" ", ", ")(random.nextInt(2)), ".")
    (0 until 10 + random.nextInt(30)).map { i =>
      s"d$i" -> Seq.fill(random.nextInt(12))(line() + ends(random.nextInt(ends.size))).mkString
    }
  }

  for {
    (unit, ends) <- Seq(
      LINE -> Seq("\n", "\n\n", "\r\n", "\n  "),
      PARAGRAPH -> Seq("\n\n", "\n \n", "\n")
    )
  }
    test(
      s"random corpora, $unit: cuts as by brute force, the same rows for 1, 2 and 7 partitions"
    ) {
      var cuts = 0
      for (seed <- 1 to 8) {
        val random = new Random(seed + 100)
        val most = 1 + random.nextInt(3)
        val config = new LinesConfig(unit, 1 + random.nextInt(3), most, 1 + random.nextInt(most))
        val input = corpus(seed, ends)
        val (left, rows) = expected(config, input)
        val found = Seq(1, 2, 7).map(n => cut(config, new Random(n).shuffle(input), n))
        assert(found.distinct.size == 1)
        val (documents, cutRows) = found.head
        val cutOf =
          cutRows.map(r => (r.getString(0), r.getInt(2), r.getInt(3), r.getString(6), r.getInt(7)))
        assert(cutOf.toSet == rows && cutOf.size == rows.size)
        assert(documents.map(_.getString(0)).toSet == input.map(_._1).toSet)
        for (Row(id: String, text: String, cutWords: Int, spans: Int) <- documents) {
          assert(words(text) == left(id).flatten)
          assert(cutWords == cutOf.filter(_._1 == id).map(_._3).sum)
          assert(spans == cutOf.count(_._1 == id))
          if (spans == 0) assert(text == input.toMap.apply(id))
        }
        if (unit == LINE) {
          val again = documents.map(r => r.getString(0) -> r.getString(1))
          for ((line, n) <- again.flatMap(d => units(d._2, LINE)).groupBy(identity))
            assert(n.size <= config.maxCopies || line.size < config.minWords)
        }
        cuts += rows.size
      }
      assert(cuts > 150, cuts)
    }

  test("cuts say what was cut in words and characters, and where the first copy stands") {
    val input = Seq(
      "long" -> "Another line that makes this the longest.\nSubscribe to our 🦙 news!",
      "b" -> "🦙 intro\n\n  \"Subscribe to our 🦙 NEWS\"\n\nend",
      "c" -> "subscribe to our news"
    )
    val (documents, cuts) = cut(new LinesConfig(LINE, 3, 1, 1), input)
    assert(
      documents == Seq(
        Row("b", "🦙 intro\n\nend", 4, 1),
        Row("c", "", 4, 1),
        Row("long", input.head._2, 0, 0)
      )
    )
    assert(
      cuts == Seq(Row("b", 1, 1, 4, 11, 25, "long", 7), Row("c", 1, 0, 4, 0, 21, "long", 7))
    )
  }

  test("more copies than the threshold are cut down to those that stay, fewer are left alone") {
    val input = (1 to 5).map(i => s"d$i" -> s"menu home about\nText number $i")
    def having(config: LinesConfig) =
      texts(config, input: _*).filter(_._2.startsWith("menu")).keySet
    assert(having(new LinesConfig(LINE, 1, 5, 1)).size == 5)
    assert(having(new LinesConfig(LINE, 1, 4, 1)) == Set("d1"))
    assert(having(new LinesConfig(LINE, 1, 4, 3)) == Set("d1", "d2", "d3"))
    assert(having(new LinesConfig(LINE, 4, 1, 1)).size == 5)
  }

  // facebookresearch/cc_net, tests/test_dedup.py, test_simple_dedup (MIT)
  test("cc_net's lines: the first copy is kept, case does not count") {
    val left = texts(
      new LinesConfig(LINE, 1, 1, 1),
      "0" -> "_Hello\n_World\nI'm so original",
      "1" -> "_world\nI'm originaler\n_Hello"
    )
    assert(left == Map("0" -> "_Hello\n_World\nI'm so original", "1" -> "I'm originaler"))
  }

  // tensorflow/datasets, text/c4_utils_test.py, test_remove_duplicate_text (Apache-2.0); there the
  // smallest digest of the URL wins, here the longest page, so the pages get lengths in that order
  test("C4's pages: a line stays in the first page and place only") {
    val within = "This one is duplicate within the page so the others are removed."
    val third = "This one comes third and so it is removed. But the page stays " +
      "because there are still 3 sentences remaining."
    val left = texts(
      new LinesConfig(LINE, 1, 1, 1),
      "url/1-0" -> ("This is a duplicated line.\nThis is a unique line.\n" +
        s"This one comes first and so it stays.\n$within\n" +
        s"Here is a sentence between the duplicates.\n$within\n" +
        "this One is Duplicate WITHIN the page so the others are removed. "),
      "url/3-4" -> s"This is a 3rd unique line.\nThis is a duplicated line.\n$third"
    )
    assert(
      left("url/1-0") == "This is a duplicated line.\nThis is a unique line.\n" +
        s"This one comes first and so it stays.\n$within\n" +
        "Here is a sentence between the duplicates."
    )
    assert(left("url/3-4") == s"This is a 3rd unique line.\n$third")
  }

  test("lines in 800,000 places send few rows through the shuffle") {
    val text = (1 to 500).map(_ => "the same line\nand another\n" * 2).mkString
    val input = (1 to 400).map(i => f"d$i%03d" -> (text + f"own line $i%03d"))
    val records = ShuffleRecords.of(spark.sparkContext) {
      val done = RepeatedLines.cut(spark, documents(input, 4), new LinesConfig(LINE, 2, 2, 1))
      val documentRows = done.select("id", "cut_words", "text").collect()
      assert(documentRows.map(_.getInt(1)).sum == 400 * 1000 * (3 + 2) - 5)
      assert(documentRows.count(_.getString(2).startsWith("the same line\nand another\nown")) == 1)
    }
    assert(records >= 400 && records < 1000, records)
  }

  test("documents that are not where they were are an error, not a document left alone") {
    import spark.implicits._
    val counter = spark.sparkContext.longAccumulator
    val unstable = spark.sparkContext
      .parallelize(1 to 2, 2)
      .mapPartitionsWithIndex { (i, _) =>
        counter.add(1)
        Iterator((s"$i-${counter.value}", s"line ${System.nanoTime()}\n" * 2))
      }
      .toDF("id", "text")
    val failure = intercept[SparkException](
      RepeatedLines.cut(spark, unstable, new LinesConfig(LINE, 1, 1, 1)).collect()
    )
    assert(
      failure.getMessage.contains(
        "documents are not in the partitions they were in: store the documents first"
      )
    )
  }

  test("no documents, and ones without words, are left alone") {
    assert(cut(new LinesConfig(LINE, 1, 1, 1), Seq.empty) == ((Nil, Nil)))
    val odd = Seq("a" -> "", "b" -> "---\n---", "c" -> "\n")
    assert(cut(new LinesConfig(PARAGRAPH, 1, 1, 1), odd)._1 == odd.map { case (id, t) =>
      Row(id, t, 0, 0)
    })
  }
}
