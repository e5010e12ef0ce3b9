package io.moraine.pipeline.spark

import com.github.luben.zstd.Zstd
import io.moraine.pipeline.document.ReadConfig
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

  test("large files of lines are cut into ranges, others are not; small files share tasks") {
    val files = InputFiles.list(new Configuration(), JList.of(folder.toString)).asScala.toSeq
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
    val rows = read(folder, 2, Long.MaxValue).map(r =>
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
    for (i <- 1 to 5) write(s"a $i%41.parquet", Seq(s"text $i", s"more $i").toDF("text"))
    write("b.parquet", Seq(("own", "with an id")).toDF("id", "text"))
    Files.write(folder.resolve("c.parquet"), Array[Byte](1, 2, 3))
    val parts = CorpusReader.read(spark, JList.of(folder.toString), config, 2)
    val rows = parts.collect().toSeq
    val found =
      rows.map(r => (r.getAs[String]("file"), r.getAs[Long]("offset"), r.getAs[String]("text")))
    val expected = (1 to 5).flatMap(i =>
      Seq((s"a $i%41.parquet", 0L, s"text $i"), (s"a $i%41.parquet", 1L, s"more $i"))
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
}
