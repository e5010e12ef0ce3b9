package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Random

/** kill -9 and SIGTERM of the whole training process, two of them at once, then the same command
  * again.
  */
class KilledRunSuite extends AnyFunSuite with SharedSparkSession {

  private lazy val data = TrainJobSparkSuite.dataset(spark)
  private val steps = 300
  private val every = 10

  private def start(run: Path, log: Path): Process = Processes.start(
    log,
    Map("spark.master" -> "local[2]", "spark.ui.enabled" -> "false"),
    "io.moraine.jobs.Moraine",
    "train",
    "--data",
    data.toString,
    "--run",
    run.toString,
    "--ranks",
    "2",
    "--config",
    Processes
      .settingsFile(steps, "train.checkpoint-every" -> every, "train.evaluate-every" -> 0)
      .toString
  )

  private def lastShards(run: Path): Seq[Seq[Byte]] = (0 to 1).map { rank =>
    val name = f"checkpoints/step-$steps%08d/rank-$rank%05d-of-00002.safetensors"
    Files.readAllBytes(run.resolve(name)).toSeq
  }

  private def checkpoints(run: Path): Seq[Path] = {
    val folder = run.resolve("checkpoints")
    if (!Files.exists(folder)) Nil
    else {
      val files = Files.list(folder)
      try files.iterator.asScala.toSeq
      finally files.close()
    }
  }

  /** The last step that any attempt has begun a checkpoint of. */
  private def newest(run: Path): Int =
    checkpoints(run).map(_.getFileName.toString.stripPrefix("step-").toInt).maxOption.getOrElse(0)

  /** Kills at a moment that a seed decides: so long after its start, or when a checkpoint is
    * written.
    */
  private def kill(run: Path, process: Process, random: Random, log: Path): Unit = {
    val target = newest(run) + every * (1 + random.nextInt(2))
    try {
      if (random.nextInt(5) == 0) Thread.sleep(random.nextInt(4000).toLong)
      else {
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

  test("killed ten times, while starting, training and writing checkpoints: the same bits") {
    val folder = Scratch.folder()
    val whole = folder.resolve("whole")
    assert(
      Processes.exitCode(start(whole, folder.resolve("whole.log")), 240) == 0,
      Processes.text(folder.resolve("whole.log"))
    )

    val run = folder.resolve("killed")
    val random = new Random(7)
    val unfinished = (1 to 10).count { i =>
      val log = folder.resolve(s"$i.log")
      kill(run, start(run, log), random, log)
      val last = run.resolve(f"checkpoints/step-${newest(run)}%08d")
      Files.exists(last) && !Files.exists(last.resolve("manifest.json"))
    }
    info(s"$unfinished of ten kills left the newest checkpoint without a manifest")

    val last = start(run, folder.resolve("last.log"))
    val log = folder.resolve("last.log")
    assert(Processes.exitCode(last, 240) == 0, Processes.text(log))
    assert(Processes.text(log).contains("resumed from the checkpoint of step "))
    assert(lastShards(run) == lastShards(whole))
  }

  test(
    "two started at the same moment: one trains, the other ends with 75; SIGTERM makes a checkpoint"
  ) {
    val folder = Scratch.folder()
    val run = folder.resolve("run")
    val both = Seq("one", "other").map(name => name -> start(run, folder.resolve(s"$name.log")))
    def logs = both.map { case (name, _) => Processes.text(folder.resolve(s"$name.log")) }
    Processes.await("the end of one of them", 120)(both.exists(!_._2.isAlive))
    val ((ended, refused), (name, trains)) =
      if (both.head._2.isAlive) (both.last, both.head) else (both.head, both.last)
    assert(refused.exitValue == 75, logs)
    val said = Processes.text(folder.resolve(s"$ended.log"))
    assert(said.contains(s"is being trained by process ${trains.pid} on "), said)

    def status = Processes.text(run.resolve("status.json"))
    Processes.await("training", 120)(status.contains("\"training\"") || !trains.isAlive)
    trains.destroy()
    assert(Processes.exitCode(trains, 120) == 143, logs)
    val stopped = Status.parse(status)
    val log = Processes.text(folder.resolve(s"$name.log"))
    assert(stopped.state == "stopped" && stopped.step < steps, log)
    assert(stopped.lastCheckpoint == stopped.step)
    assert(log.contains("stopped: the process was asked to end"), log)
    assert(!log.contains("Exception"), log)

    val rest = start(run, folder.resolve("rest.log"))
    assert(Processes.exitCode(rest, 240) == 0, Processes.text(folder.resolve("rest.log")))
    val again = Processes.text(folder.resolve("rest.log"))
    assert(again.contains(s"resumed from the checkpoint of step ${stopped.step}"), again)
  }
}
