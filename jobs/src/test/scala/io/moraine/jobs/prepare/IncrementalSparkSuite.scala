package io.moraine.jobs.prepare

import io.moraine.jobs.config.{ConfigException, DedupSettings, SettingsFile}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.document.CorpusException
import io.moraine.pipeline.text.Shingles
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import org.apache.spark.sql.Row
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.math.Ordering.Implicits._
import scala.util.Random

/** Several runs with one index. */
class IncrementalSparkSuite extends AnyFunSuite with SharedSparkSession {

  private case class Doc(id: String, url: String, text: String, increment: Int) {
    def priority: (Int, Int, String) = (increment, -text.length, id)
  }

  private def settingsWith(options: (String, Any)*): DedupSettings = {
    val values = options.map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
    DedupSettings.of(SettingsFile.read("dedup.conf", Optional.empty(), values))
  }

  private def dedup(
      input: Path,
      index: Path,
      output: Path = Scratch.folder().resolve("unique"),
      settings: DedupSettings = settingsWith()
  ): Path = {
    val paths =
      new DatasetPaths(JList.of(input.toString), output.toString, Optional.of(index.toString))
    new DedupJob(spark, settings, Scratch.silent).run(paths, 2)
    output
  }

  private def rows(output: Path, table: String): Seq[Row] =
    spark.read.parquet(output.resolve(table).toString).collect().toSeq

  private def ids(output: Path): Set[String] = rows(output, "documents").map(_.getString(0)).toSet

  private def written(docs: Seq[Doc]): Path = {
    val folder = Scratch.folder()
    val lines = docs.map(d => s"""{"id":"${d.id}","url":"${d.url}","text":"${d.text}"}""")
    Files.write(folder.resolve("part.jsonl"), lines.asJava)
    folder
  }

  /** Families of revisions that are similar above 0.85, and strangers; every fifth has a URL. */
  private def corpus(documents: Int, increments: Int): Seq[Doc] = {
    val random = new Random(7)
    val families = Seq.fill(documents / 5)(Seq.fill(80)(s"w${random.nextInt(5000)}"))
    (0 until documents).map { i =>
      val words = families(random.nextInt(families.size))
      val text = random.nextInt(3) match {
        case 0 => words
        case 1 => words ++ Seq.fill(1 + random.nextInt(6))(s"end${random.nextInt(50)}")
        case 2 => words.drop(random.nextInt(4))
      }
      val url = if (i % 5 == 0) s"http://site.org/${random.nextInt(documents / 10)}" else ""
      Doc(f"d${random.nextInt(100000)}%05d-$i", url, text.mkString(" "), random.nextInt(increments))
    }
  }

  /** What one run over everything keeps, one document after another by priority. */
  private def keptAtOnce(docs: Seq[Doc]): Set[String] = {
    val pages =
      docs.groupBy(d => if (d.url.isEmpty) d.id else d.url).values.map(_.minBy(_.priority)).toSeq
    val distinct = pages.groupBy(_.text).values.map(_.minBy(_.priority)).toSeq
    val sets = distinct.map(d => d.id -> Shingles.of(d.text, 5)).toMap
    distinct
      .sortBy(_.priority)
      .foldLeft(Seq.empty[Doc]) { (kept, d) =>
        if (kept.exists(k => Shingles.jaccard(sets(k.id), sets(d.id)) >= 0.7)) kept else kept :+ d
      }
      .map(_.id)
      .toSet
  }

  test("ten increments keep exactly the documents that one run with the same priority keeps") {
    val docs = corpus(300, 10)
    val index = Scratch.folder().resolve("seen")
    var published = Map.empty[String, Doc]
    var superseded = 0
    for (increment <- 0 until 10) {
      val now = docs.filter(_.increment == increment)
      val output = dedup(written(now), index, settings = settingsWith("url.enabled" -> true))
      published ++= now.filter(d => ids(output)(d.id)).map(d => d.id -> d)
      val removed = rows(output, "removed")
      assert(removed.map(_.getString(0)).toSet ++ ids(output) == now.map(_.id).toSet)
      assert(removed.forall(row => published.contains(row.getAs[String]("kept_id"))))
      if (increment > 0) for (row <- rows(output, "superseded")) {
        val (old, better) = (published(row.getString(0)), row.getAs[String]("better_id"))
        val copy = now.find(_.id == better).get
        assert(copy.copy(increment = 0).priority < old.copy(increment = 0).priority)
        superseded += 1
      }
    }
    assert(published.keySet == keptAtOnce(docs))
    assert(published.size < 200 && superseded > 5)
    val features = rows(index, "features")
    assert(features.map(_.getString(0)).toSet == published.keySet)
    for (row <- features)
      assert(row.getAs[Int]("increment") == published(row.getString(0)).increment)
  }

