package io.moraine.jobs.cli

import io.moraine.jobs.prepare.{Manifest, PreparedDataset}
import io.moraine.jobs.train.{Limits, Processes, RunFolder, TrainJob, TrainJobSparkSuite}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** conf/schedule/nightly on three nights of real source code: a release of a library, its next one,
  * and another library. The second night is killed while it trains, and started again.
  */
class NightlySuite extends AnyFunSuite with SharedSparkSession {

  private val root = Path.of(System.getProperty("moraine.root", "..")).toAbsolutePath.normalize
  private val stepsOfNights = Seq(30, 90, 120)

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

  /** The files of three folders of the demo's corpus, which Maven fetches. */
  private lazy val crawls: Seq[Path] = {
    val corpus = root.resolve("jobs/target/demo-corpus")
    val maven = Seq("mvn", "-B", "-q", "-f", root.resolve("conf/demo-corpus/pom.xml").toString) ++
      Seq("generate-resources", s"-Dcorpus=$corpus", "-Preduced")
    val fetching = new ProcessBuilder(maven: _*).inheritIO().start()
    assert(fetching.waitFor() == 0, "Maven could not fetch the demo's corpus")
    val releases = Seq("commons-cli/1.8.0", "commons-cli/1.9.0", "commons-dbutils/1.7")
    releases.zipWithIndex.map { case (release, night) =>
      val crawl = folder.resolve(s"crawls/2026-11-0${night + 1}")
      Files.createDirectories(crawl.getParent)
      Files.createSymbolicLink(crawl, corpus.resolve(release))
    }
  }

  /** In place of ./moraine: this class path, and a tenth of the documents held out. */
  private lazy val launcher: Path = {
    val prepare = Files.writeString(folder.resolve("prepare.conf"), "held-out.fraction = 0.1\n")
    val java = Path.of(System.getProperty("java.home"), "bin", "java")
    val file = folder.resolve("moraine")
    Files.writeString(
      file,
      s"""#!/bin/sh
         |command=$$1
         |shift
         |if [ "$$command" = prepare ]; then set -- "$$@" --config '$prepare'; fi
         |exec '$java' -Xmx1g '@${root.resolve(
          "conf/java-module-options"
        )}' ${Processes.RankOptions} \\
         |  -Dspark.master='local[2]' -Dspark.ui.enabled=false -Dspark.sql.shuffle.partitions=4 \\
         |  -cp '${Processes.classPath}' io.moraine.jobs.Moraine "$$command" "$$@"
         |""".stripMargin
    )
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"))
  }

  private def start(night: Int, log: String): Process = {
    val script = root.resolve("conf/schedule/nightly").toString
    val builder = new ProcessBuilder(
      (Seq("sh", script, crawls(night).toString, store.toString) ++
        Seq("--config", settings.toString, "--steps", stepsOfNights(night).toString) ++
        Seq("--ranks", "2")).asJava
    )
    builder.environment.put("MORAINE", launcher.toString)
    builder.environment.put("VOCAB_SIZE", "1024")
    builder.environment.put("OPENBLAS_NUM_THREADS", "1")
    builder.redirectErrorStream(true).redirectOutput(folder.resolve(log).toFile).start()
  }

  private def said(log: String): String = Processes.text(folder.resolve(log))

  private def finish(night: Int, log: String): Unit = {
    val process = start(night, log)
    assert(process.waitFor(300, TimeUnit.SECONDS) && process.exitValue == 0, said(log))
  }

  private def data(night: Int): PreparedDataset =
    PreparedDataset.at(store.resolve(s"data/${crawls(night).getFileName}").toString)

  private def manifest(night: Int): Manifest =
    data(night).manifest(spark.sparkContext.hadoopConfiguration)

  private def shards(run: Path): Seq[Seq[Byte]] = (0 to 1).map { rank =>
    val name = f"checkpoints/step-${stepsOfNights.last}%08d/rank-$rank%05d-of-00002.safetensors"
    Files.readAllBytes(run.resolve(name)).toSeq
  }

  /** The nights' training alone, in this process. */
  private def undisturbed(run: Path): Unit =
    for (night <- stepsOfNights.indices) {
      val paths = (0 to night).map(data(_).root.toString)
      new TrainJob(
        spark,
        TrainJobSparkSuite.settings(stepsOfNights(night), options: _*),
        Scratch.silent
      ).run(paths.asJava, RunFolder.at(run.toString), 2, true, Limits.NONE)
    }

  private def loss(log: String): Double =
    """held-out loss (\d+\.\d+) nats per token at step""".r
      .findFirstMatchIn(said(log))
      .map(_.group(1).toDouble)
      .get

  test("three nights, one killed while it trains: nothing is lost, and the weights are the same") {
    finish(0, "night-1.log")
    val second = start(1, "night-2-killed.log")
    val checkpoint = store.resolve("run/checkpoints/step-00000040/manifest.json")
    Processes.await("a checkpoint of the second night", 300) {
      Files.exists(checkpoint) || !second.isAlive
    }
    assert(second.isAlive, said("night-2-killed.log"))
    val descendants = second.descendants.iterator.asScala.toSeq
    second.destroyForcibly()
    descendants.foreach(_.destroyForcibly())
    descendants.foreach(_.onExit.get(60, TimeUnit.SECONDS))
    finish(1, "night-2.log")
    assert(
      said("night-2.log").contains("resumed from the checkpoint of step "),
      said("night-2.log")
    )
    finish(2, "night-3.log")

    for (night <- 0 to 2; stage <- manifest(night).funnel.asScala)
      assert(stage.in == stage.removed + stage.out, s"night ${night + 1}: $stage")
    // Most files of a release stand in the next one as they were.
    val near = manifest(1).funnel.asScala.filter(s => Set("exact", "near").contains(s.stage))
    assert(near.map(_.removed).sum > 10, manifest(1).funnel)
    val kept = spark.read.parquet(s"${data(0).root}/documents").count()
    assert(kept == manifest(0).counts.documents)
    assert((0 to 2).map(manifest(_).tokenizerDigest).toSet.size == 1)

    val logs = Seq("night-1.log", "night-2.log", "night-3.log")
    info(logs.map(loss).mkString("held-out loss after each night: ", ", ", ""))
    assert(logs.map(loss).sliding(2).forall { case Seq(before, after) => after < before })
    assert(Files.exists(store.resolve("model/model.safetensors")))

    val whole = folder.resolve("undisturbed")
    undisturbed(whole)
    assert(shards(store.resolve("run")) == shards(whole))
  }
}
