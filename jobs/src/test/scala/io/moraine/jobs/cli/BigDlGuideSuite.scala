package io.moraine.jobs.cli

import io.moraine.bigdl.{BigDl, BigDlSuite}
import io.moraine.jobs.train.{Processes, TrainJobSparkSuite}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.io.{PrintWriter, StringWriter}
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import java.util.function.BiFunction
import java.util.spi.ToolProvider
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** The worked example of docs/bigdl.md, word by word: what it compiles, sets and starts. */
class BigDlGuideSuite extends AnyFunSuite with SharedSparkSession {

  private val root = Path.of(System.getProperty("moraine.root", "..")).toAbsolutePath.normalize
  private val page = Files.readString(root.resolve("docs/bigdl.md"))

  /** The blocks of a language; commands have none. */
  private def blocks(language: String): Seq[String] = """(?s)\n```(\w*)\n(.*?\n)```""".r
    .findAllMatchIn(page)
    .collect { case block if block.group(1) == language => block.group(2) }
    .toSeq

  private val commands: Seq[String] =
    blocks("").flatMap(_.linesIterator).map(_.replaceFirst(" {2,}#.*", "").trim)

  private def tool(name: String, args: Seq[String]): Unit = {
    val said = new StringWriter
    val out = new PrintWriter(said)
    val code = ToolProvider.findFirst(name).get().run(out, out, args: _*)
    assert(code == 0, said)
  }

  /** A command's words, classes taken from where the tests have them. */
  private def words(command: String, folder: Path): Seq[String] =
    "\"[^\"]*\"|\\S+".r.findAllIn(command).toSeq.tail.map {
      case path if path.contains("moraine.jar") =>
        val classes = Seq("model/target/classes", "model/bigdl/target/classes").map(root.resolve(_))
        val jars =
          BigDl.jars(root.resolve("model/bigdl/target/jars")).asScala // javac's launcher expands *
        (classes ++ jars).mkString(java.io.File.pathSeparator)
      case "." => "."
      case file if file.matches("[\\w-]+(\\.\\w+)?") && !file.startsWith("-") =>
        folder.resolve(file).toString
      case option => option
    }

  test("the example's class is the one of the examples") {
    val example = root.resolve("model/bigdl/src/test/java/org/example/NextWord.java")
    assert(blocks("java") == Seq(Files.readString(example)))
  }

  test("its commands do what they say, one after the other") {
    val folder = Scratch.folder()
    Files.createSymbolicLink(folder.resolve("data"), TrainJobSparkSuite.dataset(spark))
    Files.createSymbolicLink(folder.resolve("conf"), root.resolve("conf"))
    Files.writeString(folder.resolve("NextWord.java"), blocks("java").head)
    for ((name, text) <- Seq("next-word.conf", "next-file.conf").zip(blocks("hocon"))) {
      assert(page.contains(s"`$name`"))
      Files.writeString(folder.resolve(name), text)
    }
    Files.createDirectories(folder.resolve("classes"))
    val compile = commands.filter(_.matches("(javac|jar) .*"))
    assert(compile.size == 2)
    tool("javac", words(compile.head, folder))
    tool("jar", words(compile.last, folder))

    val ours = commands
      .filter(_.startsWith("./moraine "))
      .filter(_.matches(".*(--steps|export ).*"))
      .map(_.stripPrefix("./moraine ").replace(' ', '\t'))
    assert(ours.size == 7)
    val file = folder.resolve("commands")
    Files.write(file, ours.asJava)
    val log = folder.resolve("commands.log")
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString
    val options = Seq("-Xmx1g", s"@${root.resolve("conf/java-module-options")}") ++
      Processes.RankOptions.split(' ') ++
      Seq("-Dspark.master=local[2]", "-Dspark.ui.enabled=false", s"-Dmoraine.home=$root")
    val main = Seq("-cp", Processes.classPath, "io.moraine.jobs.cli.Commands", file.toString)
    val builder = new ProcessBuilder(((java +: options) ++ main).asJava).directory(folder.toFile)
    val process = builder.redirectErrorStream(true).redirectOutput(log.toFile).start()
    if (!process.waitFor(1200, TimeUnit.SECONDS)) process.destroyForcibly()
    val said = Processes.text(log)
    assert(!process.isAlive && process.exitValue == 0, said.takeRight(3000))
    said.linesIterator.filter(_.startsWith("COMMAND ")).foreach(info(_))
    assert(said.contains("resumed from the checkpoint of step 40"), said.takeRight(3000))
    assert(said.contains("BigDL module of "), said.takeRight(3000))

    val outputs = BigDlSuite.bigDl.load(
      BigDlSuite.examples + "BigDlItself$Outputs",
      classOf[BiFunction[String, Array[Float], Array[Float]]]
    )
    for (name <- Seq("next-word", "trained", "transformer")) {
      val scores =
        outputs.apply(folder.resolve(s"$name.bigdl").toString, Array.range(1, 9).map(_.toFloat))
      assert(scores.nonEmpty && scores.forall(!_.isNaN), name)
    }
  }
}
