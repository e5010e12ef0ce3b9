package io.moraine.jobs.figures

import com.fasterxml.jackson.databind.json.JsonMapper
import com.sun.net.httpserver.HttpServer
import io.moraine.jobs.Scratch
import java.net.{InetAddress, InetSocketAddress}
import java.nio.file.{Files, Path}
import java.util.concurrent.{ConcurrentLinkedQueue, TimeUnit}
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

  private def run(checkout: Path, home: Path, port: Int): (Int, String) = {
    val text = commands.mkString("\n").replace("localhost:8080", s"localhost:$port")
    val builder = new java.lang.ProcessBuilder("bash", "-c", text).directory(checkout.toFile)
    builder.environment.put("ZEPPELIN_HOME", home.toString)
    builder.environment.remove("MORAINE_HOME")
    builder.environment.remove("SPARK_MASTER")
    builder.redirectInput(new java.io.File("/dev/null")).redirectErrorStream(true)
    val process = builder.start()
    val said = new String(process.getInputStream.readAllBytes())
    assert(process.waitFor(60, TimeUnit.SECONDS), said)
    (process.exitValue, said)
  }

  private def imported(body: ConcurrentLinkedQueue[String] => Unit): Unit = {
    needCurl()
    val notes = new ConcurrentLinkedQueue[String]
    val server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress, 0), 0)
    server.createContext(
      "/api/notebook/import",
      exchange => {
        val text = new String(exchange.getRequestBody.readAllBytes())
        val json = exchange.getRequestHeaders.getFirst("Content-Type") == "application/json"
        if (json && exchange.getRequestMethod == "POST") notes.add(text)
        val answer = """{"status":"OK","message":"","body":"2MXXXXXX1"}""".getBytes
        exchange.sendResponseHeaders(200, answer.length)
        exchange.getResponseBody.write(answer)
        exchange.close()
      }
    )
    server.start()
    port = server.getAddress.getPort
    try body(notes)
    finally server.stop(0)
  }

  private var port = 0

  test("with curl: they build, configure and start Zeppelin, and import every note as it is") {
    assert(commands.size == 3)
    imported { notes =>
      val (folder, home) = (checkout(), zeppelinHome())
      val (code, said) = run(folder, home, port)
      assert(code == 0, said)
      assert(Files.readString(folder.resolve("asked")).trim == "--version")
      assert(Files.readString(home.resolve("started")).trim == "start")
      val environment = Files.readAllLines(home.resolve("environment")).asScala
      def set(name: String) =
        environment.find(_.startsWith(s"$name=")).map(_.dropWhile(_ != '=').tail)
      assert(set("MORAINE_HOME").contains(folder.toString))
      assert(set("SPARK_MASTER").contains("local[*]"))
      assert(set("SPARK_SUBMIT_OPTIONS").get.startsWith(s"--jars $folder/jobs/target/moraine.jar "))
      assert(set("OPENBLAS_NUM_THREADS").contains("1"))
      assert(set("JDK_JAVA_OPTIONS").get.contains("--add-modules=jdk.incubator.vector"))
      val files = Seq("compare", "corpus", "training").map(name =>
        Files.readString(root.resolve(s"notebooks/$name.zpln"))
      )
      assert(notes.asScala.toSeq == files, "byte for byte")
      for (note <- files) assert(new JsonMapper().readTree(note).has("paragraphs"))
    }
  }

  test("with curl: a server's own zeppelin-env.sh is not replaced by who does not say so") {
    imported { _ =>
      val home = zeppelinHome()
      val own = home.resolve("conf/zeppelin-env.sh")
      Files.writeString(own, "export OWN=1\n")
      val (_, said) = run(checkout(), home, port)
      assert(Files.readString(own) == "export OWN=1\n", said)
      assert(said.contains("overwrite"), said)
    }
  }

  test("the interpreter's options are those of the launcher") {
    val env = Files.readString(root.resolve("conf/zeppelin/zeppelin-env.sh"))
    val launcher = Files.readString(root.resolve("moraine"))
    val options = "export JDK_JAVA_OPTIONS=\"([^\"]*)\"".r.findFirstMatchIn(env).get.group(1)
    for (option <- options.split(' ')) assert(launcher.contains(option), option)
  }
}
