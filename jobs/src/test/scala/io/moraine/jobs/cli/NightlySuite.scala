package io.moraine.jobs.cli

import io.moraine.jobs.prepare.{Manifest, PreparedDataset}
import io.moraine.jobs.train.{Limits, Processes, RunFolder, TrainJob, TrainJobSparkSuite}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** conf/schedule/nightly on four nights of real source code: a release of a library, its next one,
  * and two other libraries. The first is killed while it prepares, the second while it trains, the
  * third while it exports, each is started again; the last one makes the model worse.
  */
class NightlySuite extends AnyFunSuite with SharedSparkSession {

  private val root = Path.of(System.getProperty("moraine.root", "..")).toAbsolutePath.normalize
  private val stepsOfNights = Seq(30, 90, 120, 130)
  private val goodNights = 0 to 2
  private val badNight = 3

  private val options = Seq(
    "model.vocabulary-size" -> 1024,
    "model.max-sequence-length" -> 256,
    "train.sequences-per-step" -> 8,
    "train.checkpoint-every" -> 10,
    "train.keep-checkpoints" -> 1,
    "train.learning-rate.phases" -> java.util.List.of()
  )

  private lazy val folder = Scratch.folder()
  private lazy val store = folder.resolve("store")
  private lazy val settings = Processes.settingsFile(30, options: _*)

  /** With a learning rate that ruins the weights, and steps that may be bad. */
  private lazy val badSettings = Processes.settingsFile(
    30,
    options ++ Seq("train.learning-rate.peak" -> 0.3, "train.spikes.at-most" -> 99): _*
  )

  /** The files of four folders of the demo's corpus, which Maven fetches. */
  private lazy val crawls: Seq[Path] = {
    val corpus = root.resolve("jobs/target/demo-corpus")
    val maven = Seq("mvn", "-B", "-q", "-f", root.resolve("conf/demo-corpus/pom.xml").toString) ++
      Seq("generate-resources", s"-Dcorpus=$corpus", "-Preduced")
    val fetching = new ProcessBuilder(maven: _*).inheritIO().start()
    assert(fetching.waitFor() == 0, "Maven could not fetch the demo's corpus")
    val releases =
      Seq("commons-cli/1.8.0", "commons-cli/1.9.0", "commons-dbutils/1.7", "commons-csv/1.13.0")
    releases.zipWithIndex.map { case (release, night) =>
      val crawl = folder.resolve(s"crawls/2026-11-0${night + 1}")
      Files.createDirectories(crawl.getParent)
      Files.createSymbolicLink(crawl, corpus.resolve(release))
    }
  }

  /** In place of ./moraine: gives its words to a night's [[CommandServer]], with a tenth of the
    * documents held out.
    */
  private lazy val launcher: Path = {
    val prepare = Files.writeString(folder.resolve("prepare.conf"), "held-out.fraction = 0.1\n")
    val file = folder.resolve("moraine")
    Files.writeString(
      file,
      s"""#!/bin/sh
         |if [ "$$1" = prepare ]; then set -- "$$@" --config '$prepare'; fi
         |answer=$$PIPES/answer.$$$$
         |mkfifo "$$answer"
         |{ printf '%s' "$$answer" && printf '\\t%s' "$$@" && echo; } >"$$PIPES/commands"
         |read -r code <"$$answer"
         |exit "$$code"
         |""".stripMargin
    )
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"))
  }

  /** A night's processes: the script, and the JVM that runs its commands one after the other. */
  private class Night(night: Int, name: String) {
    val log: String = s"night-${night + 1}-$name.log"
    private val pipes = Files.createDirectories(folder.resolve(s"pipes-${night + 1}-$name"))
    private val commands = pipes.resolve("commands")
    assert(new ProcessBuilder("mkfifo", commands.toString).start().waitFor() == 0)

    private val server = Processes.start(
      folder.resolve(log),
      Map(
        "spark.master" -> "local[2]",
        "spark.ui.enabled" -> "false",
        "spark.sql.shuffle.partitions" -> "2",
        "spark.sql.codegen.wholeStage" -> "false",
        "spark.sql.codegen.factoryMode" -> "NO_CODEGEN"
      ),
      "io.moraine.jobs.cli.CommandServer",
      commands.toString
    )

    private val script: Process = {
      val words = Seq("sh", root.resolve("conf/schedule/nightly").toString) ++
        Seq(crawls(night).toString, store.toString) ++
        Seq("--steps", stepsOfNights(night).toString, "--ranks", "2")
      val builder = new ProcessBuilder(words.asJava)
      builder.environment.put("MORAINE", launcher.toString)
      builder.environment.put("PIPES", pipes.toString)
      val config = if (night == badNight) badSettings else settings
      builder.environment.put("CONFIG", config.toString)
      builder.environment.put("VOCAB_SIZE", "1024")
      builder
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve(s"$log.script").toFile)
        .start()
    }

    def isAlive: Boolean = script.isAlive && server.isAlive

    def exitCode(): Int = {
      val code = Processes.exitCode(script, 300)
      server.destroyForcibly()
      code
    }

