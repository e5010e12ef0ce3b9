package io.moraine.jobs.cli

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.json.JsonMapper
import io.moraine.jobs.Scratch
import io.moraine.jobs.config.{SettingsFile, TrainSettings}
import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path, StandardCopyOption}
import java.util.{Map => JMap, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.sys.process._

/** conf/schedule for cron, systemd and Airflow: each file against what will read it; its command
  * lines are run, with a launcher that only notes what it is called with, and that is parsed by our
  * own parser.
  */
class ScheduleSuite extends AnyFunSuite {

  import Schedules.{folder, parse, text}

  /** What stands for /opt/moraine. */
  private class Checkout {
    val place: Path = Scratch.folder()
    private val calls = place.resolve("calls")
    private val script = Files.createDirectories(place.resolve("conf/schedule")).resolve("nightly")
    Files.copy(folder.resolve("nightly"), script, StandardCopyOption.COPY_ATTRIBUTES)
    val settings: Path =
      Files.copy(folder.resolve("train.conf"), script.resolveSibling("train.conf"))
    private val launcher = Files.writeString(
      place.resolve("moraine"),
      s"""#!/bin/sh
         |for word; do
         |  if [ "$${before:-}" = --output ]; then output=$$word; fi
         |  before=$$word
         |done
         |printf '%s' "$$1" >>'$calls'
         |(shift && for word; do printf '\\t%s' "$$word"; done && echo) >>'$calls'
         |if [ "$$1" = prepare ]; then mkdir -p "$$output" && : >"$$output/manifest.json"; fi
         |if [ "$$1" = "$$FAILS" ]; then exit "$$CODE"; fi
         |""".stripMargin
    )
    Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"))

    /** Runs a command line here.
      *
      * @param fails
      *   the command that ends with an exit code that is not 0
      */
    def run(words: Seq[String], fails: (String, Int) = "" -> 0): Int = {
      val here = words.map(
        _.replace("/opt/moraine", place.toString).replace("/store", s"$place/store")
      )
      Process(here, place.toFile, "FAILS" -> fails._1, "CODE" -> fails._2.toString).!
    }

    /** The calls of the launcher so far, which are forgotten. */
    def called(): Seq[Seq[String]] = {
      val lines = Files.readAllLines(calls).asScala.map(_.split('\t').toSeq).toSeq
      Files.delete(calls)
      lines
    }
  }

  private def valueOf(words: Seq[String], option: String) = words(words.indexOf(option) + 1)

  /** The lines of the crontab for a time, also one that is commented out. */
  private lazy val crontab: Seq[String] =
    text("crontab").linesIterator.map(_.stripPrefix("#")).filter(_.matches("\\d+ .*")).toSeq

  /** As cron gives it to a shell. */
  private def cronCommand(line: String): Seq[String] =
    Seq("/bin/sh", "-c", line.split(" ", 6)(5).replace("\\%", "%"))

  private def setting(name: String): String =
    text("moraine-nightly.service").linesIterator.collectFirst {
      case line if line.startsWith(s"$name=") => line.stripPrefix(s"$name=")
    }.get

  /** As systemd reads it: words, quotes around some of them, specifiers and dollars doubled. */
  private lazy val execStart: Seq[String] = "'[^']*'|\"[^\"]*\"|[^\\s'\"]+".r
    .findAllIn(setting("ExecStart"))
    .map(_.replaceAll("^['\"]|['\"]$", "").replace("%%", "%").replace("$$", "$"))
    .toSeq

  /** As Airflow gives it to a shell. */
  private lazy val bashCommand: Seq[String] = {
    val command = "bash_command=\"([^\"]*)\"".r.findFirstMatchIn(text("moraine_nightly.py"))
    Seq("/bin/bash", "-c", command.get.group(1).replace("{{ ds }}", "2026-11-25"))
  }

  private val nightly = Seq("prepare", "train", "evaluate", "export")

  private lazy val schedulers = Seq(
    "crontab" -> cronCommand(crontab.head),
    "moraine-nightly.service" -> execStart,
    "moraine_nightly.py" -> bashCommand
  )

  for (name <- Seq("crontab", "moraine-nightly.service", "moraine_nightly.py"))
    test(s"$name: the first night and a later one; every command of both is one of ours") {
      val words = schedulers.toMap.apply(name)
      val checkout = new Checkout
      assert(checkout.run(words) == 0)
      val first = checkout.called()
      assert(first.map(parse) == nightly)
      val data = Path.of(valueOf(first.head, "--output"))
      assert(data.getFileName.toString.matches("\\d{4}-\\d\\d-\\d\\d"))
      assert(first.head.containsSlice(Seq("--input", s"/crawl/${data.getFileName}")))
      assert(first(1).containsSlice(Seq("--data", data.toString)))
      assert(first(1).containsSlice(Seq("--ranks", "2")) && valueOf(first(1), "--wall") == "60m")
      assert(checkout.place.resolve(valueOf(first(1), "--config")).normalize == checkout.settings)

      assert(checkout.run(words) == 0)
      assert(checkout.called() == first.tail, "a dataset that is whole is not prepared anew")

      // As if that had been another night's crawl.
      val earlier = Files.move(data, data.resolveSibling("2000-01-01"))
      assert(checkout.run(words) == 0)
      val later = checkout.called()
      assert(later.map(parse) == nightly)
      assert(valueOf(later.head, "--tokenizer") == s"$earlier/tokenizer/tokenizer.json")
      assert(valueOf(later(1), "--data") == s"$earlier,$data")
      for (words <- Seq(later(2), later(3))) assert(words.last == earlier.toString)
    }

  test("crontab: five fields; training alone, which is commented out, is a command of ours too") {
    assert(crontab.size == 2)
    for (line <- crontab) {
      val fields = line.split(" ", 6)
      assert(fields.take(5).forall(_.matches("[\\d*,/-]+")), line)
      assert(!fields(5).replace("\\%", "").contains("%"), line)
    }
    val checkout = new Checkout
    assert(checkout.run(cronCommand(crontab.last)) == 0)
    val Seq(train) = checkout.called()
    assert(parse(train) == "train")
    assert(checkout.place.resolve(valueOf(train, "--config")) == checkout.settings)
  }

  test("train.conf: the same rate and the same balance of experts at any step, however far") {
    val settings = TrainSettings.of(
      SettingsFile
        .read(TrainSettings.DEFAULTS, Optional.of(folder.resolve("train.conf")), JMap.of())
    )
    val train = settings.train
    assert(train.steps >= 1000000000L && train.balance.share == 1 && train.balance.biasUpdate > 0)
    val rates = Seq(1e-9, 0.1, 0.5, 1.0).map(share => train.schedule.at(100000, _ => share))
    assert(rates.toSet == Set(train.schedule.peak))
  }

  test("nightly: nights that were missed and crawls that came late; the run's order stays") {
    val checkout = new Checkout
    def crawl(name: String): Path =
      Files.createDirectories(checkout.place.resolve(s"crawl/$name"))
    def night(name: String): Seq[Seq[String]] = {
      assert(checkout.run(Seq("conf/schedule/nightly", s"${crawl(name)}", "/store")) == 0)
      checkout.called()
    }
    def data(name: String) = s"${checkout.place}/store/data/$name"
    def isPrepared(words: Seq[String], name: String) =
      words.startsWith(Seq("prepare", "--input", s"${checkout.place}/crawl/$name")) &&
        valueOf(words, "--output") == data(name)

    crawl("2026-11-26")
    crawl("2026-11-24")
    val first = night("2026-11-25")
    assert(first.map(_.head) == Seq("prepare", "prepare", "train", "evaluate", "export"))
    assert(
      isPrepared(first(0), "2026-11-24") && first(0).containsSlice(Seq("--vocab-size", "8192"))
    )
    val tokenizer = data("2026-11-24") + "/tokenizer/tokenizer.json"
    assert(isPrepared(first(1), "2026-11-25") && valueOf(first(1), "--tokenizer") == tokenizer)
    assert(valueOf(first(2), "--data") == s"${data("2026-11-24")},${data("2026-11-25")}")

    val known = s"""{
                   |  "datasets" : [ {
                   |    "path" : "/elsewhere/data/2026-11-24/",
                   |    "sequences" : 12
                   |  }, {
                   |    "path" : "${data("2026-11-25")}",
                   |    "sequences" : 12
                   |  } ]
                   |}
                   |""".stripMargin
    val run = Files.createDirectories(checkout.place.resolve("store/run"))
    Files.writeString(run.resolve("data.json"), known)
    crawl("2026-11-23")
    crawl("2026-11-25-late")
    val second = night("2026-11-26")
    assert(second.map(_.head).count(_ == "prepare") == 3)
    for ((words, name) <- second.zip(Seq("2026-11-23", "2026-11-25-late", "2026-11-26")))
      assert(isPrepared(words, name) && valueOf(words, "--tokenizer") == tokenizer)
    val all = Seq("2026-11-24", "2026-11-25", "2026-11-23", "2026-11-25-late", "2026-11-26")
    assert(valueOf(second(3), "--data") == all.map(data).mkString(","))
    for (words <- second.takeRight(2)) assert(words.last == data("2026-11-24"))
  }

  test("exit code 75 of train ends the night at once and is no failure to any scheduler; 1 is") {
    val held = ExitCode.TRY_LATER.code
    val codes = for ((name, words) <- schedulers) yield {
      val codes = Seq(held, 1).map { code =>
        val checkout = new Checkout
        val ended = checkout.run(words, "train" -> code)
        assert(checkout.called().map(_.head) == Seq("prepare", "train"), name)
        ended
      }
      name -> codes
    }
    val fine = setting("SuccessExitStatus").split(" ").map(_.toInt).toSet
    assert(fine == Set(held, 143))
    val skipped = "skip_on_exit_code=(\\d+)".r.findFirstMatchIn(text("moraine_nightly.py"))
    assert(skipped.get.group(1).toInt == held)
    assert(
      codes == Seq(
        "crontab" -> Seq(0, 1),
        "moraine-nightly.service" -> Seq(held, 1),
        "moraine_nightly.py" -> Seq(held, 1)
      )
    )
  }

  test("nightly: the shell can read it; without arguments it says how; options go to train") {
    assert(Seq("sh", "-n", folder.resolve("nightly").toString).! == 0)
    val said = new StringBuilder
    val log = ProcessLogger(_ => (), line => said.append(line).append('\n'))
    assert(Seq("sh", folder.resolve("nightly").toString).!(log) == 2)
    assert(said.toString.contains("conf/schedule/nightly CRAWL STORE"), said)
    val checkout = new Checkout
    val options = Seq("--ranks", "4", "--codec", "int8")
    val night = Seq("conf/schedule/nightly", "/crawl/one/", "/store/")
    assert(checkout.run(night ++ options) == 0)
    assert(checkout.called()(1).endsWith(options))
  }

  test("nightly: the line of docs/schedule.md is a whole night, as long as its WALL says") {
    val lines = Files.readAllLines(Schedules.root.resolve("docs/schedule.md")).asScala
    val Seq(line) =
      lines.map(_.trim).filter(_.contains("conf/schedule/nightly /")).toSeq: @unchecked
    val checkout = new Checkout
    // Another time than the one that comes without WALL.
    assert(checkout.run(Seq("/bin/sh", "-c", line.replace("WALL=60m ", "WALL=7m "))) == 0)
    val called = checkout.called()
    assert(called.map(parse) == nightly)
    assert(called.head.containsSlice(Seq("--input", "/crawl/2026-11-25")))
    assert(valueOf(called.head, "--output") == s"${checkout.place}/store/data/2026-11-25")
    assert(valueOf(called(1), "--wall") == "7m" && valueOf(called(1), "--ranks") == "2")
  }

  test("systemd: systemd-analyze, which this needs, has nothing to say of the units") {
    assume(isThere("systemd-analyze"))
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

  private def isThere(program: String) =
    Seq("sh", "-c", s"command -v $program").!(ProcessLogger(_ => ())) == 0

  /** Runs the DAG's file, with classes of Airflow's names that keep what they are given. */
  private val dagOf = """
    |import json, sys, types
    |made = {}
    |def keeping(name):
    |    class Kept:
    |        def __init__(self, **given): made[name] = {key: str(value) for key, value in given.items()}
    |        def __enter__(self): return self
    |        def __exit__(self, *_): pass
    |    return Kept
    |for module, name in ("airflow", "DAG"), ("airflow.operators", ""), ("airflow.operators.bash", "BashOperator"):
    |    sys.modules[module] = types.ModuleType(module)
    |    if name: setattr(sys.modules[module], name, keeping(name))
    |exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"))
    |print(json.dumps(made))
    |""".stripMargin

  test("Airflow: Python, which this needs, makes one DAG of one task, one at a time, tried again") {
    assume(isThere("python3"))
    val said = Seq("python3", "-c", dagOf, folder.resolve("moraine_nightly.py").toString).!!
    val made: JsonNode = new JsonMapper().readTree(said)
    assert(made.size == 2)
    assert(made.at("/DAG/max_active_runs").asText == "1")
    assert(made.at("/DAG/catchup").asText == "False")
    assert(made.at("/DAG/schedule").asText.matches("(\\S+ ){4}\\S+"))
    assert(made.at("/BashOperator/bash_command").asText.contains("/crawl/{{ ds }} /store"))
    assert(made.at("/BashOperator/skip_on_exit_code").asInt == ExitCode.TRY_LATER.code)
    assert(made.at("/BashOperator/retries").asInt > 0)
  }
}
