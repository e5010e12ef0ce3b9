package io.moraine.jobs.train

import io.moraine.jobs.Scratch
import java.io.IOException
import io.moraine.jobs.lease.TryLaterException
import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.concurrent.atomic.AtomicBoolean
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.concurrent.TrieMap
import scala.util.Try

/** Whatever ends a run, it ends within one step, and with a checkpoint of that step. */
class StopsSparkSuite extends AnyFunSuite with WatchedRun {

  /** No checkpoint but the one that is asked for. */
  private val rare = Seq("train.checkpoint-every" -> 100000, "train.evaluate-every" -> 0)

  private def requireStopped(run: Path, step: Int, reason: String): Unit = {
    assert(checkpoints(run) == Seq(step) && isWhole(run, step))
    assert(lastStep(run) == step)
    val said = status(run)
    assert(said.state == "stopped" && said.reason == reason)
    assert(said.step == step && said.lastCheckpoint == step)
    assert(said.message.endsWith(s"stopped: $reason"), said.message)
  }

  test("--steps: the last step has a checkpoint") {
    val run = newRun()
    assert(train(run, 7)(rare: _*).step == 7)
    assert(checkpoints(run) == Seq(7) && isWhole(run, 7) && lastStep(run) == 7)
    assert(status(run).state == "done" && status(run).reason.isEmpty)
  }

  test("--tokens: the step in which they are seen has a checkpoint") {
    val run = newRun()
    val result = train(run, 1000, Limits.ofTokens(6 * 4 * 32 + 1))(rare: _*)
    assert(result.step == 7)
    requireStopped(run, 7, "896 tokens are seen")
  }

  test("--wall: the step in which the time is over has a checkpoint") {
    val run = newRun()
    val limits = Limits.NONE.within(Duration.ofSeconds(10))
    val begun = System.nanoTime
    val deadline = limits.deadlineNanos.get
    // When the step was over but for what follows the look: all of a step but its beginning.
    val over = TrieMap.empty[Int, Long]
    val result = train(
      run,
      1000000,
      limits,
      call => sampledStep(call).foreach(over(_) = System.nanoTime)
    )(rare ++ sampled: _*)
    val step = result.step.toInt
    requireStopped(run, step, "its time is over")
    assert(over.keySet == (1 to step).toSet)
    assert(over(step) - deadline >= 0, "it was not over before")
    // Ranks are told what time is left, and count it from when they begin.
    val late = over(1) - begun
    assert(step < 3 || over(step - 2) - deadline < late, "nor a step before")
    info(s"$step steps")
  }

  test("a stop file: made in step 7, behind the look of that step, it ends the run with step 8") {
    val run = newRun()
    val stop = run.resolve("stop")
    val result = train(
      run,
      1000,
      before = call => if (sampledStep(call).contains(7)) Files.createFile(stop)
    )(rare ++ sampled: _*)
    assert(result.step == 8)
    requireStopped(run, 8, s"there is a file hdfslike:$stop")

    val refused = intercept[TryLaterException](train(run, 1000)(rare: _*))
    val kept =
      s"hdfslike:$run is kept from training by the file hdfslike:$stop. Remove it to go on."
    assert(refused.getMessage == kept)
    val said = status(run)
    assert(said.state == "stopped" && said.reason == kept && said.step == 8)
    Files.delete(stop)
    assert(train(run, 10)(rare: _*).resumedFrom == 8)
  }

  test("SIGTERM: what its hook does in step 7 ends the run with step 8") {
    val run = newRun()
    val result = train(
      run,
      1000,
      before = call =>
        if (sampledStep(call).contains(7)) {
          val Seq(desk) = names(run.resolve("lease")).filter(_.startsWith("desk-"))
          Files.createFile(run.resolve("lease").resolve(desk).resolve("end-requested"))
        }
    )(rare ++ sampled: _*)
    assert(result.step == 8)
    requireStopped(run, 8, "the process was asked to end")
    assert(!Files.exists(run.resolve("lease")))
    assert(train(run, 10)(rare: _*).resumedFrom == 8)
  }

