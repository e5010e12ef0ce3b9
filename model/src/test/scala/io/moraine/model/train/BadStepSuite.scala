package io.moraine.model.train

import io.moraine.model.checkpoint.{Checkpoint, Checkpoints, LocalStorage, Storage, WatchedStorage}
import io.moraine.model.collective.Ranks
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.data.{SequenceOrder, TokenBatch, TokenSource}
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import io.moraine.model.reduction.ReductionConfig
import io.moraine.model.train.TrainConfig.Spikes
import io.moraine.model.train.TrainConfig.Spikes.Policy
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import java.util.concurrent.ConcurrentLinkedQueue
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Try

class BadStepSuite extends AnyFunSuite {

  private val vocabulary = 31
  private val marker = vocabulary - 1
  private val perStep = 6
  private val order = new SequenceOrder(2000, 1)

  /** What becomes of loss and gradient where a marked sequence is in the batch. */
  private sealed abstract class Fault(val loss: Double, val gradient: Float)
  private case object LossIsNaN extends Fault(Double.NaN, 1)
  private case object GradientIsNaN extends Fault(1, Float.NaN)
  private case object GradientIsInfinite extends Fault(1, Float.PositiveInfinity)
  private case object Spike extends Fault(100, 100)

  /** Counts tokens of even and odd ids as those of two experts, whose biases it keeps. */
  private class FaultyModel(fault: Fault) extends BigramModel(vocabulary) {
    private val load = new Array[Long](2)
    private var biases = new Array[Float](2)

    override protected def pass(batch: TokenBatch, weight: Double): Double = {
      batch.tokens.foreach(token => load(token & 1) += 1)
      val loss = super.pass(batch, weight)
      if (batch.tokens.contains(marker)) {
        gradients.values(7) *= fault.gradient
        gradients.values(700) *= fault.gradient
        loss * fault.loss
      } else loss
    }

    override val expertBalance: Optional[ExpertBalance] = Optional.of(new ExpertBalance {
      override def layers: Int = 1
      override def experts: Int = 2
      override def takeLoad(): Array[Long] = {
        val taken = load.clone
        java.util.Arrays.fill(load, 0)
        taken
      }
      override def updateBias(global: Array[Long], gamma: Float): Unit =
        for (e <- 0 to 1) biases(e) -= gamma * java.lang.Long.signum(2 * global(e) - global.sum)
      override def bias: Array[Float] = biases.clone
      override def setBias(bias: Array[Float]): Unit = biases = bias.clone
    })
  }

  /** The sequences of the steps in the order that 2000 have; those of bad steps are marked, those
    * of absent ones were never there.
    */
  private class Steps(bad: Set[Int], absent: Seq[Int] = Nil) extends TokenSource {
    private val source = new PatternSource(marker, 2000)
    private val positions = (0L until 2000L).map(p => order.at(p) -> p).toMap
    override def sequences: Long = source.sequences
    override def length: Int = source.length
    override def read(sequence: Long, dst: Array[Int], offset: Int): Unit = {
      val step = positions(sequence) / perStep + 1
      val shifted = absent.foldLeft(step)((at, gone) => if (at >= gone) at + 1 else at)
      val position = positions(sequence) + (shifted - step) * perStep
      source.read(order.at(position), dst, offset)
      // One of them: on two ranks the fault is on one alone.
      if (bad(shifted.toInt) && position % perStep == 0)
        java.util.Arrays.fill(dst, offset, offset + length + 1, marker)
    }
    override def close(): Unit = ()
  }

  private def config(
      steps: Int,
      spikes: Spikes,
      wire: TrainConfig.Wire = int8
  ) = new TrainConfig(
    1,
    steps.toLong,
    TrainConfig.Batch.constant(perStep, 2),
    new LearningRateSchedule(0.1, 5, JList.of()),
    new AdamW.Config(0.9, 0.95, 1e-8, 0.01),
    1.0,
    new TrainConfig.Balance(0.01, 1),
    wire,
    new TrainConfig.Every(10, 3, 20, 30, 8),
    spikes
  )

