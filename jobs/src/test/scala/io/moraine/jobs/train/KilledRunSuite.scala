package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite

/** kill -9 of the whole training process, then the same command again. */
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
}
