package io.moraine.jobs.train

import io.moraine.jobs.config.ConfigException
import io.moraine.jobs.prepare.PreparedDataset
import io.moraine.jobs.progress.Progress
import io.moraine.jobs.Scratch
import java.io.{ByteArrayOutputStream, FileNotFoundException, IOException, PrintStream}
import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicBoolean
import java.util.{List => JList}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Try

/** status.json is there, whole and true, from the first run's beginning on. */
class StatusSparkSuite extends AnyFunSuite with WatchedRun {

  /** All that is written to status.json, in order. */
  private class Said {
    val all = new ConcurrentLinkedQueue[Status]
    def see(call: HdfsLike.Call): Unit =
      if (call.name == "rename" && call.file == "status.json")
        all.add(Status.parse(Files.readString(call.from)))
    def states: Seq[String] = all.asScala.toSeq
      .map(_.state)
      .foldLeft(Vector.empty[String])((seen, state) =>
        if (seen.lastOption.contains(state)) seen else seen :+ state
      )
  }

  test("from its first start on, over a second one, there is a whole status at every look") {
    val run = newRun()
    val ended = new AtomicBoolean
    val looks = new ConcurrentLinkedQueue[Try[String]]
    val reader = new Thread(() => {
      while (!Files.exists(run.resolve("status.json")) && !ended.get) Thread.onSpinWait()
      while (!ended.get) looks.add(Try(status(run).state))
    })
    reader.start()
    val said = new Said
    try {
      train(run, 6, before = said.see)()
      train(run, 12, before = said.see)()
    } finally ended.set(true)
    reader.join()
    val failed = looks.asScala.filter(_.isFailure)
    assert(failed.isEmpty, failed.headOption)
    assert(looks.size > 100)
    assert(said.states == Seq("starting", "training", "done", "starting", "training", "done"))
    val restarted = said.all.asScala.filter(_.state == "starting").toSeq(1)
    assert(restarted.step == 6 && restarted.lastCheckpoint == 6 && restarted.steps == 12)
    assert(said.all.asScala.forall(_.reason.isEmpty))
  }

  test("a start that has nothing left to do: done at once, with the numbers of the checkpoint") {
    val run = newRun()
    train(run, 6)()
    val before = status(run)
    val said = new Said
    assert(train(run, 6, before = said.see)().step == 6)
    assert(said.states == Seq("starting", "done"))
    val after = status(run)
    assert(after.loss == before.loss && after.heldOutLoss == before.heldOutLoss)
    assert(after.tokensSeen == before.tokensSeen && after.tokensSeen == 6 * 4 * 32)
  }

  test("all steps made, and data that none of them saw: it says loudly that nothing was trained") {
    val folder = Scratch.folder()
    val run = RunFolder.at(folder.resolve("run").toString)
    def status = Status.parse(Files.readString(folder.resolve("run/status.json")))
    def go(steps: Int, data: Path*): String = {
      val out = new ByteArrayOutputStream
      new TrainJob(
        spark,
        TrainJobSparkSuite.settings(steps),
        new Progress(new PrintStream(out), false, () => 0L)
      ).run(data.map(_.toString).asJava, run, 2, true, Limits.NONE)
      out.toString
    }
    def sequences(data: Path): Long = PreparedDataset
      .at(data.toString)
      .manifest(spark.sparkContext.hadoopConfiguration)
      .counts
      .sequences
    val steps = (sequences(data).toInt + 3) / 4
    go(steps, data)
    assert(!go(steps, data).contains("NOTHING") && status.reason.isEmpty)

    val more = TrainJobSparkSuite.dataset(spark, Some(data), 30)
    val all = sequences(data) + sequences(more)
    val epoch = (4L * steps + sequences(data) - 1) / sequences(data) * sequences(data)
    val line =
      f"NOTHING WAS TRAINED: all $steps%,d steps of ${run.root} are made, and it would take " +
        f"${epoch + all - 4 * steps}%,d more sequences until each of the $all%,d in --data has been seen. " +
        "Raise train.steps (--steps), or use another --run."
    assert(go(steps, data, more).linesIterator.contains("train: " + line))
    assert(status.state == "done" && status.reason == line)
    assert(!go(steps + 1, data, more).contains("NOTHING") && status.reason.isEmpty)
    assert(go(steps + 1, data, more).contains("train: NOTHING WAS TRAINED: "))
  }

  test("a stop in the first step is said when its checkpoint is there, not before") {
    val run = newRun()
    val said = new Said
    assert(train(run, 1000, Limits.NONE.within(Duration.ZERO), said.see)().step == 1)
    assert(said.states == Seq("starting", "training", "stopped"))
    assert(
      said.all.asScala
        .filter(_.state == "stopped")
        .forall(s => s.step == 1 && s.lastCheckpoint == 1)
    )
  }

