package io.moraine.model.train

import io.moraine.model.checkpoint.{Checkpoints, CorruptDataException, LocalStorage}
import io.moraine.model.collective.{Buckets, Ranks}
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.data.{Batch, SequenceOrder, StepBatches, TokenBatch}
import io.moraine.model.optim.LearningRateSchedule.{Phase, Shape}
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import io.moraine.model.reduction.{ArrayState, ReductionConfig, CarriedState}
import io.moraine.model.tensor.FlatBuffer
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.function.LongConsumer
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class TrainerSuite extends AnyFunSuite {

  private val vocabulary = 31

  /** A schedule that does not depend on the number of steps: a shorter run is a prefix. */
  private def flat(
      steps: Long,
      codec: String = "int8",
      batch: TrainConfig.Batch = TrainConfig.Batch.constant(6, 2),
      weights: TrainConfig.Weights = TrainConfig.Weights.BF16
  ): TrainConfig =
    run(steps, new TrainConfig.Wire(GradientCodec.of(codec), weights), batch)

  private def run(
      steps: Long,
      wire: TrainConfig.Wire,
      batch: TrainConfig.Batch = TrainConfig.Batch.constant(6, 2)
  ): TrainConfig =
    new TrainConfig(
      1,
      steps,
      batch,
      new LearningRateSchedule(0.1, 5, JList.of()),
      new AdamW.Config(0.9, 0.95, 1e-8, 0.01),
      1.0,
      new TrainConfig.Balance(0, 1),
      wire,
      new TrainConfig.Every(10, 3, 20, 30, 8)
    )

  private class Recorder extends TrainObserver {
    val started = new ConcurrentLinkedQueue[Long]
    val messages = new ConcurrentLinkedQueue[String]
    val metrics = new ConcurrentLinkedQueue[StepMetrics]
    val evaluations = new ConcurrentLinkedQueue[Double]
    override def started(step: Long): Unit = started.add(step)
    override def message(text: String): Unit = messages.add(text)
    override def stepped(step: StepMetrics): Unit = metrics.add(step)
    override def evaluated(step: Long, loss: Double): Unit = evaluations.add(loss)
    override def checkpointing(step: Long): Unit = ()
    override def checkpointed(step: Long): Unit = ()
  }

  private def train(
      folder: Path,
      worldSize: Int,
      config: TrainConfig,
      recorder: Recorder = new Recorder,
      data: PatternSource = new PatternSource(vocabulary, 40)
  ): Seq[TrainResult] =
    Ranks
      .run(worldSize) { communicator =>
        new Trainer(
          new BigramModel(vocabulary),
          config,
          communicator,
          data,
          Optional.of(new PatternSource(vocabulary, 4)),
          new Checkpoints(new LocalStorage(folder)),
          recorder,
          "digest",
          () => 0L
        ).run(true)
      }
      .map(_.get)

  private def folder(): Path = Files.createTempDirectory("trainer")

  test("an error of the JVM during backward, a bucket under way, is what the other ranks hear") {
    val results = Ranks.run(3) { communicator =>
      val model = new BigramModel(vocabulary) {
        override def learn(batch: Batch, weight: Double, finished: LongConsumer): Unit = {
          learn(batch, weight)
          if (communicator.rank == 1) {
            finished.accept(0)
            Thread.sleep(200)
            throw new OutOfMemoryError("no room")
          }
          Thread.sleep(2000)
        }
      }
      try
        new Trainer(
          model,
          flat(3),
          communicator,
          new PatternSource(vocabulary, 40),
          Optional.empty(),
          new Checkpoints(new LocalStorage(folder())),
          new Recorder,
          "digest",
          () => 0L
        ).run(true)
      catch { case e: OutOfMemoryError => throw new IllegalStateException(e) } // else nobody hears
    }
    for (rank <- Seq(0, 2)) {
      val message = results(rank).failed.get.getMessage
      assert(message.contains("rank 1: gave up: java.lang.OutOfMemoryError: no room"), message)
    }
  }

  test("the loss falls from that of guessing to below half of it in 60 steps, P = 2, int8") {
    val recorder = new Recorder
    train(folder(), 2, flat(60), recorder)
    val losses = recorder.metrics.asScala.toSeq.map(_.loss)
    assert(math.abs(losses.head - math.log(vocabulary)) < 1e-6)
    assert(losses.last < losses.head / 2)
    assert(recorder.evaluations.size == 2 && recorder.evaluations.asScala.last < losses.head / 2)
    assert(recorder.metrics.asScala.map(_.tokens).toSet == Set(48L))
  }

  test("1, 2 and 3 ranks with exact gradients make the same steps up to rounding") {
    val losses = Seq(1, 2, 3).map { worldSize =>
      val recorder = new Recorder
      train(folder(), worldSize, flat(30, "fp32"), recorder)
      recorder.metrics.asScala.toSeq.map(_.loss)
    }
    for (other <- losses.tail; (a, b) <- losses.head.zip(other)) assert(math.abs(a - b) < 2e-2)
    assert(math.abs(losses(0)(1) - losses(2)(1)) < 1e-5)
  }

  /** Rows of 1 to 9 tokens. */
  private def padded = new PatternSource(vocabulary, 40, s => 1 + (s * 7 % 9).toInt)

  test("with padding a step's gradient is that of the mean over its tokens, for 1, 2, 3 ranks") {
    val model = new BigramModel(vocabulary)
    val config = flat(30, "fp32")
    val order = new SequenceOrder(40, config.seed)
    val rows = new Array[Int](6 * 9)
    for (i <- 0 until 6) padded.read(order.at(i.toLong), rows, i * 9)
    val batch = new TokenBatch(6, 8, rows)
    model.forwardBackward(batch, 1)
    val norm = math.sqrt(model.gradients.values.map(g => g.toDouble * g).sum)
    for (worldSize <- Seq(1, 2, 3)) {
      val recorder = new Recorder
      train(folder(), worldSize, config, recorder, padded)
      val first = recorder.metrics.asScala.head
      assert(batch.isPadded && first.tokens == batch.predictions && first.tokensSeen == 48)
      assert(math.abs(first.gradientNorm - norm) < 1e-6)
      assert(recorder.metrics.asScala.last.loss < first.loss * 0.9)
    }
  }

  test("new data: said, taken in when the epoch ends, and stopped there again the same bits") {
    def grown = new PatternSource(vocabulary, 64)
    def begun: Path = {
      val run = folder()
      train(run, 2, flat(10))
      run
    }
    val recorder = new Recorder
    val whole = train(begun, 2, flat(40), recorder, grown)
    assert(
      recorder.messages.asScala.toSeq == Seq(
        "24 sequences are new: the epoch of 40 is finished first, in 20 sequences, then all 64 are mixed"
      )
    )
    val interrupted = begun
    for (stop <- Seq(20L, 30L, 40L)) {
      val again = train(interrupted, 2, flat(stop), new Recorder, grown)
      if (stop == 40) assert(again.map(_.weightsDigest) == whole.map(_.weightsDigest))
    }
    assert(train(begun, 2, flat(40)).map(_.weightsDigest) != whole.map(_.weightsDigest))
  }

  for (worldSize <- Seq(1, 2, 3); stop <- Seq(10, 30, 50)) {
    test(s"stopped at step $stop and resumed, P = $worldSize: the same weights bit for bit") {
      val whole = train(folder(), worldSize, flat(60))
      val interrupted = folder()
      train(interrupted, worldSize, flat(stop.toLong))
      val recorder = new Recorder
      val resumed = train(interrupted, worldSize, flat(60), recorder)
      assert(recorder.started.asScala.toSeq == Seq(stop.toLong))
      assert(resumed.map(_.weightsDigest) == whole.map(_.weightsDigest))
      assert(resumed.map(_.weightsDigest).toSet.size == 1)
    }
  }

  private val differences = TrainConfig.Weights.INT8_DIFFERENCES

  private val wires = Seq("int4", "sign").map(name =>
    s"$name with error feedback" ->
      new TrainConfig.Wire(GradientCodec.of(name), TrainConfig.Weights.BF16)
  ) ++ Seq(0, 0.9).map(momentum =>
    s"top 5 % with momentum $momentum" ->
      new TrainConfig.Wire(
        new ReductionConfig.TopK(0.05, momentum, true),
        TrainConfig.Weights.BF16
      )
  ) :+ "powersgd of rank 4" ->
    new TrainConfig.Wire(new ReductionConfig.PowerSgd(4, true), TrainConfig.Weights.BF16) :+
    "weights as int8 differences" -> new TrainConfig.Wire(GradientCodec.of("int8"), differences) :+
    "4 bits both ways" ->
    new TrainConfig.Wire(GradientCodec.of("int4"), TrainConfig.Weights.INT4_DIFFERENCES) :+
    "signs both ways" ->
    new TrainConfig.Wire(GradientCodec.of("sign"), TrainConfig.Weights.SIGN_DIFFERENCES)

  for ((name, wire) <- wires; worldSize <- Seq(1, 2, 3, 4)) {
    test(s"$name, stopped and resumed, P = $worldSize: the same weights bit for bit") {
      val whole = train(folder(), worldSize, run(60, wire))
      val interrupted = folder()
      train(interrupted, worldSize, run(30, wire))
      val resumed = train(interrupted, worldSize, run(60, wire))
      assert(resumed.head.resumedFrom == 30)
      assert(resumed.map(_.weightsDigest) == whole.map(_.weightsDigest))
      assert(resumed.map(_.weightsDigest).toSet.size == 1)
      assert(resumed.head.loss < math.log(vocabulary) / 2)
    }
  }

  private def weights(run: Path, form: TrainConfig.Weights): Array[Float] = {
    val checkpoints = new Checkpoints(new LocalStorage(run))
    val model = new BigramModel(vocabulary)
    CheckpointWeights.load(model, checkpoints, checkpoints.newestWhole(_ => ()).get, form)
    model.parameters.values
  }

  /** The owners' weights. */
  private def master(run: Path): Array[Float] = weights(run, TrainConfig.Weights.FP32)

  private def errors(run: Path, form: TrainConfig.Weights) =
    master(run).zip(weights(run, form)).map { case (a, b) => math.abs(a - b) }

  test("weights sent in 4 bits or signs are nowhere further from the owners' than a few steps") {
    for (
      (form, most) <- Seq(
        TrainConfig.Weights.INT4_DIFFERENCES -> 2 * 0.1 / 14,
        TrainConfig.Weights.SIGN_DIFFERENCES -> 4 * 0.1
      )
    ) {
      val run = folder()
      train(run, 2, flat(60, weights = form))
      info(s"$form ${errors(run, form).max}")
      assert(errors(run, form).max < most && errors(run, form).exists(_ > 0))
    }
  }

  test("weights sent as differences are within a step's difference / 254 of the owners'") {
    val fine = folder()
    val rounded = folder()
    train(fine, 2, flat(60, weights = differences))
    train(rounded, 2, flat(60))
    // AdamW moves a weight by about the learning rate, 0.1, a step.
    assert(errors(fine, differences).max < 2 * 0.1 / 254)
    assert(errors(fine, differences).sum < errors(rounded, TrainConfig.Weights.BF16).sum / 2)
    assert(errors(fine, differences).exists(_ > 0))
  }

  test("what everybody has of the weights is cut anew for 1, 2 and 4 ranks; 3 had it") {
    val start = folder()
    train(start, 3, flat(10, weights = differences))
    val before = weights(start, differences)
    assert(!before.sameElements(master(start)))
    val checkpoints = new Checkpoints(new LocalStorage(start))
    val newest = checkpoints.newestWhole(_ => ()).get
    for (worldSize <- Seq(1, 2, 4)) {
      val model = new BigramModel(vocabulary)
      val layout = Buckets.of(model.parameters.length, worldSize, FlatBuffer.ALIGNMENT, 1 << 20)
      val shards = (0 until worldSize).map { rank =>
        val owned = Ownership.of(model.rankParameters, model.parameters, layout, rank)
        new ShardState(owned, new HostShard(model.parameters, owned, flat(1).adam))
          .known(checkpoints, newest)
          .get
      }
      assert(shards.flatten.toArray.sameElements(before))
    }
    val resharded = train(start, 2, flat(20, weights = differences))
    assert(resharded.head.resumedFrom == 10 && resharded.map(_.weightsDigest).toSet.size == 1)
  }

  test("a run in bf16 goes on with differences from the owners' weights, and back") {
    val start = folder()
    train(start, 2, flat(10))
    for ((steps, form) <- Seq(20 -> differences, 30 -> TrainConfig.Weights.BF16)) {
      val resumed = train(start, 2, flat(steps.toLong, weights = form))
      assert(resumed.head.resumedFrom == steps - 10)
      assert(resumed.map(_.weightsDigest).toSet.size == 1)
    }
  }

  private def owed(run: Path, step: Long): Array[Float] = {
    val checkpoints = new Checkpoints(new LocalStorage(run))
    val newest = checkpoints.newestWhole(_ => ()).get
    assert(newest.step == step)
    val ranks = newest.state.worldSize
    val files = (0 until ranks).map(rank =>
      checkpoints.read(newest, Checkpoints.shardFile(rank, ranks)).tensor("residual").get.floats
    )
    files.transpose.map(_.sum).toArray
  }

  test("what 3 ranks owe is handed on whole to 1, 2 and 4; a checkpoint without is no debt") {
    val start = folder()
    train(start, 3, flat(10, "int4"))
    val before = owed(start, 10)
    assert(before.exists(_ != 0))
    val checkpoints = new Checkpoints(new LocalStorage(start))
    val newest = checkpoints.newestWhole(_ => ()).get
    for (worldSize <- Seq(1, 2, 4)) {
      val model = new BigramModel(vocabulary)
      val shares = (0 until worldSize).map { rank =>
        val owed = new ArrayState(
          "residual",
          new Array[Float](model.parameters.length.toInt),
          CarriedState.Sharing.OWED
        )
        assert(ShardState.restoreCarried(checkpoints, newest, JList.of(owed), rank, worldSize))
        owed.values
      }
      for (i <- before.indices)
        assert(math.abs(shares.map(_(i)).sum - before(i)) < 1e-6)
    }
    val resharded = train(start, 2, flat(20, "int4"))
    assert(resharded.head.resumedFrom == 10 && resharded.map(_.weightsDigest).toSet.size == 1)
    val without = folder()
    train(without, 2, flat(10))
    val resumed = train(without, 2, flat(20, "int4"))
    assert(resumed.head.resumedFrom == 10)
  }

  private def stored(run: Path, tensor: String): Seq[Array[Float]] = {
    val checkpoints = new Checkpoints(new LocalStorage(run))
    val newest = checkpoints.newestWhole(_ => ()).get
    val ranks = newest.state.worldSize
    (0 until ranks).map(rank =>
      checkpoints.read(newest, Checkpoints.shardFile(rank, ranks)).tensor(tensor).get.floats
    )
  }

  for (
    (name, wire, tensors) <- Seq(
      (
        "top-k with momentum",
        new ReductionConfig.TopK(0.05, 0.9, true),
        Seq("residual" -> true, "velocity" -> true)
      ),
      (
        "powersgd",
        new ReductionConfig.PowerSgd(4, true),
        Seq("powersgd_residual" -> true, "powersgd_q" -> false)
      )
    )
  )
    test(
      s"$name of 3 ranks goes on with 1, 2 and 4: sums of what is owed, and what all share, stay"
    ) {
      val start = folder()
      val config =
        (steps: Int) => this.run(steps.toLong, new TrainConfig.Wire(wire, TrainConfig.Weights.BF16))
      train(start, 3, config(10))
      val checkpoints = new Checkpoints(new LocalStorage(start))
      val newest = checkpoints.newestWhole(_ => ()).get
      for (worldSize <- Seq(1, 2, 4)) {
        for ((tensor, isOwed) <- tensors) {
          val before = stored(start, tensor)
          assert(before.forall(_.exists(_ != 0)))
          val sharing = if (isOwed) CarriedState.Sharing.OWED else CarriedState.Sharing.SAME
          val after = (0 until worldSize).map { rank =>
            val state = new ArrayState(tensor, new Array[Float](before.head.length), sharing)
            assert(ShardState.restoreCarried(checkpoints, newest, JList.of(state), rank, worldSize))
            state.values
          }
          if (isOwed)
            for (i <- before.head.indices)
              assert(math.abs(before.map(_(i)).sum - after.map(_(i)).sum) < 1e-5)
          else assert((before ++ after).map(_.toSeq).toSet.size == 1)
        }
        val copy = folder()
        copyFolder(start, copy)
        val resumed = train(copy, worldSize, config(20))
        assert(resumed.head.resumedFrom == 10 && resumed.map(_.weightsDigest).toSet.size == 1)
      }
    }

  test("a run goes on with another reduction, which begins with nothing but what is owed") {
    val run = folder()
    val reductions = Seq(
      new ReductionConfig.PowerSgd(4, true),
      new ReductionConfig.PowerSgd(2, true),
      new ReductionConfig.TopK(0.05, 0.9, true),
      new ReductionConfig.Coded(GradientCodec.of("fp32"), false)
    )
    for ((reduction, i) <- reductions.zipWithIndex) {
      val wire = new TrainConfig.Wire(reduction, TrainConfig.Weights.BF16)
      val results = train(run, 2, this.run(10L * (i + 1), wire))
      assert(results.head.resumedFrom == 10L * i && results.map(_.weightsDigest).toSet.size == 1)
    }
  }

  /** From 3 to 9 sequences of 8 tokens over 150 of them. */
  private val ramp = new TrainConfig.Batch(9, 3, 150 * 8, 2)

  test(
    "with a ramp every sequence up to a step is seen once, in the keyed order, by 1, 2, 3 ranks"
  ) {
    for (worldSize <- Seq(1, 2, 3)) {
      val sizes = ramp.sizes(8)
      val order = new SequenceOrder(40, 1)
      val batches = new StepBatches(new PatternSource(vocabulary, 40), order, sizes, 2)
      val seen =
        for (
          step <- 1 to 40; rank <- 0 until worldSize; b <- batches.of(step, rank, worldSize).asScala
        ) yield b
      val rows = seen.flatMap(_.asInstanceOf[TokenBatch].tokens.grouped(9).map(_.toSeq))
      assert(rows.size == sizes.through(40))
      for ((row, position) <- rows.zipWithIndex) {
        val expected = new Array[Int](9)
        new PatternSource(vocabulary, 40).read(order.at(position), expected, 0)
        assert(row == expected.toSeq)
      }
    }
  }

  for (worldSize <- Seq(1, 2, 3))
    test(
      s"a ramp, stopped in its middle and resumed, P = $worldSize: the same weights bit for bit"
    ) {
      val recorder = new Recorder
      val whole = train(folder(), worldSize, flat(60, batch = ramp), recorder)
      val interrupted = folder()
      train(interrupted, worldSize, flat(10, batch = ramp))
      val resumed = train(interrupted, worldSize, flat(60, batch = ramp))
      assert(resumed.head.resumedFrom == 10)
      assert(resumed.map(_.weightsDigest) == whole.map(_.weightsDigest))
      val sizes = ramp.sizes(8)
      val metrics = recorder.metrics.asScala.toSeq
      assert(metrics.map(_.tokens) == (1L to 60L).map(sizes.of(_) * 8L))
      assert(metrics.map(_.tokensSeen) == (1L to 60L).map(sizes.through(_) * 8L))
      assert(metrics.head.tokens == 24 && metrics(9).tokens < 72 && metrics.last.tokens == 72)
    }

  test("a schedule by shares of the tokens is the same for a resumed run") {
    val config = new TrainConfig(
      1,
      40,
      ramp,
      new LearningRateSchedule(
        0.1,
        4,
        JList.of(
          new Phase(50, Shape.CONSTANT, 0.1),
          new Phase(40, Shape.COSINE, 0.01),
          new Phase(10, Shape.CONSTANT, 0.001)
        )
      ),
      new AdamW.Config(0.9, 0.95, 1e-8, 0.01),
      1.0,
      new TrainConfig.Balance(0, 1),
      new TrainConfig.Wire(GradientCodec.of("int8"), TrainConfig.Weights.BF16),
      new TrainConfig.Every(10, 3, 20, 0, 8)
    )
    val recorder = new Recorder
    val run = folder()
    val whole = train(run, 2, config, recorder)
    for (step <- Seq("30", "40"))
      Files.delete(run.resolve(s"checkpoints/step-000000$step/manifest.json"))
    val again = new Recorder
    val resumed = train(run, 2, config, again)
    assert(resumed.head.resumedFrom == 20)
    assert(resumed.map(_.weightsDigest) == whole.map(_.weightsDigest))
    val rates = recorder.metrics.asScala.toSeq.map(_.learningRate)
    assert(again.metrics.asScala.toSeq.map(_.learningRate) == rates.drop(20))
    assert(rates.head == 0.025 && rates(4) == 0.1 && rates.last == 0.001)
    assert(rates.count(_ == 0.001) >= 3 && rates.drop(4).sliding(2).forall(r => r(1) <= r(0)))
  }

  test("gamma ends with its share of the tokens") {
    val balance = new TrainConfig.Balance(0.001, 0.75)
    assert(balance.gamma(0.75) == 0.001 && balance.gamma(0.7500001) == 0)
    for ((gamma, share) <- Seq((-1.0, 1.0), (1.0, 1.5), (1.0, Double.NaN))) {
      val error = intercept[IllegalArgumentException](new TrainConfig.Balance(gamma, share))
      assert(
        error.getMessage ==
          s"bias-update must not be negative and share in [0, 1], got $gamma and $share"
      )
    }
  }

  test("a ramp that begins above its end, or at nothing, is refused") {
    for (from <- Seq(0, 10)) {
      val error = intercept[IllegalArgumentException](new TrainConfig.Batch(9, from, 100, 2))
      assert(
        error.getMessage == s"batch-ramp.from must be in [1, sequences-per-step], got $from and 9"
      )
    }
    assert(new TrainConfig.Batch(9, 10, 0, 2).smallest == 9)
  }

  test("master weights and moments of 2 ranks are cut anew for 1, 3 and 4, bit for bit") {
    val start = folder()
    train(start, 2, flat(10))
    val tensors = Seq("master", "moment1", "moment2")
    val before = tensors.map(stored(start, _).flatten)
    assert(before.forall(_.exists(_ != 0)))
    val checkpoints = new Checkpoints(new LocalStorage(start))
    val newest = checkpoints.newestWhole(_ => ()).get
    for (worldSize <- Seq(1, 3, 4)) {
      val model = new BigramModel(vocabulary)
      val layout = Buckets.of(model.parameters.length, worldSize, FlatBuffer.ALIGNMENT, 1 << 20)
      val shards = (0 until worldSize).map { rank =>
        val owned = Ownership.of(model.rankParameters, model.parameters, layout, rank)
        val shard = new HostShard(model.parameters, owned, flat(1).adam)
        new ShardState(owned, shard).restore(checkpoints, newest, model.parameters.length)
        Shard.Part.values.toSeq.map(shard.copy(_))
      }
      assert(shards.transpose.map(_.flatten) == before)
    }
  }

  test("a run of 2 ranks goes on with 3, and with 1, from the same weights") {
    val start = folder()
    train(start, 2, flat(30))
    for (worldSize <- Seq(3, 1)) {
      val copy = folder()
      copyFolder(start, copy)
      val recorder = new Recorder
      train(copy, worldSize, flat(60), recorder)
      assert(recorder.started.asScala.toSeq == Seq(30L))
      assert(recorder.metrics.asScala.head.loss < math.log(vocabulary) * 0.8)
    }
  }

  test("a damaged newest checkpoint is passed over with a message, the older one is taken") {
    val run = folder()
    train(run, 2, flat(30))
    val file = run.resolve("checkpoints/step-00000030/rank-00001-of-00002.safetensors")
    val bytes = Files.readAllBytes(file)
    bytes(bytes.length - 1) = (bytes(bytes.length - 1) ^ 1).toByte
    Files.write(file, bytes)
    val recorder = new Recorder
    val resumed = train(run, 2, flat(60), recorder)
    assert(recorder.started.asScala.toSeq == Seq(20L))
    assert(recorder.messages.asScala.exists(_.contains("step-00000030 is passed over")))
    val aside = "checkpoints/damaged-step-00000030"
    assert(
      recorder.messages.asScala
        .exists(_ == s"the damaged checkpoint step-00000030 is kept as $aside")
    )
    assert(
      Files.readAllBytes(run.resolve(aside).resolve(file.getFileName)).sameElements(bytes)
    )
    assert(
      new LocalStorage(run).list("checkpoints").asScala.filter(_.startsWith("step-")) ==
        Seq("step-00000040", "step-00000050", "step-00000060")
    )
    assert(resumed.map(_.weightsDigest) == train(folder(), 2, flat(60)).map(_.weightsDigest))
  }

  test("a checkpoint without its manifest was not finished and is passed over") {
    val run = folder()
    train(run, 2, flat(20))
    Files.delete(run.resolve("checkpoints/step-00000020/manifest.json"))
    val recorder = new Recorder
    train(run, 2, flat(30), recorder)
    assert(recorder.started.asScala.toSeq == Seq(10L))
  }

  test("if every finished checkpoint is damaged the run does not start over silently") {
    val run = folder()
    train(run, 1, flat(10))
    val file = run.resolve("checkpoints/step-00000010/rank-00000-of-00001.safetensors")
    Files.write(file, Array[Byte](1, 2, 3))
    val storage = new Checkpoints(new LocalStorage(run))
    val error = intercept[CorruptDataException](storage.newestWhole(_ => ()))
    assert(error.getMessage.startsWith("every finished checkpoint is damaged."))
  }

  test("only the newest checkpoints are kept") {
    val run = folder()
    train(run, 1, flat(60))
    assert(
      new LocalStorage(run).list("checkpoints").asScala ==
        Seq("step-00000040", "step-00000050", "step-00000060")
    )
  }

  test(
    "the checkpoints with the lowest held-out loss are kept too, those of a resumed run as well"
  ) {
    val run = folder()
    // Behind step 30 the learning rate spoils what was learned: held-out losses rise.
    def config(steps: Long, keepBest: Int) = new TrainConfig(
      1,
      steps,
      TrainConfig.Batch.constant(6, 2),
      new LearningRateSchedule(
        0.1,
        1,
        JList.of(new Phase(30, Shape.CONSTANT, 0.1), new Phase(50, Shape.CONSTANT, 30))
      ),
      new AdamW.Config(0.9, 0.95, 1e-8, 0.01),
      1.0,
      new TrainConfig.Balance(0, 1),
      new TrainConfig.Wire(GradientCodec.of("int8"), TrainConfig.Weights.BF16),
      new TrainConfig.Every(10, 2, keepBest, 20, 0, 8)
    )
    val recorder = new Recorder
    train(run, 2, config(80, 2), recorder)
    val losses = recorder.evaluations.asScala.toSeq
    assert(losses.size == 8)
    val best = losses.zipWithIndex.sorted.take(2).map { case (_, i) => 10 * (i + 1) }
    assert(best.forall(_ <= 40), losses)
    def kept = new Checkpoints(new LocalStorage(run)).finished.asScala.map(_.toInt).toSeq
    assert(kept == best.sorted ++ Seq(70, 80))
    val stored = new Checkpoints(new LocalStorage(run)).of(best.head.toLong).get
    assert(stored.state.heldOutLoss == losses.min && stored.state.heldOutSequences == 4)
    Files.writeString(run.resolve("checkpoints/step-00000070/manifest.json"), "no JSON")
    train(run, 2, config(90, 1))
    assert(kept == Seq(best.head, 80, 90))
  }

  private def copyFolder(from: Path, to: Path): Unit = {
    val files = Files.walk(from)
    try
      files.iterator.asScala.foreach { file =>
        val target = to.resolve(from.relativize(file).toString)
        if (Files.isDirectory(file)) Files.createDirectories(target) else Files.copy(file, target)
      }
    finally files.close()
  }
}
