package io.moraine.pipeline.spark

import com.github.luben.zstd.Zstd
import io.moraine.pipeline.document.{CorpusException, ReadConfig}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.{List => JList}
import org.apache.hadoop.conf.Configuration
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class CorpusReaderSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val config = new ReadConfig("text", "id", "source", "url", 1 << 16)

  private def read(folder: Path, tasks: Int, splitBytes: Long): Seq[Row] =
    CorpusReader.read(spark, JList.of(folder.toString), config, tasks, splitBytes).collect().toSeq

  private lazy val folder: Path = {
    val folder = Files.createTempDirectory("corpus")
    val lines = (0 until 300).map { i =>
      if (i % 50 == 7) "no json äöü"
      else s"""{"text":"${"ü€😀 text " * (i % 7)}$i","url":"http://x/$i","k":$i}"""
    }
    Files.writeString(folder.resolve("a.jsonl"), lines.take(150).mkString("\n"))
    Files.writeString(folder.resolve("b.jsonl"), lines.drop(150).mkString("", "\r\n", "\r\n"))
    Files.write(folder.resolve("c.jsonl.zst"), Zstd.compress(lines.mkString("\n").getBytes(UTF_8)))
    (0 until 20).foreach(i => Files.writeString(folder.resolve(s"t$i.txt"), s"text $i"))
    folder
  }

  test("the same rows in the same order for ranges of any size and any number of tasks") {
    val whole = read(folder, 3, Long.MaxValue)
    assert(whole.size == 300 * 2 + 20)
    assert(whole.count(!_.isNullAt(7)) == 12)
    for (splitBytes <- Seq(10L, 64L, 1000L, 4096L); tasks <- Seq(1, 3, 16))
      assert(read(folder, tasks, splitBytes) == whole, s"$splitBytes bytes, $tasks tasks")
  }

  /** Documents and what cannot be read. */
  private def parts(rows: Seq[Row]): Seq[Row] = rows.filter(_.isNullAt(9))

  private def passedOver(rows: Seq[Row]): Map[(String, String), Long] = rows
    .filterNot(_.isNullAt(9))
    .groupMapReduce(r => (r.getAs[String]("file"), r.getString(9)))(_.getLong(10))(_ + _)

  test("what is passed over adds up to the same for ranges of any size and any number of tasks") {
    import spark.implicits._
    val folder = Files.createTempDirectory("corpus")
    val lines = (0 until 100).map(i => if (i % 10 == 3) "" else s"{\"text\":\"text $i\"}")
    Files.writeString(folder.resolve("a.jsonl"), lines.mkString("", "\n", "\n"))
    Files.write(folder.resolve("b.jsonl.zst"), Zstd.compress(lines.mkString("\n").getBytes(UTF_8)))
    Files.writeString(folder.resolve("c.txt"), "\n\ntext\n\n")
    val table = Files.createDirectories(folder.resolve("table"))
    for ((name, rows) <- Seq("none" -> Seq.empty[String], "two" -> Seq("x", "y"))) {
      val part = Files.list(parquet(rows.toDF("text"))).iterator.asScala
      Files.copy(part.find(_.toString.endsWith(".parquet")).get, table.resolve(s"$name.parquet"))
    }
    Files.createFile(table.resolve("_SUCCESS"))
    Files.writeString(folder.resolve(".hidden.jsonl"), lines.mkString("\n"))
    Files.createDirectories(folder.resolve("_temporary/0"))
    Files.createFile(folder.resolve("_temporary/0/x.jsonl"))
    val expected = Map(
      ("a.jsonl", "blank-line") -> 10L,
      ("b.jsonl.zst", "blank-line") -> 10L,
      ("table/none.parquet", "parquet-without-rows") -> 1L,
      ("", "hidden-name") -> 3L
    )
    for (splitBytes <- Seq(7L, 100L, Long.MaxValue); tasks <- Seq(1, 3, 16)) {
      val rows = read(folder, tasks, splitBytes)
      assert(passedOver(rows) == expected, s"$splitBytes bytes, $tasks tasks")
      val others = parts(rows)
      assert(others.size == 90 * 2 + 1 + 2 && others.forall(r => r.isNullAt(7) && r.isNullAt(10)))
    }
    val both = JList.of(folder.toString, table.toString)
    assert(
      passedOver(CorpusReader.read(spark, both, config, 2).collect().toSeq) ==
        expected.map { case ((file, reason), count) =>
          val root = folder.getFileName.toString
          ((if (file.isEmpty) root else s"$root/$file", reason), count)
        } ++ Map(
          ("table", "hidden-name") -> 1L,
          ("table/none.parquet", "parquet-without-rows") -> 1L
        )
    )
  }

  test("a Parquet file whose own name is hidden is refused: Spark would pass over its rows") {
    import spark.implicits._
    val folder = Files.createTempDirectory("corpus")
    val part = Files.list(parquet(Seq("x", "y").toDF("text"))).iterator.asScala
    val table = part.find(_.toString.endsWith(".parquet")).get
    for (name <- Seq("a.parquet", "_b.parquet")) Files.copy(table, folder.resolve(name))
    def rows(names: String*): Int = {
      val inputs = names.map(folder.resolve(_).toString).asJava
      CorpusReader.read(spark, inputs, config, 2).where("text is not null").count().toInt
    }
    assert(rows("a.parquet") == 2)
    for (names <- Seq(Seq("_b.parquet"), Seq("a.parquet", "_b.parquet")))
      assert(
        intercept[CorpusException](rows(names: _*)).getMessage ==
          s"--input $folder/_b.parquet: Spark passes over Parquet files whose names begin with " +
          ". or _. Give it another name."
      )
  }

  test("large files of lines are cut into ranges, others are not; small files share tasks") {
    val files = InputFiles.list(new Configuration(), JList.of(folder.toString)).files.asScala.toSeq
    val ranges = files.flatMap(_.split(1000).asScala)
    for (file <- files) {
      val own = ranges.filter(_.name == file.name)
      val splittable = file.name.endsWith(".jsonl")
      assert(own.map(_.lengthBytes).sum == file.lengthBytes)
      assert(own.size == (if (splittable) (file.lengthBytes + 999) / 1000 else 1))
      assert(own.forall(_.isWhole != splittable))
    }
    assert(InputFiles.pack(ranges.asJava, 4).size == 4)
  }

  test("inputs of one name keep apart with their parents' names, a path named twice is refused") {
    val root = Files.createTempDirectory("corpus")
    val days = Seq("day-1", "day-2", "day-3").map(root.resolve(_).resolve("data"))
    for (day <- days) {
      Files.createDirectories(day)
      Files.writeString(day.resolve("a.jsonl"), s"""{"text":"of $day"}""")
    }
    def files(inputs: Path*): Seq[String] =
      InputFiles
        .list(new Configuration(), inputs.map(_.toString).asJava)
        .files
        .asScala
        .map(_.name)
        .toSeq
    val names = Seq("day-1/data/a.jsonl", "day-2/data/a.jsonl", "day-3/data/a.jsonl")
    assert(files(days: _*) == names && files(days.reverse: _*) == names)
    assert(files(days.map(_.resolve("a.jsonl")): _*) == names)
    assert(
      files(days.head) == Seq("a.jsonl") && files(days.head.resolve("a.jsonl")) == Seq("a.jsonl")
    )
    assert(files(days(0), days(1).getParent) == Seq("data/a.jsonl", "day-2/data/a.jsonl"))
    val rows = CorpusReader.read(spark, days.map(_.toString).asJava, config, 2).collect()
    assert(rows.map(_.getAs[String]("id")).distinct.length == 3)
    val error = intercept[CorpusException](files(days(0), days(1), root.resolve("day-1/./data")))
    assert(error.getMessage == s"--input names ${days(0)} twice.")
  }

  test("as many bytes as there are in the world are packed into tasks") {
    val files = (0 until 100).map(i => new InputFile(s"/$i", s"$i", 1L << 55, 0L))
    val groups = InputFiles.pack(files.asJava, 10000)
    assert(groups.asScala.flatMap(_.asScala) == files && groups.size == 100)
    assert(InputFiles.pack(files.asJava, 10).asScala.map(_.size) == Seq.fill(10)(10))
  }

  test("rows of Parquet: an empty id or source is none, a text that is too large is unreadable") {
    import spark.implicits._
    val folder = Files.createTempDirectory("corpus")
    val large = "\u00e4" * (1 << 15) // 1 << 16 bytes
    Seq(("", "", "a"), ("", "s", "b"), ("i", "s", large), ("j", "s", large + "x"))
      .toDF("id", "source", "text")
      .coalesce(1)
      .write
      .parquet(folder.resolve("p").toString)
    val rows = parts(read(folder, 2, Long.MaxValue))
    val ids = rows.map(_.getAs[String]("id"))
    assert(ids.take(2).forall(_.matches("[0-9a-f]{32}")) && ids(0) != ids(1))
    assert(ids.drop(2) == Seq("i", null))
    assert(rows.map(_.getAs[String]("source")) == Seq("p", "s", "s", null))
    assert(
      rows(3).getAs[String]("error") == "65537 bytes, more than max-document-bytes = 65536" &&
        rows(3).getAs[Long]("offset") == 3 && rows(3).getAs[String]("raw") == "\u00e4" * 512
    )
  }

  test("url and metadata of lines and of Parquet rows are carried") {
    import spark.implicits._
    val folder = Files.createTempDirectory("corpus")
    Files.writeString(
      folder.resolve("a.jsonl"),
      """{"id":"1","text":"a","url":"http://a/","lang":"de","n":{"x":[1]}}""" + "\n" +
        """{"id":"2","text":"b"}"""
    )
    Seq(("3", "c", Option("http://c/"), Option(5)), ("4", "d", None, None))
      .toDF("id", "text", "url", "my.n")
      .coalesce(1)
      .write
      .parquet(folder.resolve("p").toString)
    val rows = parts(read(folder, 2, Long.MaxValue)).map(r =>
      (r.getAs[String]("id"), r.getAs[String]("url"), r.getAs[String]("metadata"))
    )
    assert(
      rows.sortBy(_._1) == Seq(
        ("1", "http://a/", """{"lang":"de","n":{"x":[1]}}"""),
        ("2", "", ""),
        ("3", "http://c/", """{"my.n":5}"""),
        ("4", "", "")
      )
    )
  }

  test(
    "Parquet files of one schema are one scan, rows know their file; a damaged file is one part"
  ) {
    import spark.implicits._
    val folder = Files.createTempDirectory("corpus")
    def write(name: String, rows: org.apache.spark.sql.DataFrame): Unit = {
      val written = Files.createTempDirectory("parquet").resolve("p")
      rows.coalesce(1).write.parquet(written.toString)
      val part = Files.list(written).iterator().asScala.find(_.toString.endsWith(".parquet")).get
      Files.copy(part, folder.resolve(name))
    }
    for (i <- 1 to 5) write(s"a $i%41[1]{x}*?.parquet", Seq(s"text $i", s"more $i").toDF("text"))
    write("b.parquet", Seq(("own", "with an id")).toDF("id", "text"))
    Files.write(folder.resolve("c.parquet"), Array[Byte](1, 2, 3))
    val parts = CorpusReader.read(spark, JList.of(folder.toString), config, 2)
    val rows = parts.collect().toSeq
    val found =
      rows.map(r => (r.getAs[String]("file"), r.getAs[Long]("offset"), r.getAs[String]("text")))
    val expected = (1 to 5).flatMap(i =>
      Seq(
        (s"a $i%41[1]{x}*?.parquet", 0L, s"text $i"),
        (s"a $i%41[1]{x}*?.parquet", 1L, s"more $i")
      )
    ) ++ Seq(("b.parquet", 0L, "with an id"), ("c.parquet", 0L, null))
    assert(
      found.sorted(
        Ordering.by[(String, Long, String), (String, Long)](f => (f._1, f._2))
      ) == expected
    )
    assert(rows.count(!_.isNullAt(7)) == 1)
    val scans = "FileScan parquet".r.findAllIn(parts.queryExecution.executedPlan.toString).size
    assert(scans == 2, parts.queryExecution.executedPlan)
  }

  private def parquet(rows: org.apache.spark.sql.DataFrame): java.nio.file.Path = {
    val folder = Files.createTempDirectory("corpus").resolve("p")
    rows.coalesce(1).write.parquet(folder.toString)
    folder
  }

  test("Parquet columns that Spark refuses make their rows unreadable, in a line that says why") {
    import spark.implicits._
    val cases = withCaseSensitive(Seq(("a", 1, 2), ("b", 3, 4)).toDF("text", "n", "N"))
    val own = parquet(Seq(("a", 1)).toDF("text", "_metadata"))
    val empty = parquet(Seq(("a", 1)).toDF("text", "_metadata").limit(0))
    for (
      (folder, rows, error) <- Seq(
        (cases, 2, "columns n and N differ in case alone"),
        (own, 1, "a column has the name _metadata, which is Spark's own"),
        (empty, 1, "a column has the name _metadata, which is Spark's own")
      )
    ) {
      val found = CorpusReader.read(spark, JList.of(folder.toString), config, 1).collect()
      assert(parts(found.toSeq).map(_.getAs[String]("error")) == Seq.fill(rows)(error))
    }
  }

  private def withCaseSensitive(rows: => org.apache.spark.sql.DataFrame) = {
    spark.conf.set("spark.sql.caseSensitive", true)
    try parquet(rows)
    finally spark.conf.unset("spark.sql.caseSensitive")
  }

  test("a Parquet text that is no text is refused, an id that is no name stays with the metadata") {
    import spark.implicits._
    val struct = parquet(Seq(("a", 1)).toDF("x", "y").selectExpr("struct(x, y) as text"))
    val refused = intercept[io.moraine.pipeline.document.CorpusException](
      CorpusReader.read(spark, JList.of(struct.toString), config, 1)
    )
    assert(
      refused.getMessage.endsWith("must be text, is struct<x:string,y:int>. Set read.text-field.")
    )
    val ids = parquet(Seq(("a", 1.5, 7)).toDF("text", "id", "source"))
    val row = CorpusReader.read(spark, JList.of(ids.toString), config, 1).head()
    assert(row.getAs[String]("metadata") == "{\"id\":1.5}" && row.getAs[String]("source") == "7")
  }
}
