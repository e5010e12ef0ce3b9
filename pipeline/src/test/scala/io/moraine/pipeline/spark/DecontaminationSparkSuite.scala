package io.moraine.pipeline.spark

import io.moraine.pipeline.decontamination.{CutRule, DecontaminationConfig}
import io.moraine.pipeline.decontamination.DecontaminationConfig.Action
import io.moraine.pipeline.decontamination.DecontaminationConfig.Action.{CUT, DROP}
import io.moraine.pipeline.document.CorpusException
import io.moraine.pipeline.text.Words
import com.github.luben.zstd.Zstd
import java.io.ByteArrayOutputStream
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.zip.GZIPOutputStream
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Random

class DecontaminationSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def config(
      sets: Seq[Path],
      n: Int = 4,
      min: Int = 3,
      most: Int = 0,
      action: Action = DROP,
      fields: Seq[String] = Nil
  ) = new DecontaminationConfig(
    sets.map(_.toString).asJava,
    fields.asJava,
    n,
    min,
    most,
    action,
    new CutRule(0, 10, 0)
  )

  private def index(config: DecontaminationConfig) =
    EvaluationSets.index(spark.sparkContext.hadoopConfiguration, config)

  private def search(
      config: DecontaminationConfig,
      texts: Seq[(String, String)],
      partitions: Int = 2
  ): Seq[Seq[Row]] = {
    import spark.implicits._
    val documents = spark
      .createDataset(spark.sparkContext.parallelize(texts, partitions))
      .toDF("id", "text")
    val outcome =
      Decontamination.search(spark, documents, index(config), config, ExecutorTables)
    Seq(
      outcome.documents.orderBy("id"),
      outcome.removed.orderBy("id"),
      outcome.cuts.orderBy("id", "pass", "start_word"),
      outcome.report.orderBy("set")
    ).map(_.collect().toSeq)
  }

  private def folder(files: (String, String)*): Path = {
    val folder = Files.createTempDirectory("evaluation")
    for ((name, text) <- files) {
      val file = folder.resolve(name)
      Files.createDirectories(file.getParent)
      Files.writeString(file, text)
    }
    folder
  }

  private def words(text: String): Vector[String] = {
    val found = Vector.newBuilder[String]
    Words.forEach(text, word => found += word)
    found.result()
  }

  private val quiz = folder(
    "quiz.jsonl" ->
      """{"id": 1, "question": "Who wrote the book of love?", "choices": {"text": ["nobody", "The Monotones wrote it once"]}}
        |
        |{"id": 2, "question": "ab cd ef"}
        |{"id": 3, "question": "too short"}
        |""".stripMargin
  ).resolve("quiz.jsonl")

  private val corpus = Seq(
    "a" -> "I wonder, wonder who -- who wrote the book of love? And more.",
    "b" -> "Nothing of interest here.",
    "c" -> "ab cd ef",
    "d" -> "They say the monotones wrote it once, ab cd. Ef",
    "e" -> "too short"
  )

  test("documents that share an n-gram are dropped with the item, sets are reported") {
    val Seq(documents, removed, cuts, report) = search(config(Seq(quiz)), corpus): @unchecked
    assert(documents == Seq(Row("b", corpus(1)._2), Row("e", "too short")) && cuts.isEmpty)
    assert(
      removed == Seq(
        Row("a", "contaminated", "quiz line 1: 3 n-grams, 0.600 of the item"),
        Row("c", "contaminated", "quiz line 3: 1 n-gram, 1.000 of the item"),
        Row("d", "contaminated", "quiz line 1: 2 n-grams, 0.400 of the item")
      )
    )
    assert(report == Seq(Row("quiz", 3L, 1L, 2L, 6L, 0L, 3L, 6L + 3 + 8)))
  }

  test("or cut, and documents of which nothing is left are removed") {
    val Seq(documents, removed, cuts, report) =
      search(config(Seq(quiz), action = CUT), corpus): @unchecked
    assert(
      documents == Seq(
        Row("a", "I wonder, wonder who --\n\nAnd more."),
        Row("b", corpus(1)._2),
        Row("d", "They say"),
        Row("e", "too short")
      )
    )
    assert(
      removed == Seq(Row("c", "nothing-left", "quiz line 3: 1 n-gram, 1.000 of the item"))
    )
    assert(
      cuts == Seq(
        Row("a", 1, 4, 6, 24, 27, "quiz line 1: 3 n-grams, 0.600 of the item"),
        Row("d", 1, 2, 8, 9, 38, "quiz line 1: 2 n-grams, 0.400 of the item")
      )
    )
    assert(report.head.getLong(6) == 3)
  }

  test("n-grams in more documents than max-documents are common phrases") {
    val texts = (1 to 4).map(i => s"d$i" -> s"ab cd ef, ab cd ef $i") :+
      ("x" -> "who wrote the book of love")
    for ((most, kept) <- Seq(0 -> 0, 3 -> 4, 4 -> 0)) {
      val Seq(documents, _, _, report) =
        search(config(Seq(quiz), most = most), texts): @unchecked
      assert(documents.size == kept, most)
      assert(report.head.getLong(5) == (if (kept > 0) 1 else 0))
    }
  }

  test("chosen fields alone, also what is inside them") {
    def dropped(fields: String*) = search(config(Seq(quiz), fields = fields), corpus)(1).size
    assert(dropped("question") == 3 && dropped("question", "choices") == 3)
    val lines = folder("one.jsonl" -> """{"q": "a b c d", "choices": [{"text": "e f g h"}]}""")
    val texts = Seq("1" -> "a b c d", "2" -> "e f g h")
    for ((field, id) <- Seq("q" -> "1", "choices" -> "2"))
      assert(
        search(config(Seq(lines), fields = Seq(field)), texts)(1).map(_.getString(0)) == Seq(id)
      )
  }

  test("files and folders, plain, gzip and zstd; sets by their names") {
    val sets = folder(
      "mmlu/test/law.jsonl" -> """{"q": "a b c d"}""",
      "mmlu/_notes" -> "left out",
      "arc.test.ndjson" -> "\uFEFF{\"q\": \"e f g h\"}\n"
    )
    val out = new ByteArrayOutputStream
    val gzip = new GZIPOutputStream(out)
    gzip.write("""{"q": "i j k l"}""".getBytes(UTF_8))
    gzip.close()
    Files.write(sets.resolve("mmlu/art.json.gz"), out.toByteArray)
    Files.write(
      sets.resolve("boolq.jsonl.zst"),
      Zstd.compress("""{"q": "m n o p"}""".getBytes(UTF_8))
    )
    val paths = Seq("mmlu", "arc.test.ndjson", "boolq.jsonl.zst").map(sets.resolve(_))
    val texts = Seq("a b c d", "e f g h", "i j k l", "m n o p").map(t => t.take(1) -> t)
    val removed = search(config(paths), texts)(1)
    assert(
      removed.map(r => r.getString(0) -> r.getString(2).takeWhile(_ != ' ')) ==
        Seq("a" -> "mmlu/test/law", "e" -> "arc.test", "i" -> "mmlu/art", "m" -> "boolq")
    )
  }

  test(
    "random corpora: who is removed, as by brute force; the same rows for 1, 2 and 7 partitions"
  ) {
    var removedDocuments = 0
    for (seed <- 1 to 6) {
      val random = new Random(seed)
      def text(most: Int) = Seq
        .fill(random.nextInt(most))(
          s"${if (random.nextBoolean()) "w" else "W"}${random.nextInt(6)}"
        )
        .mkString(" ")
      val items = Seq.fill(2)(Seq.fill(4)(text(9) + " x"))
      val sets = folder(items.zipWithIndex.map { case (set, i) =>
        s"s$i.jsonl" -> set.map(t => s"""{"t": "$t"}""").mkString("\n")
      }: _*)
      val texts = (1 to 40).map(i => s"d$i" -> text(60))
      val most = random.nextInt(4)
      val grams = items.flatten
        .map(words)
        .filter(_.size >= 3)
        .flatMap(_.sliding(4))
        .distinct
        .filter { gram =>
          val in = texts.count(t => words(t._2).containsSlice(gram))
          in > 0 && (most == 0 || in <= most)
        }
      val expected = texts.filter(t => grams.exists(g => words(t._2).containsSlice(g))).map(_._1)
      for (action <- Seq(DROP, CUT)) {
        val set = config(Seq(sets), most = most, action = action)
        val found = Seq(1, 2, 7).map(n => search(set, new Random(n).shuffle(texts), n))
        assert(found.distinct.size == 1)
        val Seq(documents, removed, cuts, _) = found.head: @unchecked
        val touched = removed.map(_.getString(0)) ++ cuts.map(_.getString(0)).distinct
        assert(touched.sorted == expected.sorted)
        assert(
          documents.map(_.getString(0)).toSet == texts.map(_._1).toSet -- removed.map(
            _.getString(0)
          )
        )
        for (Row(id: String, left: String) <- documents) {
          assert(!grams.exists(g => words(left).containsSlice(g)))
          val cutWords = cuts.filter(_.getString(0) == id).map(_.getInt(3)).sum
          assert(words(left).size + cutWords == words(texts.toMap.apply(id)).size)
        }
        removedDocuments += removed.size
      }
    }
    assert(removedDocuments > 50)
  }

  test("a set that cannot be read is refused in one line with file and line") {
    def message(path: Path, fields: String*) =
      intercept[CorpusException](index(config(Seq(path), fields = fields))).getMessage
    val bad = folder(
      "no-json.jsonl" -> "{\"q\": \"a b c\"}\n{\"q\": \n",
      "no-object.jsonl" -> "{\"q\": \"a\"}\n\n[1, 2]\n",
      "no-text.jsonl" -> "{\"q\": \"a\", \"n\": 1}\n{\"n\": 1, \"m\": [2]}\n",
      "empty.jsonl" -> "\n\n",
      "readme.md" -> "# Sets",
      "empty/.hidden" -> "x",
      "twice/a.jsonl" -> "{\"q\": \"a\"}",
      "twice/a.ndjson" -> "{\"q\": \"a\"}"
    )
    def at(name: String) = bad.resolve(name)
    def uri(name: String) = s"file:${at(name)}"
    Files.write(at("latin.jsonl"), Array[Byte]('{', '"', -28, '"', '}'))
    Files.write(at("cut.jsonl.gz"), Array[Byte](31, -117, 8, 0))
    assert(message(at("none.jsonl")) == s"decontamination.sets: ${at("none.jsonl")} is not there.")
    assert(
      message(at("no-json.jsonl")).startsWith(
        s"${uri("no-json.jsonl")}, line 2: not JSON: Unexpected end-of-input"
      )
    )
    assert(message(at("no-object.jsonl")) == s"${uri("no-object.jsonl")}, line 3: no JSON object.")
    assert(
      message(at("no-text.jsonl")) ==
        s"${uri("no-text.jsonl")}, line 2: no text in any field; its fields are n, m. Set decontamination.fields."
    )
    assert(
      message(at("no-text.jsonl"), "m", "x") ==
        s"${uri("no-text.jsonl")}, line 1: no text in m, x; its fields are q, n. Set decontamination.fields."
    )
    assert(message(at("empty.jsonl")) == s"${uri("empty.jsonl")} holds no evaluation item.")
    assert(message(at("latin.jsonl")) == s"${uri("latin.jsonl")}, line 1: invalid UTF-8.")
    assert(
      message(at("cut.jsonl.gz")).startsWith(
        s"${uri("cut.jsonl.gz")}, line 1: gzip stream is damaged or cut off"
      )
    )
    assert(
      message(at("readme.md")) ==
        s"decontamination.sets: ${uri("readme.md")} is no file of JSON lines (.jsonl, .ndjson or .json, also with .gz or .zst)."
    )
    assert(
      message(at("empty")) ==
        s"decontamination.sets: ${at("empty")} holds no file (names that begin with . or _ are left out)."
    )
    val twice = message(at("twice"))
    assert(twice.contains("a.jsonl") && twice.contains("a.ndjson"))
    assert(twice.endsWith("are both the set twice/a. Put them into folders and name these."))
  }
}
