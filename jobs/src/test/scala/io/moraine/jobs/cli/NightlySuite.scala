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

  /** In place of ./moraine: this class path, Spark for jobs of seconds, a tenth of the documents
    * held out.
    */
  private lazy val launcher: Path = {
    val prepare = Files.writeString(folder.resolve("prepare.conf"), "held-out.fraction = 0.1\n")
    val java = Path.of(System.getProperty("java.home"), "bin", "java")
    val modules = root.resolve("conf/java-module-options")
    val file = folder.resolve("moraine")
    Files.writeString(
      file,
      s"""#!/bin/sh
         |command=$$1
         |shift
         |if [ "$$command" = prepare ]; then set -- "$$@" --config '$prepare'; fi
         |exec '$java' -Xmx1g '@$modules' ${Processes.RankOptions} \\
         |  -Dspark.master='local[2]' -Dspark.ui.enabled=false -Dspark.sql.shuffle.partitions=2 \\
         |  -Dspark.sql.codegen.wholeStage=false -Dspark.sql.codegen.factoryMode=NO_CODEGEN \\
         |  -cp '${Processes.classPath}' io.moraine.jobs.Moraine "$$command" "$$@"
         |""".stripMargin
    )
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"))
  }

  private def start(night: Int, log: String): Process = {
    val script = root.resolve("conf/schedule/nightly").toString
    val config = if (night == badNight) badSettings else settings
    val builder = new ProcessBuilder(
      (Seq("sh", script, crawls(night).toString, store.toString) ++
        Seq("--config", config.toString, "--steps", stepsOfNights(night).toString) ++
        Seq("--ranks", "2")).asJava
    )
    builder.environment.put("MORAINE", launcher.toString)
    builder.environment.put("VOCAB_SIZE", "1024")
    builder.environment.put("OPENBLAS_NUM_THREADS", "1")
    builder.redirectErrorStream(true).redirectOutput(folder.resolve(log).toFile).start()
  }

  private def said(log: String): String = Processes.text(folder.resolve(log))

  private def log(night: Int): String = s"night-${night + 1}.log"

  private def finish(night: Int): Unit = {
    val process = start(night, log(night))
    assert(process.waitFor(300, TimeUnit.SECONDS) && process.exitValue == 0, said(log(night)))
  }

  /** Kills a night's process and all below it at a moment that is told by what it has said, or by
    * its files.
    */
  private def killed(night: Int)(reached: String => Boolean): Unit = {
    val log = s"night-${night + 1}-killed.log"
    val process = start(night, log)
    Processes.await("where it is to be killed", 300)(reached(said(log)) || !process.isAlive)
    assert(process.isAlive, said(log))
    val descendants = process.descendants.iterator.asScala.toSeq
    process.destroyForcibly()
    descendants.foreach(_.destroyForcibly())
    descendants.foreach(_.onExit.get(60, TimeUnit.SECONDS))
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

    val checkpoint = store.resolve("run/checkpoints/step-00000040/manifest.json")
    killed(1)(_ => Files.exists(checkpoint))
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
