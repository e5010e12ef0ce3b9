package io.moraine.jobs.cli

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

/** Runs command lines one after the other in this process, as `./moraine` would each in one of its
  * own; ends with the first one that fails.
  */
object Commands {

  /** @param args a file: a command a line, its words separated by tabs */
  def main(args: Array[String]): Unit = {
    for (line <- Files.readAllLines(Path.of(args(0))).asScala) {
      val begun = System.nanoTime
      val code = MoraineCommand.run(line.split('\t'): _*)
      val seconds = (System.nanoTime - begun) / 1000000000L
      println(s"COMMAND $code in $seconds s: ${line.replace('\t', ' ')}")
      if (code != 0) sys.exit(code)
    }
    sys.exit(0)
  }
}
