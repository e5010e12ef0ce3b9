package io.moraine.jobs.train

import io.moraine.jobs.Scratch
import io.moraine.jobs.lease.Lease
import java.nio.file.Files
import org.apache.hadoop.conf.Configuration
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
    "two started at the same moment: one trains, the other ends with 75; SIGTERM and --tokens make " +
      "a checkpoint, from which the next start goes on; --wall ends one before its first step"
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
    // The other's first claim may be gone, for a better one, when this one wants to read it.
    val holders = Seq(s"process ${trains.pid} on ", "another process, ")
    assert(holders.exists(holder => said.contains(s"is being trained by $holder")), said)

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

    /** A start that ends with 0; what it says. */
    def next(name: String, limit: String*): String = {
      val log = folder.resolve(s"$name.log")
      assert(Processes.exitCode(startWith(limit, run, log), 240) == 0, Processes.text(log))
      Processes.text(log)
    }
    val tokens = (stopped.step + 20) * 4 * 32
    val counted = next("tokens", "--tokens", tokens.toString)
    assert(counted.contains(s"resumed from the checkpoint of step ${stopped.step}"), counted)
    val limited = Status.parse(status)
    assert(limited.state == "stopped" && limited.step == stopped.step + 20)
    assert(limited.tokensSeen == tokens && limited.lastCheckpoint == limited.step)

    // A second is over before Spark is up: no step is made.
    val late = next("wall", "--wall", "1s")
    assert(late.contains("stopped: its time is over"), late)
    val over = Status.parse(status)
    assert(over.state == "stopped" && over.step == limited.step)
    assert(over.tokensSeen == tokens && over.loss == limited.loss)

    val rest = next("rest")
    assert(rest.contains(s"resumed from the checkpoint of step ${limited.step}"), rest)
    val progress =
      s"train: step $steps of $steps  loss \\d\\.\\d{3}  held-out \\d\\.\\d{3}  [\\d,]+ tokens/s  " +
        s"MaxVio \\d\\.\\d\\d  checkpoint $steps  0 s to go"
    assert(rest.linesIterator.exists(_.matches(progress)), rest)
  }

  test("--skip-if-held: the run that another process trains is left to it, with 0") {
    val folder = Scratch.folder()
    val run = folder.resolve("run")
    val log = folder.resolve("log")
    val minute = java.time.Duration.ofMinutes(1)
    val lease =
      Lease.take(new Configuration, RunFolder.at(run.toString).leased, minute, (_: String) => ())
    try {
      val skipped = startWith(Seq("--skip-if-held"), run, log)
      assert(Processes.exitCode(skipped, 120) == 0, Processes.text(log))
    } finally lease.close()
    val said = Processes.text(log)
    assert(said.contains(s"is being trained by process ${ProcessHandle.current.pid} on "), said)
    assert(said.contains("use another --run. (--skip-if-held)"), said)
    assert(!Files.exists(run.resolve("status.json")))
  }
}
