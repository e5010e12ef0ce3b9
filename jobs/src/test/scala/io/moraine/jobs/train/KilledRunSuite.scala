package io.moraine.jobs.train

import io.moraine.jobs.Scratch
import org.scalatest.funsuite.AnyFunSuite

/** kill -9 and SIGTERM of the whole training process, two of them at once, then the same command
  * again.
  */
class KilledRunSuite extends AnyFunSuite with KilledRuns {

  protected def steps: Int = 300

  test("killed ten times, while starting, training and writing checkpoints: the same bits") {
    assertSameBitsKilled(10)
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