  test("a lease that cannot be given back takes nothing away from a run that is done") {
    val run = newRun()
    val out = new ByteArrayOutputStream
    val result = train(
      run,
      6,
      before = call =>
        if (call.name == "delete" && call.file.startsWith("holder-"))
          throw new IOException("no such luck"),
      progress = new Progress(new PrintStream(out), false, () => 0L)
    )()
    assert(result.step == 6 && status(run).state == "done")
    val line =
      s"train: the lease of hdfslike:$run could not be given back, it expires after 60 s: " +
        "java.io.IOException: no such luck"
    assert(out.toString.linesIterator.contains(line), out)
  }

  for (
    failure <- Seq(new IOException("no space left"), new FileNotFoundException("/tmp/it was there"))
  )
    test(s"a rank that fails, $failure: recovering, with the cause; then it trains") {
      val run = newRun()
      val said = new Said
      val isFirst = new AtomicBoolean(true)
      train(
        run,
        12,
        before = call => {
          said.see(call)
          if (call.file == "steps-00000006-00000010.parquet" && isFirst.getAndSet(false))
            throw failure
        }
      )()
      assert(said.states == Seq("starting", "training", "recovering", "training", "done"))
      val recovering = said.all.asScala.find(_.state == "recovering").get
      assert(
        recovering.reason.startsWith(
          "a rank was lost, begun again from the newest checkpoint (1 of"
        ),
        recovering.reason
      )
      assert(recovering.reason.contains(failure.getMessage), recovering.reason)
    }

  test("what fails too often: failed, with the line that the command says") {
    val run = newRun()
    val said = new Said
    val failure = intercept[RanksLostException](
      train(
        run,
        12,
        before = call => {
          said.see(call)
          if (call.file == "steps-00000006-00000010.parquet")
            throw new IOException("no space left")
        }
      )("train.recoveries" -> 0)
    )
    assert(said.states == Seq("starting", "training", "failed"))
    assert(status(run).reason == failure.getMessage)
    assert(status(run).lastCheckpoint == 5)
  }

  test("a start that is refused once it has the lease: failed, with the reason; numbers stay") {
    val run = newRun()
    train(run, 5)()
    val loss = status(run).loss
    val said = new Said
    val refused = intercept[ConfigException](
      train(run, 10, before = said.see)("model.rotary.theta" -> 5000)
    )
    assert(said.states == Seq("starting", "failed"))
    assert(status(run).reason == refused.getMessage)
    assert(refused.getMessage.startsWith(s"the run hdfslike:$run has another model: "))
    assert(status(run).step == 5 && status(run).lastCheckpoint == 5 && status(run).loss == loss)
    assert(train(run, 10)().resumedFrom == 5)
    assert(status(run).state == "done" && status(run).reason.isEmpty)
  }

  /** A loss that goes out of hand, when a checkpoint is there. */
  private def outOfHand(policy: String, atMost: Int): (Path, String, Said) = {
    val run = newRun()
    val said = new Said
    val failure = intercept[Exception](
      train(run, 40, before = said.see)(
        "train.spikes.policy" -> policy,
        "train.spikes.at-most" -> atMost,
        "train.spikes.deviations" -> 0.01,
        "train.spikes.window" -> 6,
        "train.learning-rate.peak" -> 0.02,
        "train.learning-rate.phases" -> JList.of()
      )
    )
    (run, RankStage.reason(failure), said)
  }

  for ((policy, atMost) <- Seq("stop" -> 10, "roll-back" -> 1, "skip" -> 0))
    test(s"a bad step that ends the run, $policy at most $atMost: in metrics and status") {
      val (run, line, said) = outOfHand(policy, atMost)
      val Step = "step (\\d+): (loss \\S+ is a spike, .*? steps)[.,].*".r
      val Step(step, why) = line: @unchecked
      assert(said.states == Seq("starting", "training", "failed"))
      val last = status(run)
      assert(last.state == "failed" && last.reason == line && last.step == step.toLong)
      assert(last.badSteps == (if (policy == "roll-back") 2 else 1))
      val setting =
        if (policy == "stop") "train.spikes.policy is stop" else s"train.spikes.at-most is $atMost"
      val recorded = s"$why; the run ends: $setting"
      assert(last.message.endsWith(s"step $step ends the run: $recorded"), last.message)

      val rows = spark.read
        .parquet(run.resolve("metrics").toString)
        .orderBy("step")
        .selectExpr("step", "left_out", "bad")
        .collect()
        .toSeq
      assert(rows.map(_.getLong(0)) == (1L to step.toLong))
      assert(rows.last.getBoolean(1) && rows.last.getString(2) == recorded)
      assert(rows.count(row => !row.isNullAt(2)) == last.badSteps)
      assert(checkpoints(run).max < step.toInt && checkpoints(run).forall(isWhole(run, _)))

      // What is done again has one row a step, as if the end had not been.
      val again = train(run, 40)("train.learning-rate.phases" -> JList.of())
      assert(again.resumedFrom == last.lastCheckpoint && again.step == 40)
      val steps = spark.read.parquet(run.resolve("metrics").toString).orderBy("step").collect()
      assert(steps.map(_.getAs[Long]("step")).toSeq == (1L to 40L))
    }
}
