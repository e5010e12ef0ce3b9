package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Random

/** kill -9 of the whole training process, then the same command again. */
trait KilledRuns extends SharedSparkSession { this: AnyFunSuite =>

  protected lazy val data: Path = TrainJobSparkSuite.dataset(spark)
  protected def steps: Int
  protected val every = 10

  /** Of `moraine train`. */
  protected def options: Seq[String] = Nil

  protected def settings: Seq[(String, Any)] =
    Seq("train.checkpoint-every" -> every, "train.evaluate-every" -> 0)

  protected def start(run: Path, log: Path, jvmOptions: String*): Process =
    startWith(Nil, run, log, jvmOptions: _*)

  /** The same with further options of `moraine train`. */
  protected def startWith(
      further: Seq[String],
      run: Path,
      log: Path,
      jvmOptions: String*
  ): Process = {
    val train = Seq("train", "--data", data.toString, "--run", run.toString, "--ranks", "2") ++
      Seq("--config", Processes.settingsFile(steps, settings: _*).toString) ++ options ++ further
    Processes.startWith(
      jvmOptions,
      log,
      Map("spark.master" -> "local[2]", "spark.ui.enabled" -> "false"),
      "io.moraine.jobs.Moraine",
      train: _*
    )
  }

  protected def lastShards(run: Path): Seq[Seq[Byte]] = (0 to 1).map { rank =>
    val name = f"checkpoints/step-$steps%08d/rank-$rank%05d-of-00002.safetensors"
    Files.readAllBytes(run.resolve(name)).toSeq
  }
  private def listed(folder: Path): Seq[Path] =
    if (!Files.exists(folder)) Nil
    else {
      val files = Files.list(folder)
      try files.iterator.asScala.toSeq
      finally files.close()
    }

  private def desks(run: Path): Set[String] =
    listed(run.resolve("lease")).map(_.getFileName.toString).filter(_.startsWith("desk-")).toSet

  /** The last step that any attempt has begun a checkpoint of. */
  protected def newest(run: Path): Int =
    listed(run.resolve("checkpoints"))
      .map(_.getFileName.toString.stripPrefix("step-").toInt)
      .maxOption
      .getOrElse(0)

  /** Kills at a moment that a seed decides: so long after its start, so long after it has the lease
    * (ranks connect, restore, make their first steps), or when a checkpoint is written.
    */
  protected def kill(run: Path, process: Process, random: Random, log: Path): Unit = {
    val before = desks(run)
    val target = newest(run) + every * (1 + random.nextInt(2))
    try {
      val moment = random.nextInt(5)
      if (moment == 0) Thread.sleep(random.nextInt(4000).toLong)
      else if (moment == 1) {
        Processes.await("the lease", 120, 1)((desks(run) -- before).nonEmpty || !process.isAlive)
        Thread.sleep(random.nextInt(4000).toLong)
      } else {
        val deadline = System.nanoTime + 120 * 1000000000L
        while (newest(run) < target && process.isAlive && System.nanoTime < deadline)
          Thread.sleep(1)
        assert(newest(run) >= target, Processes.text(log))
        // Half of the time while shards or the manifest are written, else a few steps later.
        Thread.sleep(if (random.nextBoolean()) 0 else random.nextInt(200).toLong)
      }
      assert(process.isAlive, Processes.text(log))
    } finally process.destroyForcibly().waitFor()
  }

  /** Kills a run so often, and compares what it ends with to an undisturbed one.
    *
    * @param jvmOptions
    *   of the undisturbed one
    * @return
    *   its folder
    */
  protected def assertSameBitsKilled(times: Int, jvmOptions: String*): Path = {
    val folder = Scratch.folder()
    val whole = folder.resolve("whole")
    assert(
      Processes.exitCode(start(whole, folder.resolve("whole.log"), jvmOptions: _*), 240) == 0,
      Processes.text(folder.resolve("whole.log"))
    )

    val run = folder.resolve("killed")
    val random = new Random(7)
    val unfinished = (1 to times).count { i =>
      val log = folder.resolve(s"$i.log")
      kill(run, start(run, log), random, log)
      val last = run.resolve(f"checkpoints/step-${newest(run)}%08d")
      Files.exists(last) && !Files.exists(last.resolve("manifest.json"))
    }
    info(s"$unfinished of $times kills left the newest checkpoint without a manifest")

    val last = start(run, folder.resolve("last.log"))
    val log = folder.resolve("last.log")
    assert(Processes.exitCode(last, 240) == 0, Processes.text(log))
    assert(Processes.text(log).contains("resumed from the checkpoint of step "))
    assert(lastShards(run) == lastShards(whole))
    whole
  }
}