  private def int8 = new TrainConfig.Wire(GradientCodec.of("int8"), TrainConfig.Weights.BF16)

  private class Recorder extends TrainObserver {
    val metrics = new ConcurrentLinkedQueue[StepMetrics]
    val bad = new ConcurrentLinkedQueue[Checkpoint.BadStep]
    override def started(step: Long): Unit = ()
    override def message(text: String): Unit = ()
    override def stepped(step: StepMetrics): Unit = metrics.add(step)
    override def leftOut(step: Checkpoint.BadStep): Unit = {
      assert(metrics.asScala.last.step == step.step)
      bad.add(step)
    }
    val ended = new ConcurrentLinkedQueue[Checkpoint.BadStep]

    /** Whether the end was recorded when a rank failed. */
    val failedBehind = new ConcurrentLinkedQueue[Boolean]
    override def ended(step: Checkpoint.BadStep): Unit = {
      assert(metrics.asScala.last.step == step.step)
      Thread.sleep(200) // for a rank that does not wait
      ended.add(step)
    }
    override def evaluated(step: Long, loss: Double): Unit = ()
    override def checkpointing(step: Long): Unit = ()
    override def checkpointed(step: Long): Unit = ()
  }

  private def attempt(
      run: Path,
      worldSize: Int,
      config: TrainConfig,
      data: => TokenSource,
      fault: Fault = LossIsNaN,
      recorder: Recorder = new Recorder,
      storage: Path => Storage = new LocalStorage(_)
  ): Seq[Try[TrainResult]] = Ranks.run(worldSize) { communicator =>
    try
      new Trainer(
        new FaultyModel(fault),
        config,
        communicator,
        data,
        Optional.of(new PatternSource(marker, 4)),
        new Checkpoints(storage(run)),
        recorder,
        "digest",
        () => 0L
      ).run(true)
    catch {
      case e: Throwable =>
        recorder.failedBehind.add(!recorder.ended.isEmpty)
        communicator.abort(e.toString)
        throw e
    }
  }

  private def train(
      run: Path,
      worldSize: Int,
      config: TrainConfig,
      data: => TokenSource,
      fault: Fault = LossIsNaN,
      recorder: Recorder = new Recorder
  ): Seq[TrainResult] = attempt(run, worldSize, config, data, fault, recorder).map(_.get)

  private def folder(): Path = Files.createTempDirectory("bad-steps")

  private def checkpoint(run: Path): Checkpoint =
    new Checkpoints(new LocalStorage(run)).newestWhole(_ => ()).get

  /** Everything that ranks have stored, bit for bit. */
  private def stored(run: Path): Seq[(String, Seq[Int])] = {
    val checkpoints = new Checkpoints(new LocalStorage(run))
    for {
      file <- checkpoint(run).files.keySet.asScala.toSeq.sorted
      tensor <- checkpoints.read(checkpoint(run), file).tensors.asScala
    } yield s"$file ${tensor.name}" ->
      tensor.floats.map(value => java.lang.Float.floatToRawIntBits(value)).toSeq
  }

  private val skip = new Spikes(Policy.SKIP, 6, 12, 10)
  private val rollBack = new Spikes(Policy.ROLL_BACK, 6, 12, 10)

  private val wires = Seq(
    "int8" -> int8,
    "int4 with error feedback" ->
      new TrainConfig.Wire(GradientCodec.of("int4"), TrainConfig.Weights.BF16),
    "top 5 % with momentum" ->
      new TrainConfig.Wire(new ReductionConfig.TopK(0.05, 0.9, true), TrainConfig.Weights.BF16),
    "powersgd, weights as differences" ->
      new TrainConfig.Wire(
        new ReductionConfig.PowerSgd(4, true),
        TrainConfig.Weights.INT8_DIFFERENCES
      )
  )

