package io.moraine.jobs.prepare

import io.moraine.jobs.config.{DedupSettings, SettingsFile}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.document.DocumentReader
import io.moraine.pipeline.text.Shingles
import java.nio.file.{Files, Path}
import java.util.{List => JList, Map => JMap, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Using

/** dedup on real source code, every pair of it compared: on the small part of the demo's corpus, or
  * on the folder that the system property moraine.corpus names.
  */
class DemoCorpusReferenceSuite extends AnyFunSuite with SharedSparkSession {

  private val threshold = 0.7

  private lazy val corpus: Path = Option(System.getProperty("moraine.corpus"))
    .map(Path.of(_))
    .getOrElse {
      val root = Path.of(System.getProperty("moraine.root", ".."))
      val folder = root.resolve("jobs/target/demo-corpus-dedup").toAbsolutePath
      val maven = new ProcessBuilder(
        "mvn",
        "-B",
        "-q",
        "-f",
        root.resolve("conf/demo-corpus/pom.xml").toString,
        "generate-resources",
        s"-Dcorpus=$folder",
        "-Preduced"
      ).inheritIO().start()
      assert(maven.waitFor() == 0, "Maven could not fetch the demo's corpus")
      folder
    }

  private def shinglesById(): Map[String, Array[Long]] = Using.resource(Files.walk(corpus)) {
    files =>
      files
        .iterator()
        .asScala
        .filter(f => Files.isRegularFile(f) && !corpus.relativize(f).toString.startsWith("."))
        .map { f =>
          val id = DocumentReader.idOf(corpus.relativize(f).toString, 0)
          id -> Shingles.of(Files.readString(f), 5)
        }
        .toMap
  }

  test("every reported pair is as similar as brute force says, and no duplicates are both kept") {
    val settings =
      DedupSettings.of(SettingsFile.read("dedup.conf", Optional.empty(), JMap.of()))
    val output = Scratch.folder().resolve("unique")
    new DedupJob(spark, settings, Scratch.silent)
      .run(new DatasetPaths(JList.of(corpus.toString), output.toString), 4)
    val sets = shinglesById()
    val kept =
      spark.read
        .parquet(output.resolve("documents").toString)
        .select("id")
        .collect()
        .map(_.getString(0))
    val removed = spark.read.parquet(output.resolve("removed").toString).collect()
    assert(kept.length + removed.length == sets.size && removed.length > 50)
    for (row <- removed) {
      val (id, keptId) = (row.getAs[String]("id"), row.getAs[String]("kept_id"))
      val similarity = Shingles.jaccard(sets(id), sets(keptId))
      assert(kept.contains(keptId) && similarity == row.getAs[Double]("similarity"), id)
      assert(similarity >= threshold, id)
    }
    val duplicates = for {
      i <- kept.indices
      j <- 0 until i
      if Shingles.jaccard(sets(kept(i)), sets(kept(j))) >= threshold
    } yield (kept(i), kept(j))
    info(s"${sets.size} documents, ${removed.length} removed, ${duplicates.size} pairs missed")
    assert(duplicates.size <= removed.length / 1000, duplicates)
  }
}