  test(
    "slots that are counted and then taken: a stop file, or its time, ends the wait all the same"
  ) {
    val occupant = new Occupant(spark)
    try {
      occupant.start()
      occupant.awaitTask()
      val run = newRun()
      val stop = run.resolve("stop")
      var ended: Option[Try[Any]] = None
      val training = new Thread(() => ended = Some(Try(train(run, 1000)(rare: _*))))
      training.start()
      Processes.await("its beginning", 60)(
        Files.exists(run.resolve("settings.json")) && status(run).state == "starting"
      )
      Files.createFile(stop)
      training.join(60000)
      assert(ended.nonEmpty, "it waits without end")
      val kept =
        s"hdfslike:$run is kept from training by the file hdfslike:$stop. Remove it to go on."
      val refused = ended.get.failed.get
      assert(refused.isInstanceOf[TryLaterException] && refused.getMessage == kept, refused)
      assert(status(run).state == "stopped" && status(run).reason == kept)

      val late = newRun()
      var over: Option[Try[Any]] = None
      val limits = Limits.NONE.within(Duration.ofSeconds(5))
      val waiting = new Thread(() => over = Some(Try(train(late, 1000, limits)(rare: _*))))
      waiting.start()
      waiting.join(60000)
      assert(over.nonEmpty, "it waits without end")
      assert(
        over.get.failed.get.getMessage == s"hdfslike:$late: its time is over while it waited for " +
          "slots. Start it again, or give it more executors."
      )
    } finally occupant.close()
  }

  test("a lost rank whose slot is taken: asked to end while it waits, it ends as with a step") {
    val run = newRun()
    val occupant = new Occupant(spark)
    val isFirst = new AtomicBoolean(true)
    try {
      val ended = intercept[EndedInWaitException](
        train(
          run,
          1000,
          before = call => {
            if (call.file == "steps-00000006-00000010.parquet" && isFirst.getAndSet(false)) {
              occupant.start()
              throw new IOException("no space left")
            }
            if (
              call.name == "rename" && call.file == "status.json" &&
              Status.parse(Files.readString(call.from)).state == "recovering"
            ) Files.createFile(run.resolve("stop"))
          }
        )("train.evaluate-every" -> 0)
      )
      val line =
        s"hdfslike:$run: there is a file hdfslike:$run/stop while its ranks waited for slots " +
          "to begin again. Its newest checkpoint is of step 5."
      assert(ended.getMessage == line)
      assert(status(run).state == "stopped" && status(run).reason == line)
      assert(status(run).lastCheckpoint == 5 && isWhole(run, 5))
      Files.delete(run.resolve("stop"))
    } finally occupant.close()
    assert(train(run, 12)().resumedFrom == 5)
  }

  test("SIGTERM to a process whose steps take long: it ends with the next one, with 143") {
    val folder = Scratch.folder()
    val run = folder.resolve("run")
    val log = folder.resolve("log")
    val slow = rare :+ ("train.sequences-per-step" -> 400)
    val process = Processes.start(
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
      Processes.settingsFile(100000, slow: _*).toString
    )
    try {
      def step = if (Files.exists(run.resolve("status.json"))) status(run).step else 0
      Processes.await("the first step", 120)(step > 0 || !process.isAlive)
      assert(process.isAlive, Processes.text(log))
      val asked = step
      process.destroy()
      assert(Processes.exitCode(process, 120) == 143, Processes.text(log))
      val ended = status(run).step.toInt
      info(s"asked behind step $asked, ended with step $ended")
      assert(Files.exists(run.resolve("checkpoints")), Processes.text(log))
      requireStopped(run, ended, "the process was asked to end")
      // The status is written once a second, and the signal takes its time.
      assert(ended > asked && ended <= asked + 3)
    } finally process.destroyForcibly()
  }
}