  test("bad steps of long ago do not count, and losses on other data are forgotten") {
    val judge = new StepJudge(new Spikes(Policy.SKIP, 6, 2, 1))
    assert(judge.judge(1, Double.NaN, 1).isPresent)
    judge.leaveOut(1, 1, "not a number")
    intercept[BadStepException](judge.judge(1001, Double.NaN, 1))
    assert(judge.judge(1002, Double.NaN, 1).isPresent)
    for (step <- 3 to 4) assert(judge.judge(step.toLong, 1 + step / 10.0, 1).isEmpty)
    assert(judge.judge(1005, 5, 1).isPresent)
    judge.forgetLosses()
    assert(judge.judge(1006, 5, 1).isEmpty)
  }

  for ((name, wire) <- wires; worldSize <- Seq(1, 2)) {
    test(s"skip, $name, P = $worldSize: all state is that of a run that never saw the sequences") {
      for (fault <- Seq(LossIsNaN, GradientIsNaN, GradientIsInfinite, Spike)) {
        val run = folder()
        val recorder = new Recorder
        train(run, worldSize, config(40, skip, wire), new Steps(Set(25)), fault, recorder)
        assert(recorder.bad.asScala.map(b => (b.step, b.from)).toSeq == Seq((25L, 25L)), fault)
        val without = folder()
        train(without, worldSize, config(39, skip, wire), new Steps(Set(), Seq(25)))
        assert(stored(run) == stored(without), fault)
        assert(checkpoint(run).state.history.leftOut == 1)
        assert(checkpoint(run).state.position == 40 * perStep)
      }
    }

    test(s"roll-back, $name, P = $worldSize: that of a run without what the checkpoint had not") {
      for (fault <- Seq(GradientIsNaN, Spike)) {
        val run = folder()
        val recorder = new Recorder
        train(run, worldSize, config(40, rollBack, wire), new Steps(Set(25)), fault, recorder)
        assert(recorder.bad.asScala.map(b => (b.step, b.from)).toSeq == Seq((25L, 21L)), fault)
        val without = folder()
        train(without, worldSize, config(35, rollBack, wire), new Steps(Set(), 21 to 25))
        assert(stored(run) == stored(without), fault)
        assert(checkpoint(run).state.history.leftOut == 5)
      }
    }

    for (policy <- Seq(skip, rollBack); killed <- if (name == "int8") Seq(20, 30, 40) else Seq(30))
      test(
        s"${policy.policy}, $name, P = $worldSize: killed behind step $killed and resumed, the same bits"
      ) {
        val bad = Set(17, 25, 28)
        val whole = folder()
        train(whole, worldSize, config(50, policy, wire), new Steps(bad), GradientIsNaN)
        val run = folder()
        train(run, worldSize, config(killed, policy, wire), new Steps(bad), GradientIsNaN)
        // What was made since the checkpoint before is lost, and done again.
        Files.delete(run.resolve(f"checkpoints/step-$killed%08d/manifest.json"))
        val recorder = new Recorder
        val resumed =
          train(run, worldSize, config(50, policy, wire), new Steps(bad), GradientIsNaN, recorder)
        assert(resumed.head.resumedFrom == killed - 10)
        assert(recorder.bad.asScala.map(_.step).toSeq == bad.toSeq.sorted.filter(_ > killed - 10))
        assert(stored(run) == stored(whole))
        assert(checkpoint(run).state == checkpoint(whole).state)
        assert(checkpoint(run).state.history.bad.asScala.map(_.step) == bad.toSeq.sorted)
      }
  }

  test("roll-back before the first checkpoint: to the beginning") {
    val run = folder()
    val recorder = new Recorder
    train(run, 2, config(20, rollBack), new Steps(Set(8)), LossIsNaN, recorder)
    assert(recorder.bad.asScala.map(b => (b.step, b.from)).toSeq == Seq((8L, 1L)))
    assert(checkpoint(run).state.history.leftOut == 8)
    // The learning rate goes on in steps: behind the warm-up it is higher than at a first step.
    assert(recorder.metrics.asScala.toSeq.map(_.learningRate).apply(8) == 0.1)
    assert(recorder.metrics.asScala.last.loss < math.log(vocabulary))
  }