    /** As kill -9 of each, the JVM first. */
    def kill(): Unit = {
      server.destroyForcibly()
      val all = Seq(server.toHandle, script.toHandle) ++ script.descendants.iterator.asScala
      all.foreach(_.destroyForcibly())
      all.foreach(_.onExit.get(60, TimeUnit.SECONDS))
    }
  }

  private def said(log: String): String =
    Processes.text(folder.resolve(log)) + Processes.text(folder.resolve(s"$log.script"))

  private def log(night: Int): String = s"night-${night + 1}-whole.log"

  private def finish(night: Int): Unit = timed(s"night ${night + 1}") {
    assert(new Night(night, "whole").exitCode() == 0, said(log(night)))
  }

  /** Kills a night's processes at a moment that is told by what they have said, or by files. */
  private def killed(night: Int)(reached: String => Boolean): Unit =
    timed(s"night ${night + 1} until it was killed") {
      val processes = new Night(night, "killed")
      Processes.await("where it is to be killed", 300, 5) {
        reached(said(processes.log)) || !processes.isAlive
      }
      assert(processes.isAlive, said(processes.log))
      processes.kill()
    }

  private def timed(what: String)(work: => Unit): Unit = {
    val begun = System.nanoTime
    work
    info(f"$what: ${(System.nanoTime - begun) / 1e9}%.1f s")
  }

  private def data(night: Int): PreparedDataset =
    PreparedDataset.at(store.resolve(s"data/${crawls(night).getFileName}").toString)

  private def manifest(night: Int): Manifest =
    data(night).manifest(spark.sparkContext.hadoopConfiguration)

  private def shards(run: Path): Seq[Seq[Byte]] = (0 to 1).map { rank =>
    val step = stepsOfNights(goodNights.last)
    val name = f"checkpoints/step-$step%08d/rank-$rank%05d-of-00002.safetensors"
    Files.readAllBytes(run.resolve(name)).toSeq
  }

  /** What is exported, file by file. */
  private def model: Map[Path, Seq[Byte]] = {
    val files = Files.list(store.resolve("model"))
    try files.iterator.asScala.map(file => file -> Files.readAllBytes(file).toSeq).toMap
    finally files.close()
  }

  /** The nights' training alone, in this process. */
  private def undisturbed(run: Path): Unit =
    for (night <- goodNights) {
      val paths = (0 to night).map(data(_).root.toString)
      new TrainJob(
        spark,
        TrainJobSparkSuite.settings(stepsOfNights(night), options: _*),
        Scratch.silent
      ).run(paths.asJava, RunFolder.at(run.toString), 2, true, Limits.NONE)
    }

  private def loss(night: Int): Double =
    """held-out loss (\d+\.\d+) nats per token at step""".r
      .findFirstMatchIn(said(log(night)))
      .map(_.group(1).toDouble)
      .get

  test(
    "four nights, killed while they prepare, train and export: nothing is lost, the weights are the " +
      "same; a worse model leaves the exported one there"
  ) {
    killed(0)(_.contains("near ..."))
    assert(!Files.exists(Path.of(data(0).root.toString)))
    finish(0)
    assert(model.keySet.map(_.getFileName.toString).contains("model.safetensors"))

    def isWhole(step: Int) =
      Files.exists(store.resolve(f"run/checkpoints/step-$step%08d/manifest.json"))
    killed(1)(_ => Seq(40, 50, 60, 70).exists(isWhole))
    finish(1)
    assert(said(log(1)).contains("resumed from the checkpoint of step "), said(log(1)))
    val second = model

    // The second evaluation is that of export.
    killed(2)(_.split("\nevaluate \\.\\.\\.\n", -1).length == 3)
    assert(model == second)
    finish(2)
    val third = model
    assert(third != second)

    for (night <- goodNights; stage <- manifest(night).funnel.asScala)
      assert(stage.in == stage.removed + stage.out, s"night ${night + 1}: $stage")
    // Most files of a release stand in the next one as they were.
    val near = manifest(1).funnel.asScala.filter(s => Set("exact", "near").contains(s.stage))
    assert(near.map(_.removed).sum > 10, manifest(1).funnel)
    val kept = spark.read.parquet(s"${data(0).root}/documents").count()
    assert(kept == manifest(0).counts.documents)
    assert(goodNights.map(manifest(_).tokenizerDigest).toSet.size == 1)

    info(goodNights.map(loss).mkString("held-out loss after each night: ", ", ", ""))
    assert(goodNights.map(loss).sliding(2).forall { case Seq(before, after) => after < before })
    val whole = folder.resolve("undisturbed")
    undisturbed(whole)
    assert(shards(store.resolve("run")) == shards(whole))

    finish(badNight)
    info(s"held-out loss after the bad night: ${loss(badNight)}")
    assert(loss(badNight) > loss(goodNights.last))
    assert(
      said(log(badNight)).matches(
        "(?s).*held-out loss \\S+ at step 130 is not below the \\S+ of step 120: \\S+ stays as it is\n"
      ),
      said(log(badNight))
    )
    assert(model == third)
  }
}
