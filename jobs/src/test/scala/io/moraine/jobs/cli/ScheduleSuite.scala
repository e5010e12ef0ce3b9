package io.moraine.jobs.cli

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.json.JsonMapper
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite
import org.yaml.snakeyaml.Yaml
import picocli.CommandLine

import scala.jdk.CollectionConverters._
import scala.sys.process._

/** The files of conf/schedule: each against what will read it, each command line against our own
  * parser.
  */
class ScheduleSuite extends AnyFunSuite {

  private val folder = Path.of(System.getProperty("moraine.root", ".."), "conf/schedule")

  private def text(name: String) = Files.readString(folder.resolve(name))

  /** Parses a command line as the program does; its options must be known and complete. */
  private def parse(words: Seq[String]): String = {
    val command = new CommandLine(new MoraineCommand()).setCaseInsensitiveEnumValuesAllowed(true)
    command.parseArgs(words: _*).subcommand.commandSpec.name
  }

  /** The words of a shell line, quotes and what they hold taken as one word. */
  private def words(line: String): Seq[String] =
    "(\"[^\"]*\"|\\$\\([^)]*\\)|[^\\s\"])+".r.findAllIn(line).map(_.replace("\"", "")).toSeq

  private def defaults(line: String) = line.replaceAll("\\$\\{\\w+:-([^}]*)}", "$1")

  private def commands(name: String, launcher: String): Seq[String] =
    text(name).linesIterator
      .filter(line => line.contains(launcher) && !line.startsWith("# "))
      .map(line => line.substring(line.indexOf(launcher) + launcher.length))
      .map(line => parse(words(defaults(line.replace("\"$@\"", "")))))
      .toSeq

  test(
    "nightly: every command of it is one of ours; the shell can read it; without arguments it says how"
  ) {
    val found = commands("nightly", "\"$moraine\" ")
    assert(found == Seq("prepare", "prepare", "train", "evaluate", "export"))
    assert(Seq("sh", "-n", folder.resolve("nightly").toString).! == 0)
    val said = new StringBuilder
    val log = ProcessLogger(_ => (), line => said.append(line).append('\n'))
    assert(Seq("sh", folder.resolve("nightly").toString).!(log) == 2)
    assert(said.toString.contains("conf/schedule/nightly CRAWL STORE"), said)
  }

  test("crontab: five fields and a command each, per cent signs escaped") {
    val lines =
      text("crontab").linesIterator.map(_.stripPrefix("#")).filter(_.matches("\\d+ .*")).toSeq
    assert(lines.size == 2)
    for (line <- lines) {
      val fields = line.split(" ", 6)
      assert(fields.take(5).forall(_.matches("[\\d*,/-]+")), line)
      assert(!fields(5).replace("\\%", "").contains("%"), line)
    }
    assert(commands("crontab", "./moraine ") == Seq("train"))
  }

  test("systemd: systemd-analyze has nothing to say of the units, where it is installed") {
    assume(Seq("sh", "-c", "command -v systemd-analyze").!(ProcessLogger(_ => ())) == 0)
    val units = Files.createTempDirectory("units")
    for (name <- Seq("moraine-nightly.service", "moraine-nightly.timer"))
      Files.copy(folder.resolve(name), units.resolve(name))
    val said = new StringBuilder
    val verify = Seq("systemd-analyze", "verify", "--man=no") ++
      Seq("service", "timer").map(kind => units.resolve(s"moraine-nightly.$kind").toString)
    verify.!(ProcessLogger(line => said.append(line).append('\n')))
    val ours = said.toString.linesIterator.filter(_.contains("moraine-nightly")).toSeq
    assert(ours.isEmpty, ours)
  }

  // Fields of v1beta2 as Kubeflow's Spark operator 2.5 publishes them; those that the files use and their neighbours.
  private val known = Map(
    "" -> Set("apiVersion", "kind", "metadata", "spec"),
    "metadata" -> Set("name", "namespace", "labels", "annotations"),
    "spec" -> Set(
      "schedule",
      "timeZone",
      "template",
      "suspend",
      "concurrencyPolicy",
      "successfulRunHistoryLimit",
      "failedRunHistoryLimit"
    ),
    "spec.template" -> Set(
      "type",
      "mode",
      "image",
      "mainClass",
      "mainApplicationFile",
      "arguments",
      "sparkVersion",
      "sparkConf",
      "hadoopConf",
      "deps",
      "driver",
      "executor",
      "restartPolicy",
      "timeToLiveSeconds",
      "batchScheduler",
      "monitoring",
      "dynamicAllocation",
      "suspend"
    ),
    "spec.template.restartPolicy" -> Set(
      "type",
      "onFailureRetries",
      "onFailureRetryInterval",
      "onSubmissionFailureRetries",
      "onSubmissionFailureRetryInterval"
    ),
    "spec.template.driver" -> Set(
      "cores",
      "memory",
      "memoryOverhead",
      "serviceAccount",
      "terminationGracePeriodSeconds"
    ),
    "spec.template.executor" -> Set(
      "instances",
      "cores",
      "memory",
      "memoryOverhead",
      "terminationGracePeriodSeconds"
    )
  )

  private def check(node: JsonNode, path: String): Unit = for (allowed <- known.get(path)) {
    for (entry <- node.fields.asScala) {
      assert(allowed(entry.getKey), s"$path has ${entry.getKey}")
      check(entry.getValue, if (path.isEmpty) entry.getKey else s"$path.${entry.getKey}")
    }
  }

  for ((name, command) <- Seq("prepare.yaml" -> "prepare", "train.yaml" -> "train"))
    test(s"$name: fields of the operator, no two at once, arguments of ours") {
      val file = new JsonMapper().valueToTree[JsonNode](new Yaml().load[Object](text(name)))
      check(file, "")
      assert(file.get("apiVersion").asText == "sparkoperator.k8s.io/v1beta2")
      assert(file.get("kind").asText == "ScheduledSparkApplication")
      val spec = file.get("spec")
      assert(spec.get("concurrencyPolicy").asText == "Forbid")
      val template = spec.get("template")
      assert(parse(template.get("arguments").elements.asScala.map(_.asText).toSeq) == command)
      assert(template.get("mainClass").asText == "io.moraine.jobs.Moraine")
      for (conf <- template.get("sparkConf").elements.asScala) assert(conf.isTextual, conf)
      if (command == "train") {
        assert(template.get("sparkConf").get("spark.dynamicAllocation.enabled").asText == "false")
        val ranks = template.get("arguments").elements.asScala.map(_.asText).toSeq
        val instances = template.get("executor").get("instances").asInt
        assert(ranks(ranks.indexOf("--ranks") + 1).toInt == instances)
      }
    }

  test(
    "Airflow: the DAG calls the nightly pattern; Python can compile it, where it is installed"
  ) {
    val command =
      "bash_command=\"([^\"]*)\"".r.findFirstMatchIn(text("moraine_nightly.py")).get.group(1)
    assert(
      command.matches("/opt/moraine/conf/schedule/nightly /crawl/\\{\\{ ds }} /store( .+)?"),
      command
    )
    val options = words(command).dropWhile(_ != "/store").drop(1)
    assert(parse(Seq("train", "--data", "d", "--run", "r") ++ options) == "train")
    assume(Seq("sh", "-c", "command -v python3").!(ProcessLogger(_ => ())) == 0)
    val file = folder.resolve("moraine_nightly.py").toString
    assert(Seq("python3", "-c", s"compile(open('$file').read(), '$file', 'exec')").! == 0)
  }
}
