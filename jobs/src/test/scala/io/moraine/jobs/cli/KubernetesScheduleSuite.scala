package io.moraine.jobs.cli

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.json.JsonMapper
import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import com.networknt.schema.{JsonSchema, JsonSchemaFactory, SpecVersion}
import io.moraine.jobs.lease.HeldLeases
import io.moraine.jobs.config.{SettingsFile, TrainSettings}
import io.moraine.jobs.train.{Processes, TrainJobSparkSuite}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.net.URI
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.Optional
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, UnsupportedFileSystemException}
import org.scalatest.funsuite.AnyFunSuite
import picocli.CommandLine

import scala.jdk.CollectionConverters._

/** conf/schedule's ScheduledSparkApplications against the schema that the operator publishes, the
  * container file against the build and Spark's own image.
  */
class KubernetesScheduleSuite extends AnyFunSuite with SharedSparkSession {

  import Schedules.{parse, root, texts, tree}

  /** As `kubectl apply` has it: a field that the schema does not know is an error. */
  private lazy val schema: JsonSchema = {
    val in = getClass.getResourceAsStream("scheduledsparkapplication.yaml")
    val node = tree(new String(in.readAllBytes(), UTF_8))
    def close(at: JsonNode): Unit = {
      at match {
        case fields: ObjectNode if fields.has("properties") =>
          fields.put("additionalProperties", false)
        case _ => ()
      }
      at.elements.asScala.foreach(close)
    }
    close(node)
    JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012).getSchema(node)
  }

  private def faults(file: JsonNode): Seq[String] =
    schema.validate(file).asScala.toSeq.map(_.getMessage)

  private def file(name: String): ObjectNode = tree(Schedules.text(name))

  private def template(name: String): JsonNode = file(name).at("/spec/template")

  private val files = Seq("prepare.yaml" -> "prepare", "train.yaml" -> "train")

  for ((name, command) <- files)
    test(s"$name: the operator's schema has nothing against it; no two at once") {
      val whole = file(name)
      assert(faults(whole).isEmpty)
      assert(whole.get("apiVersion").asText == "sparkoperator.k8s.io/v1beta2")
      assert(whole.get("kind").asText == "ScheduledSparkApplication")
      assert(whole.at("/spec/concurrencyPolicy").asText == "Forbid")
      assert(whole.at("/spec/schedule").asText.matches("@every \\d+[smh]|(\\S+ ){4}\\S+"))
      assert(template(name).get("mainClass").asText == "io.moraine.jobs.Moraine")
      assert(template(name).get("sparkVersion").asText == org.apache.spark.SPARK_VERSION)
      assert(parse(texts(template(name).get("arguments"))) == command)
    }

  test("train.yaml: as many executors as ranks, and no others in their place") {
    val train = template("train.yaml")
    val arguments = texts(train.get("arguments"))
    assert(train.at("/sparkConf/spark.dynamicAllocation.enabled").asText == "false")
    assert(
      arguments(arguments.indexOf("--ranks") + 1).toInt == train.at("/executor/instances").asInt
    )
  }

  private def retryAfter(name: String): Long =
    template(name).at("/restartPolicy/onFailureRetryInterval").asLong

  test("tried again when the lease of a driver that was killed is over, not before") {
    val words = texts(template("train.yaml").get("arguments"))
    val config = inCheckout(words(words.indexOf("--config") + 1))
    val settings = TrainSettings.of(
      SettingsFile.read(TrainSettings.DEFAULTS, Optional.of(config), java.util.Map.of())
    )
    assert(retryAfter("train.yaml") >= settings.connections.lease.toSeconds * 3 / 2)
    assert(retryAfter("prepare.yaml") >= HeldLeases.EXPIRY.toSeconds * 3 / 2)
  }

  test("the schema refuses a field that is not there, another type, a missing field, a bad value") {
    def faultOf(change: ObjectNode => Any): String = {
      val whole = file("train.yaml")
      change(whole)
      val found = faults(whole)
      assert(found.size == 1, found)
      found.head
    }
    def at(whole: ObjectNode, path: String) = whole.at(path).asInstanceOf[ObjectNode]
    val driver = "/spec/template/driver"
    assert(faultOf(at(_, driver).put("memoryOverheads", "8g")).contains("memoryOverheads"))
    assert(faultOf(at(_, "/spec").put("schedul", "@every 1h")).contains("schedul"))
    assert(faultOf(at(_, driver).put("cores", "1")).contains("cores"))
    assert(faultOf(at(_, driver).put("cores", 0)).contains("cores"))
    assert(
      faultOf(at(_, "/spec/template/sparkConf").put("spark.ui.port", 4040)).contains("ui.port")
    )
    assert(faultOf(at(_, "/spec/template").remove("sparkVersion")).contains("sparkVersion"))
    assert(faultOf(at(_, "/spec").remove("schedule")).contains("schedule"))
    assert(faultOf(at(_, "/spec/template").put("type", "Java17")).contains("type"))
    assert(faultOf(at(_, "/spec/template/restartPolicy").put("type", "Once")).contains("type"))
    val arguments = "/spec/template/arguments"
    assert(faultOf(_.at(arguments).asInstanceOf[ArrayNode].add(4)).contains("arguments"))
    assert(
      faultOf(at(_, "/spec/template/volumes/0/persistentVolumeClaim").remove("claimName"))
        .contains("claimName")
    )
  }

  /** What the image has a copy of. */
  private def inCheckout(path: String): Path =
    root.resolve("conf" + path.stripPrefix(copies("conf")))

  /** Whether the image's Spark, which is the one of the tests, can read and write there. */
  private def requireReachable(path: String, template: JsonNode): Unit = {
    val scheme = Option(new URI(path).getScheme).getOrElse("file")
    FileSystem.getFileSystemClass(scheme, new Configuration())
    if (scheme == "file") for (pod <- Seq("driver", "executor")) {
      val mounts = template.get(pod).get("volumeMounts").elements.asScala.toSeq
      val mount = mounts.find(mount => path.startsWith(mount.get("mountPath").asText + "/"))
      val volumes = template.get("volumes").elements.asScala.map(_.get("name").asText).toSeq
      assert(mount.exists(there => volumes.contains(there.get("name").asText)), s"$pod: $path")
    }
  }

  for ((name, _) <- files)
    test(s"$name: paths are on volumes of driver and executors, or of a file system in the image") {
      val (ours, paths) = texts(template(name).get("arguments"))
        .filter(_.contains("/"))
        .partition(_.startsWith(copies("conf") + "/"))
      assert(paths.size >= 2)
      ours.foreach(path => assert(Files.exists(inCheckout(path)), path))
      paths.foreach(requireReachable(_, template(name)))
      intercept[UnsupportedFileSystemException](requireReachable("s3b://store/", template(name)))
      assertThrows[Exception](requireReachable("s3a://store/run/", template(name)))
      assertThrows[Exception](requireReachable("/elsewhere/run/", template(name)))
    }

  test("train.yaml: a run that may not be trained now is exit code 0, and 75 without its option") {
    val run = Files.createDirectories(Scratch.folder().resolve("run"))
    Files.createFile(run.resolve("stop"))
    val arguments = texts(template("train.yaml").get("arguments"))
    val places = Map(
      arguments(arguments.indexOf("--config") + 1) -> Processes.settingsFile(5).toString,
      "/store/data/2026-11-25/" -> TrainJobSparkSuite.dataset(spark).toString,
      "/store/run/" -> run.toString
    )
    val words = arguments.map(w => places.getOrElse(w, w))
    assert(words.contains("--skip-if-held") && words.contains(run.toString))
    val commands = run.resolveSibling("commands")
    val lines = Seq(words, words.filter(_ != "--skip-if-held")).map(_.mkString("\t"))
    Files.write(commands, lines.asJava)
    val log = run.resolveSibling("log")
    val process = Processes.start(
      log,
      Map("spark.master" -> "local[4]", "spark.ui.enabled" -> "false"),
      "io.moraine.jobs.cli.Commands",
      commands.toString
    )
    assert(Processes.exitCode(process, 120) == 75, Processes.text(log))
    val said = Processes.text(log)
    assert(said.contains("COMMAND 0 in ") && said.contains("COMMAND 75 in "), said)
    assert(said.contains("Remove it to go on. (--skip-if-held)"), said)
  }

  /** Instructions of the container file: word and rest. */
  private lazy val instructions: Seq[(String, String)] = Schedules
    .text("Containerfile")
    .linesIterator
    .filterNot(line => line.startsWith("#") || line.isBlank)
    .map(line => line.takeWhile(_ != ' ') -> line.dropWhile(_ != ' ').trim)
    .toSeq

  private def instruction(word: String): Seq[String] = instructions.collect { case (`word`, rest) =>
    rest
  }

  private lazy val copies: Map[String, String] =
    instruction("COPY").map(_.split(" ")).map(words => words(0) -> words(1)).toMap

  test("Containerfile: from Spark's image of exactly the versions of Spark, Scala and Java here") {
    val Seq(base) = instruction("FROM"): @unchecked
    val Image = "docker\\.io/apache/spark:([\\d.]+)-scala([\\d.]+)-java(\\d+)-ubuntu".r
    val pom = Files.readString(root.resolve("pom.xml"))
    base match {
      case Image(spark, scala, java) =>
        assert(spark == org.apache.spark.SPARK_VERSION)
        assert(util.Properties.versionNumberString.startsWith(scala + "."))
        assert(pom.contains(s"<maven.compiler.release>$java</maven.compiler.release>"))
      case _ => fail(base)
    }
  }

  test("Containerfile: what it copies is in the checkout or made by the build; YAML finds it") {
    val jobs = Files.readString(root.resolve("jobs/pom.xml"))
    val built = "<outputFile>\\$\\{project.build.directory}/(\\S+)</outputFile>".r
      .findAllMatchIn(jobs)
      .map("jobs/target/" + _.group(1))
      .toSeq
    assert(copies.size == 2)
    for (source <- copies.keys)
      assert(built.contains(source) || Files.exists(root.resolve(source)), source)
    val jar = "local://" + copies(built.head)
    val tag = "-t (\\S+)".r.findFirstMatchIn(Schedules.text("Containerfile")).get.group(1)
    for ((name, _) <- files) {
      assert(template(name).get("mainApplicationFile").asText == jar)
      assert(template(name).get("image").asText == tag)
    }
  }

  test("Containerfile: its command gives our main class in our jar what our parser knows") {
    val Seq(command) = instruction("CMD"): @unchecked
    val words = texts(new JsonMapper().readTree(command))
    val (before, jar +: ours) = words.splitAt(words.indexWhere(_.endsWith(".jar"))): @unchecked
    assert(before == Seq("/opt/spark/bin/spark-submit", "--class", "io.moraine.jobs.Moraine"))
    assert(copies.values.toSeq.contains(jar))
    assert(new CommandLine(new MoraineCommand()).parseArgs(ours: _*).isUsageHelpRequested)
    assert(Path.of(jar).isAbsolute)
  }
}