  test("a run repeated is no duplicate of itself: the same documents, the same index") {
    val docs = corpus(300, 10)
    val index = Scratch.folder().resolve("seen")
    val inputs = (0 until 2).map(i => written(docs.filter(_.increment == i)))
    val first = inputs.map(dedup(_, index))
    val manifest = Files.readString(index.resolve("index.json"))
    val again = inputs.map(dedup(_, index))
    assert(first.map(ids) == again.map(ids) && first.map(ids).forall(_.nonEmpty))
    assert(Files.readString(index.resolve("index.json")) == manifest)
  }

  test("what was published is not replaced by a run with other settings") {
    val input = written(corpus(20, 1))
    val index = Scratch.folder().resolve("seen")
    val output = dedup(input, index)
    val published = ids(output)
    val other = settingsWith("near.threshold" -> 0.8)
    val error = intercept[ConfigException](dedup(input, index, output, other))
    assert(error.getMessage.startsWith(s"--output $output is there already"))
    assert(ids(output) == published && published.nonEmpty)
  }

  test("an index in the folder that the run replaces is refused before anything is written") {
    val output = Scratch.folder().resolve("unique")
    val input = written(corpus(20, 1))
    for (index <- Seq(output, output.resolve("index"), output.resolve("a/../index/b"))) {
      val error = intercept[ConfigException](dedup(input, index, output))
      assert(
        error.getMessage == s"--index $index must not be in --output $output, " +
          "which is replaced as a whole. Name another folder."
      )
    }
    assert(Files.list(output.getParent).count == 0)
  }

  test("an id that an earlier increment has gets a suffix, and nothing new is no failure") {
    val docs = corpus(20, 1).take(3)
    val index = Scratch.folder().resolve("seen")
    val first = ids(dedup(written(docs), index))
    val other = docs.map(d => d.copy(text = d.text.reverse))
    val second = ids(dedup(written(other), index))
    assert(
      second.size == first.size && second.forall(id =>
        docs.exists(d => id.matches(s"${d.id}~[0-9a-f]{16}"))
      )
    )
    assert(ids(dedup(written(docs.take(2)), index)).isEmpty)
  }

  test(
    "a dataset's own index is one to go on with; foreign folders and other shingles are refused"
  ) {
    val docs = corpus(40, 2)
    val output = Scratch.folder().resolve("unique")
    new DedupJob(spark, settingsWith(), Scratch.silent).run(
      new DatasetPaths(JList.of(written(docs.filter(_.increment == 0)).toString), output.toString),
      2
    )
    val index = output.resolve("index")
    val second = dedup(written(docs.filter(_.increment == 1)), index)
    val plain = docs.map(_.copy(url = ""))
    assert(ids(output) ++ ids(second) == keptAtOnce(plain))
    def error(index: Path, options: (String, Any)*): String = intercept[ConfigException](
      dedup(written(docs.take(1)), index, settings = settingsWith(options: _*))
    ).getMessage
    assert(
      error(index, "near.shingle-words" -> 3) ==
        s"near.shingle-words must be that of the index $index, 5, got 3."
    )
    val replaced = intercept[ConfigException](
      new DedupJob(spark, settingsWith(), Scratch.silent)
        .run(new DatasetPaths(JList.of(written(docs).toString), output.toString), 2)
    )
    assert(replaced.getMessage.contains("has an index that later runs extended with --index"))
    assert(error(output).contains("exists and is no index (no index.json)"))
    val newer = Scratch.folder()
    Files.writeString(
      newer.resolve("index.json"),
      """{"format_version": 9, "shingle_words": 5, "increments": []}"""
    )
    val unreadable = intercept[CorpusException](dedup(written(docs.take(1)), newer)).getMessage
    assert(unreadable.contains("has format version 9, this program reads 1. Begin a new index."))
    assert(
      error(index, "near.survivors" -> "closure").startsWith(
        "near.survivors must be verified with --index, got closure"
      )
    )
  }

  test("an index whose manifest is gone is refused, not begun anew beside its increments") {
    val docs = corpus(30, 1)
    val index = Scratch.folder().resolve("seen")
    val first = dedup(written(docs), index)
    val manifest = index.resolve("index.json")
    val kept = Files.readString(manifest)
    Files.delete(manifest)
    val refused =
      intercept[CorpusException](dedup(written(docs.map(d => d.copy(id = d.id + "-late"))), index))
    assert(
      refused.getMessage ==
        s"the index file:$index has increments and no index.json, which says which of them count. Put that file back, or begin a new index from the datasets it was made of."
    )
    Files.writeString(manifest, kept)
    val late = dedup(written(docs.map(d => d.copy(id = d.id + "-late"))), index)
    assert(ids(first).nonEmpty && ids(late).isEmpty)
  }
}