  test("roll-back to before data that was added: losses before it are not held against it") {
    val known = 138L
    val grown = new SequenceOrder(known, 1).grown(120, 2000)
    assert(grown.stretches.asScala.map(_.from) == Seq(0L, known))
    val marked = grown.at(26 * perStep.toLong)
    assert(marked >= known)

    /** What was added is of another kind, and in step 27 there is something wrong. */
    class Growing(override val sequences: Long) extends TokenSource {
      private val source = new PatternSource(marker, 2000)
      override def length: Int = source.length
      override def read(sequence: Long, dst: Array[Int], offset: Int): Unit = {
        source.read(sequence, dst, offset)
        if (sequence >= known)
          for (i <- 1 to length) dst(offset + i) = (dst(offset + i - 1) * 7 + 5) % marker
        if (sequence == marked) java.util.Arrays.fill(dst, offset, offset + length + 1, marker)
      }
      override def close(): Unit = ()
    }
    for (worldSize <- 1 to 2) {
      val run = folder()
      val strict = new Spikes(Policy.ROLL_BACK, 2, 12, 3)
      train(run, worldSize, config(20, strict), new Growing(known))
      val recorder = new Recorder
      train(run, worldSize, config(40, strict), new Growing(2000), LossIsNaN, recorder)
      assert(recorder.bad.asScala.map(b => (b.step, b.from)).toSeq == Seq((27L, 21L)))
      val losses = recorder.metrics.asScala.map(m => m.step -> m.loss).toMap
      assert(losses(28) > losses(23) + 1, "the data is of another kind")
    }
  }

  test("roll-back and the end of a run wait for the checkpoint that is being written") {
    def slow(run: Path) =
      new WatchedStorage(run, file => if (file.endsWith(".safetensors")) Thread.sleep(300))
    val run = folder()
    val recorder = new Recorder
    val one = config(50, new Spikes(Policy.ROLL_BACK, 6, 12, 1))
    val failures =
      attempt(run, 2, one, new Steps(Set(21, 32)), LossIsNaN, recorder, slow)
    assert(failures.forall(_.isFailure))
    assert(recorder.bad.asScala.map(b => (b.step, b.from)).toSeq == Seq((21L, 21L)))
    assert(checkpoint(run).step == 30)
  }

  test("a loss is no spike before the window is full, and spikes do not widen it") {
    val recorder = new Recorder
    train(folder(), 1, config(40, skip), new Steps(Set(8, 21, 22, 23)), Spike, recorder)
    assert(recorder.bad.asScala.map(_.step).toSeq == Seq(21L, 22L, 23L))
    assert(
      recorder.bad.asScala.head.why.matches(
        "loss \\d+\\.\\d{4} is a spike, more than 6.0 standard deviations above the mean \\d\\.\\d{4} of 12 steps"
      ),
      recorder.bad.asScala.head.why
    )
  }

  test("deviations of 0: what is not a number is bad, and nothing else") {
    val blind = new Spikes(Policy.SKIP, 0, 12, 10)
    for ((fault, bad) <- Seq(Spike -> 0, LossIsNaN -> 1)) {
      val recorder = new Recorder
      train(folder(), 1, config(30, blind), new Steps(Set(25)), fault, recorder)
      assert(recorder.bad.size == bad)
    }
  }

