package io.moraine.jobs.cli

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.json.JsonMapper
import io.moraine.jobs.Scratch
import io.moraine.jobs.train.Processes
import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** conf/schedule/nightly with conf/schedule/train.conf, as a scheduler has it: every night ends by
  * its time, none by its steps. A JVM a command, since the time counts from when that begins.
  */
class NightlyWallSuite extends AnyFunSuite {

  private val folder = Scratch.folder()
  private val store = folder.resolve("store")
  private val run = store.resolve("run")

  /** What is shipped, of a size for seconds. */
  private val config = Files.writeString(
    folder.resolve("train.conf"),
    Schedules.text("train.conf") +
      """
        |model { vocabulary-size = 400, dim = 32, layers = 2, dense-feed-forward-dim = 64, max-sequence-length = 32 }
        |model { attention.heads = 2, experts.feed-forward-dim = 16 }
        |train { sequences-per-step = 4, micro-batch = 2, checkpoint-every = 10, evaluate-every = 0 }
        |""".stripMargin
  )

  /** In place of ./moraine; as that it becomes the JVM. */
  private val launcher: Path = {
    val prepare = Files.writeString(
      folder.resolve("prepare.conf"),
      "held-out.fraction = 0.1, sequences.length = 32\n"
    )
    val java = Path.of(System.getProperty("java.home"), "bin", "java")
    val file = Files.writeString(
      folder.resolve("moraine"),
      s"""#!/bin/sh
         |if [ "$$1" = prepare ]; then set -- "$$@" --config '$prepare'; fi
         |export OPENBLAS_NUM_THREADS=1
         |exec '$java' -Xmx1g '@${Schedules.root.resolve(
          "conf/java-module-options"
        )}' ${Processes.RankOptions} \\
         |  -Dspark.master='local[2]' -Dspark.ui.enabled=false -Dspark.sql.shuffle.partitions=2 \\
         |  -cp '${Processes.classPath}' io.moraine.jobs.Moraine "$$@"
         |""".stripMargin
    )
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"))
  }

  private val documents = Scratch.corpus(90).grouped(40).toSeq

  private def crawl(name: String, part: Int): Path = {
    val crawl = Files.createDirectories(folder.resolve(s"crawls/$name"))
    Scratch.writeJsonLines(crawl.resolve("documents.jsonl"), documents(part))
    crawl
  }

  private def log(name: String): Path = folder.resolve(s"$name.log")

  private def start(name: String, crawl: Path, wall: String): Process = {
    val words = Seq("sh", Schedules.folder.resolve("nightly").toString, s"$crawl", s"$store") ++
      Seq("--ranks", "2")
    val builder = new ProcessBuilder(words.asJava)
    val environment = builder.environment
    environment.put("MORAINE", launcher.toString)
    environment.put("CONFIG", config.toString)
    environment.put("VOCAB_SIZE", "400")
    environment.put("WALL", wall)
    builder
      .redirectErrorStream(true)
      .redirectOutput(ProcessBuilder.Redirect.appendTo(log(name).toFile))
      .start()
  }

  /** A night that makes something of its time; on a busy machine that may be over before ranks have
    * begun, then it is started again with twice as much.
    */
  private def night(name: String, crawl: Path)(madeSomething: => Boolean): String = {
    def ends(seconds: Int): Boolean = {
      val code = Processes.exitCode(start(name, crawl, s"${seconds}s"), 300 + 3 * seconds)
      assert(Set(0, 75)(code), Processes.text(log(name)))
      code == 0 && madeSomething
    }
    assert(Iterator.iterate(20)(_ * 2).take(5).exists(ends), Processes.text(log(name)))
    val said = Processes.text(log(name))
    assert(said.contains("stopped: its time is over"), said)
    said
  }

  private def json(file: String): JsonNode =
    new JsonMapper().readTree(Files.readString(run.resolve(file)))

  private def status: JsonNode = json("status.json")

  private def manifest(step: Long): JsonNode = json(f"checkpoints/step-$step%08d/manifest.json")

  test(
    "nights that end by their time: the second takes a new crawl and a late one in and trains on " +
      "them; SIGTERM to the script ends training with a checkpoint"
  ) {
    night("first", crawl("2026-11-25", 0))(status.at("/step").asLong > 0)
    val before = status
    assert(before.at("/state").asText == "stopped")
    assert(before.at("/seconds_to_go").isNull, "a run without an end")

    crawl("2026-11-20", 1)
    val second = crawl("2026-11-26", 2)
    def newest = manifest(status.at("/step").asLong)
    def newestStretch = newest.findValue("stretches").elements.asScala.toSeq.last
    val said = night("second", second)(
      newest.findValue("position").asLong > newestStretch.get("from").asLong
    )
    val after = status
    assert(after.at("/resumed_from").asLong >= before.at("/step").asLong, said)
    assert(said.contains(" sequences are new: the epoch of "), said)
    val order = json("data.json").at("/datasets").elements.asScala.toSeq
    assert(
      order.map(dataset => Path.of(dataset.get("path").asText).getFileName.toString) ==
        Seq("2026-11-25", "2026-11-20", "2026-11-26")
    )
    assert(newestStretch.get("sequences").asLong == order.map(_.get("sequences").asLong).sum)

    val script = start("third", second, "10h")
    def trains = status.at("/state").asText == "training" &&
      status.at("/step").asLong > after.at("/step").asLong
    Processes.await("the first steps of the third night", 200)(trains || !script.isAlive)
    assert(script.isAlive, Processes.text(log("third")))
    script.destroy()
    assert(Processes.exitCode(script, 120) == 143, Processes.text(log("third")))
    assert(status.at("/state").asText == "stopped", Processes.text(log("third")))
    assert(status.at("/reason").asText == "the process was asked to end")
    assert(status.at("/last_checkpoint").asLong == status.at("/step").asLong)
    manifest(status.at("/step").asLong)
    assert(!Processes.text(log("third")).contains("evaluate ..."))
  }
}
