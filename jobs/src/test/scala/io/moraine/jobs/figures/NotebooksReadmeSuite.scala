package io.moraine.jobs.figures

import com.fasterxml.jackson.databind.json.JsonMapper
import io.moraine.jobs.Scratch
import java.nio.file.{Files, Path}
import java.util.{Set => JSet}
import java.util.concurrent.TimeUnit
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.sys.process.{ProcessLogger, _}

/** The three commands of notebooks/README.md, against a server that takes notes and is none. */
class NotebooksReadmeSuite extends AnyFunSuite {

  private val root = Path.of(System.getProperty("moraine.root", "..")).toAbsolutePath.normalize

  private val commands: Seq[String] = Files
    .readAllLines(root.resolve("notebooks/README.md"))
    .asScala
    .toSeq
    .filter(_.startsWith("    "))
    .map(_.trim)

  private def needCurl(): Unit =
    if (Seq("sh", "-c", "command -v curl").!(ProcessLogger(_ => ())) != 0)
      cancel("there is no curl on the path")

  private def script(file: Path, lines: String*): Unit = {
    Files.createDirectories(file.getParent)
    Files.write(file, ("#!/bin/sh" +: lines).asJava)
    assert(file.toFile.setExecutable(true))
  }

  /** A checkout whose `./moraine` has nothing to build. */
  private def checkout(): Path = {
    val folder = Scratch.folder().toRealPath()
    for (name <- Seq("conf", "notebooks"))
      Files.createSymbolicLink(folder.resolve(name), root.resolve(name))
    script(folder.resolve("moraine"), """echo "$@" > asked""")
    folder
  }

  /** What its daemon is of Zeppelin's: it reads conf/zeppelin-env.sh. */
  private def zeppelinHome(): Path = {
    val home = Scratch.folder().resolve("zeppelin 0.12")
    Files.createDirectories(home.resolve("conf"))
    script(
      home.resolve("bin/zeppelin-daemon.sh"),
      """home=$(cd "$(dirname "$0")/.." && pwd)""",
      """. "$home/conf/zeppelin-env.sh"""",
      """echo "$1" > "$home/started"; env > "$home/environment""""
    )
    home
  }

  private def run(
      checkout: Path,
      home: Path,
      port: Int,
      lines: Seq[String] = commands,
      environment: Map[String, String] = Map("SPARK_HOME" -> "/spark")
  ): (Int, String) = {
    val text = lines.mkString("\n").replace("localhost:8080", s"localhost:$port")
    val builder = new java.lang.ProcessBuilder("bash", "-c", text).directory(checkout.toFile)
    builder.environment.keySet.removeAll(JSet.of("MORAINE_HOME", "SPARK_HOME", "SPARK_MASTER"))
    builder.environment.putAll((environment + ("ZEPPELIN_HOME" -> home.toString)).asJava)
    val log = Files.createTempFile("readme", ".log")
    builder.redirectInput(new java.io.File("/dev/null"))
    val process = builder.redirectErrorStream(true).redirectOutput(log.toFile).start()
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.descendants.forEach(_.destroyForcibly())
      process.destroyForcibly()
      fail(s"not over after a minute: ${Files.readString(log)}")
    }
    (process.exitValue, Files.readString(log))
  }

  private def served(body: NoteServer => Unit): Unit = {
    needCurl()
    val server = new NoteServer
    try body(server)
    finally server.close()
  }

  test("with curl: they build, configure and start Zeppelin, and import every note as it is") {
    assert(commands.size == 3)
    served { server =>
      val (folder, home) = (checkout(), zeppelinHome())
      val (code, said) = run(folder, home, server.port)
      assert(code == 0, said)
      assert(Files.readString(folder.resolve("asked")).trim == "--version")
      assert(Files.readString(home.resolve("started")).trim == "start")
      val environment = Files.readAllLines(home.resolve("environment")).asScala
      def set(name: String) =
        environment.find(_.startsWith(s"$name=")).map(_.dropWhile(_ != '=').tail)
      assert(set("MORAINE_HOME").contains(folder.toString))
      assert(set("SPARK_HOME").contains("/spark"))
      assert(set("SPARK_MASTER").contains("local[*]"))
      assert(set("SPARK_SUBMIT_OPTIONS").get.startsWith(s"--jars $folder/jobs/target/moraine.jar "))
      assert(set("OPENBLAS_NUM_THREADS").contains("1"))
      assert(set("JDK_JAVA_OPTIONS").get.contains("--add-modules=jdk.incubator.vector"))
      val files = Seq("compare", "corpus", "training").map(name =>
        Files.readString(root.resolve(s"notebooks/$name.zpln"))
      )
      assert(server.imported == files, "byte for byte")
      for (note <- files) assert(new JsonMapper().readTree(note).has("paragraphs"))
    }
  }

  test("with curl: a server's own zeppelin-env.sh is not replaced by who does not say so") {
    served { server =>
      val home = zeppelinHome()
      val own = home.resolve("conf/zeppelin-env.sh")
      Files.writeString(own, "export OWN=1\n")
      val (_, said) = run(checkout(), home, server.port)
      assert(Files.readString(own) == "export OWN=1\n", said)
      assert(said.contains("overwrite"), said)
    }
  }

  test("with curl: notes that the server has already are refused at once, and stay as they are") {
    served { server =>
      val (folder, home) = (checkout(), zeppelinHome())
      assert(run(folder, home, server.port)._1 == 0)
      val before = server.imported
      val (code, said) = run(folder, home, server.port, Seq(commands.last))
      assert(code != 0 && "error: 500".r.findAllIn(said).size == before.size, said)
      assert(server.imported == before && before.size == 3)
    }
  }

  for (name <- Seq("MORAINE_HOME", "SPARK_HOME"))
    test(s"without $name Zeppelin does not start, and a line says what is missing") {
      val (folder, home) = (checkout(), zeppelinHome())
      Files.copy(
        root.resolve("conf/zeppelin/zeppelin-env.sh"),
        home.resolve("conf/zeppelin-env.sh")
      )
      val all = Map("MORAINE_HOME" -> folder.toString, "SPARK_HOME" -> "/spark")
      val start = Seq("\"$ZEPPELIN_HOME/bin/zeppelin-daemon.sh\" start")
      val (code, said) = run(folder, home, 0, start, all - name)
      assert(code != 0 && !Files.exists(home.resolve("started")), said)
      val Seq(line) = said.linesIterator.toSeq: @unchecked
      assert(line.contains(s"$name: ") && line.contains(s"export $name="), line)
      assert(run(folder, home, 0, start, all)._1 == 0)
      assert(Files.readString(home.resolve("started")).trim == "start")
    }

  test("the interpreter's options are those of the launcher") {
    val env = Files.readString(root.resolve("conf/zeppelin/zeppelin-env.sh"))
    val launcher = Files.readString(root.resolve("moraine"))
    val options = "export JDK_JAVA_OPTIONS=\"([^\"]*)\"".r.findFirstMatchIn(env).get.group(1)
    for (option <- options.split(' ')) assert(launcher.contains(option), option)
  }
}