  for ((policy, worldSize) <- Seq((Policy.SKIP, 1), (Policy.SKIP, 2), (Policy.ROLL_BACK, 2)))
    test(
      s"$policy, P = $worldSize: one bad step more than at-most ends the run, started again too"
    ) {
      val run = folder()
      val two = config(50, new Spikes(policy, 6, 12, 2))
      for (_ <- 1 to 2) {
        val recorder = new Recorder
        val failures =
          attempt(run, worldSize, two, new Steps(Set(17, 25, 36)), recorder = recorder)
        val recorded = recorder.ended.asScala.toSeq
        assert(recorded.map(b => (b.step, b.from)) == Seq((36L, 36L)))
        assert(
          recorded.head.why.endsWith(" are not finite; the run ends: train.spikes.at-most is 2")
        )
        assert(recorder.failedBehind.asScala.toSeq == Seq.fill(worldSize)(true))
        assert(
          failures.exists(
            _.failed.get.getMessage ==
              "step 36: loss NaN and gradient norm " + norm(failures) +
              " are not finite, and 2 of the 1,000 steps before were bad: train.spikes.at-most is 2. " +
              "Lower the learning rate, or allow more; the run resumes from its newest checkpoint."
          ),
          failures
        )
        assert(failures.forall(_.isFailure) && checkpoint(run).step == 30)
      }
      val three = config(50, new Spikes(policy, 6, 12, 3))
      assert(train(run, worldSize, three, new Steps(Set(17, 25, 36))).head.resumedFrom == 30)
    }

  private def norm(failures: Seq[Try[TrainResult]]): String =
    failures
      .map(_.failed.get)
      .collectFirst { case e: BadStepException =>
        e.getMessage.replaceAll(".* gradient norm (\\S+) are .*", "$1")
      }
      .get

  for (worldSize <- Seq(1, 2))
    test(s"stop, P = $worldSize: a line that says why and what to do") {
      val stop = new Spikes(Policy.STOP, 6, 12, 10)
      val recorder = new Recorder
      val spike =
        attempt(folder(), worldSize, config(50, stop), new Steps(Set(25)), Spike, recorder)
          .map(_.failed.get)
          .collectFirst { case e: BadStepException => e.getMessage }
          .get
      assert(spike.startsWith("step 25: loss ") && spike.contains(" is a spike, more than 6.0 "))
      assert(
        spike.endsWith(
          ". Lower the learning rate, or set train.spikes.policy to skip or roll-back; " +
            "the run resumes from its newest checkpoint."
        )
      )
      val recorded = recorder.ended.asScala.toSeq
      assert(recorded.map(b => (b.step, b.from)) == Seq((25L, 25L)) && recorder.bad.isEmpty)
      assert(recorded.head.why.endsWith(" steps; the run ends: train.spikes.policy is stop"))
      assert(recorder.failedBehind.asScala.toSeq == Seq.fill(worldSize)(true))
      val infinite =
        attempt(folder(), worldSize, config(50, stop), new Steps(Set(3)), GradientIsInfinite)
      assert(
        infinite.exists(
          _.failed.get.getMessage
            .matches("step 3: loss \\S+ and gradient norm \\S+ are not finite.*")
        )
      )
    }

  test("a checkpoint that knows nothing of bad steps is gone on from") {
    val run = folder()
    train(run, 2, config(10, skip), new Steps(Set()))
    val manifest = run.resolve("checkpoints/step-00000010/manifest.json")
    val before = Files.readString(manifest)
    val older = before.replaceAll("(?s),\\s*\"history\" : \\{.*?\\}", "")
    assert(older != before && !older.contains("losses"))
    Files.writeString(manifest, older)
    assert(checkpoint(run).state.history == Checkpoint.History.EMPTY)
    assert(train(run, 2, config(20, skip), new Steps(Set())).head.resumedFrom == 10)
  }

  test("settings of spikes that make no sense are refused") {
    for (
      (deviations, window, atMost) <- Seq(
        (-1.0, 2, 0),
        (Double.NaN, 2, 0),
        (6.0, 1, 0),
        (6.0, 2, -1)
      )
    ) {
      val error =
        intercept[IllegalArgumentException](new Spikes(Policy.SKIP, deviations, window, atMost))
      assert(
        error.getMessage == "deviations and at-most must not be negative and window at least 2, " +
          s"got $deviations, $atMost and $window"
      )
    }
  }
}
