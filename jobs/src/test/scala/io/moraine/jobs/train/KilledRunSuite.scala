package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite

/** kill -9 and SIGTERM of the whole training process, two of them at once, then the same command
  * again.
  */
class KilledRunSuite extends AnyFunSuite with SharedSparkSession {

  private lazy val data = TrainJobSparkSuite.dataset(spark)
  private val steps = 300

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
      .settingsFile(steps, "train.checkpoint-every" -> 20, "train.evaluate-every" -> 0)
      .toString
  )

  private def lastShards(run: Path): Seq[Seq[Byte]] = (0 to 1).map { rank =>
    val name = f"checkpoints/step-$steps%08d/rank-$rank%05d-of-00002.safetensors"
    Files.readAllBytes(run.resolve(name)).toSeq
  }

  test("a killed run started again resumes, says so, and ends with the same weights bit for bit") {
    val folder = Scratch.folder()
    val whole = folder.resolve("whole")
    assert(
      Processes.exitCode(start(whole, folder.resolve("whole.log")), 240) == 0,
      Processes.text(folder.resolve("whole.log"))
    )

    val killed = folder.resolve("killed")
    val first = start(killed, folder.resolve("first.log"))
    Processes.await("the first whole checkpoint", 120) {
      Files.exists(killed.resolve("checkpoints/step-00000020/manifest.json")) || !first.isAlive
    }
    assert(first.isAlive, Processes.text(folder.resolve("first.log")))
    first.destroyForcibly().waitFor()

    val second = start(killed, folder.resolve("second.log"))
    assert(Processes.exitCode(second, 240) == 0, Processes.text(folder.resolve("second.log")))
    val log = Processes.text(folder.resolve("second.log"))
    assert(log.contains("resumed from the checkpoint of step "), log)
    assert(lastShards(killed) == lastShards(whole))
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
