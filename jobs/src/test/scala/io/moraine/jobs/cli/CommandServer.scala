package io.moraine.jobs.cli

import java.nio.file.{Files, Path}

import scala.io.Source
import scala.util.Using

/** Runs command lines that come through a named pipe, one after the other in this process, as
  * `./moraine` would each in one of its own: where starting a JVM takes longer than the command.
  */
object CommandServer {

  /** @param args
    *   the pipe; a line of it is another pipe, which gets the exit code, and the command's words,
    *   separated by tabs
    */
  def main(args: Array[String]): Unit = while (true) {
    val lines = Using.resource(Source.fromFile(args(0)))(_.getLines().toList)
    for (answer +: words <- lines.map(_.split('\t').toSeq))
      Files.writeString(Path.of(answer), s"${MoraineCommand.run(words: _*)}\n")
  }
}
