package io.moraine.jobs.prepare

import io.moraine.jobs.config.{PrepareSettings, SettingsFile}
import io.moraine.jobs.progress.Progress
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.io.{OutputStream, PrintStream}
import java.nio.file.attribute.FileTime
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Using

/** Jobs that are interrupted when a stage begins, and started again. */
class ResumeSparkSuite extends AnyFunSuite with SharedSparkSession {

  private class Interrupted extends RuntimeException

  private def interruptedAt(stage: String): Progress = new Progress(
    new PrintStream(OutputStream.nullOutputStream()) {
      override def println(line: String): Unit = if (line == s"$stage ...") throw new Interrupted
    },
    false,
    () => 0L
  )

  private def prepare(input: Path, output: Path, progress: Progress, length: Int = 32): Unit = {
    val options = Map[String, Object](
      "tokenizer.vocabulary-size" -> Int.box(400),
      "sequences.length" -> Int.box(length),
      "substring.enabled" -> Boolean.box(true),
      "substring.min-words" -> Int.box(20)
    )
    val settings =
      PrepareSettings.of(SettingsFile.read("prepare.conf", Optional.empty(), options.asJava))
    new PrepareJob(spark, settings, progress)
      .run(new DatasetPaths(JList.of(input.toString), output.toString), Optional.empty(), 2)
  }

  private def readable(value: Any): Any = value match {
    case bytes: Array[Byte] => bytes.toSeq
    case other              => other
  }

  private def input(): Path = {
    val folder = Scratch.folder()
    Scratch.writeJsonLines(folder.resolve("corpus.jsonl"), Scratch.corpus(60))
    folder
  }

  private def finished(output: Path): Map[String, FileTime] = {
    Using.resource(Files.list(Scratch.left(output).resolve("_work"))) { stages =>
      stages
        .iterator()
        .asScala
        .map(_.resolve("_SUCCESS"))
        .filter(Files.exists(_))
        .map(mark => mark.getParent.getFileName.toString -> Files.getLastModifiedTime(mark))
        .toMap
    }
  }

  test("a job interrupted in every stage redoes no finished one and ends with the same dataset") {
    val corpus = input()
    val undisturbed = Scratch.folder().resolve("data")
    prepare(corpus, undisturbed, Scratch.silent)
    val output = Scratch.folder().resolve("data")
    val stages = Seq("quality", "exact", "near", "substring", "tokenizer", "pack held-out")
    val marks = stages.map { stage =>
      intercept[Interrupted](prepare(corpus, output, interruptedAt(stage)))
      assert(!Files.exists(output))
      finished(output)
    }
    for (Seq(before, after) <- marks.sliding(2)) {
      assert(before.toSet.subsetOf(after.toSet) && after.size > before.size)
    }
    prepare(corpus, output, Scratch.silent)
    for (file <- Seq("manifest.json", "tokenizer/tokenizer.json", "index/index.json"))
      assert(Files.readString(output.resolve(file)) == Files.readString(undisturbed.resolve(file)))
    for (table <- Seq("documents", "removed", "cuts", "sequences", "heldout", "index/features")) {
      val rows = Seq(output, undisturbed).map { folder =>
        spark.read
          .parquet(folder.resolve(table).toString)
          .collect()
          .toSeq
          .map(_.toSeq.map(readable).toString)
          .sorted
      }
      assert(rows(0) == rows(1), table)
    }
  }

  private def train(input: Path, output: Path, progress: Progress, special: String = "<|pad|>") = {
    val options = Map[String, Object](
      "tokenizer.vocabulary-size" -> Int.box(400),
      "tokenizer.special-tokens" -> JList.of("<|endoftext|>", special),
      "held-out.fraction" -> Double.box(0.2)
    )
    val settings =
      PrepareSettings.of(SettingsFile.read("prepare.conf", Optional.empty(), options.asJava))
    new TokenizerJob(spark, settings, progress).run(JList.of(input.toString), output.toString, 2)
  }

  test("tokenizer train interrupted in every stage counts once and learns the same tokenizer") {
    val corpus = input()
    val undisturbed = Scratch.folder().resolve("tokenizer")
    train(corpus, undisturbed, Scratch.silent)
    val output = Scratch.folder().resolve("tokenizer")
    val marks = Seq("pieces", "tokenizer", "measure").map { stage =>
      intercept[Interrupted](train(corpus, output, interruptedAt(stage)))
      assert(!Files.exists(output))
      finished(output)
    }
    assert(marks(0).contains("parts") && !marks(0).contains("pieces"))
    assert(marks(1) - "pieces" == marks(0) && marks(1).contains("pieces") && marks(2) == marks(1))
    train(corpus, output, Scratch.silent)
    for (file <- Seq("manifest.json", "tokenizer.json"))
      assert(Files.readString(output.resolve(file)) == Files.readString(undisturbed.resolve(file)))
    val other = Scratch.folder().resolve("tokenizer")
    intercept[Interrupted](train(corpus, other, interruptedAt("tokenizer")))
    val first = finished(other)
    intercept[Interrupted](train(corpus, other, interruptedAt("tokenizer"), "<|other|>"))
    assert(finished(other)("pieces") != first("pieces"))
  }

  test("other settings and a changed input begin anew") {
    val corpus = input()
    val output = Scratch.folder().resolve("data")
    def read(length: Int): FileTime = {
      intercept[Interrupted](prepare(corpus, output, interruptedAt("quality"), length))
      finished(output)("parts")
    }
    val first = read(32)
    assert(read(32) == first)
    val second = read(16)
    assert(second != first)
    Files.setLastModifiedTime(corpus.resolve("corpus.jsonl"), FileTime.fromMillis(1000))
    assert(read(16) != second)
  }
}
