package io.moraine.jobs

import io.moraine.jobs.progress.Progress
import java.io.PrintStream
import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._
import scala.util.{Random, Using}

/** Small inputs for the jobs' suites. */
object Scratch {

  def folder(): Path = Files.createTempDirectory("moraine-jobs")

  def silent: Progress =
    new Progress(new PrintStream(java.io.OutputStream.nullOutputStream()), false, () => 0L)

  /** What a command that failed left of a folder that it was writing. */
  def left(output: Path): Path = {
    val lease = output.resolveSibling(s".${output.getFileName}.lease")
    Using.resource(Files.list(lease)) {
      _.iterator.asScala.map(_.resolve("staging")).filter(Files.exists(_)).toSeq match {
        case Seq(one) => one
      }
    }
  }

  /** Documents of simple sentences, some of them copies and near copies of others. */
  def corpus(documents: Int): Seq[(String, String)] = {
    val random = new Random(1)
    val words = (1 to 300).map(i => s"word$i")
    val originals = (0 until documents).map { i =>
      f"doc-$i%04d" -> Seq
        .fill(60 + random.nextInt(60))(words(random.nextInt(words.size)))
        .mkString(" ")
    }
    val exact = originals.take(documents / 10).map { case (id, text) => (id + "-copy", text) }
    val near = originals.slice(documents / 10, documents / 5).map { case (id, text) =>
      (id + "-near", text + " and a short new end")
    }
    originals ++ exact ++ near
  }

  def writeJsonLines(
      file: Path,
      documents: Seq[(String, String)],
      source: String => String = _ => "made"
  ): Unit = {
    val lines = documents.map { case (id, text) =>
      s"""{"id":"$id","text":"$text","source":"${source(id)}"}"""
    }
    Files.write(file, lines.asJava)
  }
}
