package io.moraine.model.train

import io.moraine.model.checkpoint.{Checkpoints, LocalStorage}
import io.moraine.model.collective.{CollectiveException, Communicator, Ranks, Relays}
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.moe.{ExpertExchange, ExpertTransfer, RouterConfig}
import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.optim.{AdamW, LearningRateSchedule}
import io.moraine.model.precision.Precision
import io.moraine.model.reduction.ReductionConfig
import io.moraine.model.tensor.{Device, Torch}
import io.moraine.model.train.TrainConfig.Spikes
import io.moraine.model.transformer.{
  InitialWeights,
  ModelConfig,
  Recompute,
  TinyModels,
  Transformer
}
import io.moraine.model.transformer.ModelConfig.PredictionConfig
import java.nio.file.{Files, Path}
import java.util.Optional
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicLong
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Try

/** Experts that live on one rank each, against the same experts on all ranks. */
class ExpertsOnOwnersSuite extends AnyFunSuite {

  import ExpertsOnOwnersSuite._

  private val balanced = new RouterConfig(8, 2, 4, 2, Score.SIGMOID, 1.5, true, 0.5)
  private val further = new PredictionConfig(2, 0.3)
  private val plain = TinyModels.config()

  private val setUps = Seq(
    SetUp("sigmoid router, groups", plain, 2),
    SetUp("three ranks, 8 experts", plain, 3),
    SetUp("four ranks, 6 experts", TinyModels.config(TinyModels.softmax, lowRank = false), 4),
    SetUp("more ranks than experts", TinyModels.config(threeExperts), 4),
    SetUp("routed experts alone", TinyModels.config(shared = 0), 2),
    SetUp("multi-token prediction", TinyModels.config(balanced, prediction = further), 2),
    SetUp("layers computed again", TinyModels.config(balanced, prediction = further), 2)
      .copy(recompute = Recompute.LAYERS),
    SetUp("bf16", plain.`with`(Precision.BF16), 2),
    SetUp("fp8, layers computed again", TinyModels.config(balanced).`with`(Precision.FP8), 2)
      .copy(recompute = Recompute.LAYERS),
    SetUp("uneven micro-batches, a rank without", TinyModels.config(prediction = further), 3)
      .copy(batch = TrainConfig.Batch.constant(4, 1)),
    SetUp("padding, sequences without a prediction", plain, 2)
      .copy(tokens = s => (s % 4 * 3).toInt + 1, batch = TrainConfig.Batch.constant(6, 1)),
    SetUp("weights in bf16", plain, 2).copy(weights = TrainConfig.Weights.BF16),
    SetUp("weights as differences", plain, 2).copy(weights = TrainConfig.Weights.INT8_DIFFERENCES),
    SetUp("small buckets", plain, 3).copy(bucket = 1024)
  )

  for (setUp <- setUps)
    test(s"${setUp.name}: with fp32 on the wire losses, loads and weights are the same bits") {
      val everywhere = train(setUp, 12, Everywhere)
      val onOwners = train(setUp, 12, OnOwners("fp32", "fp32"))
      assert(everywhere.curve.size == 12 && everywhere.curve.map(_._1).toSet.size == 12)
      assert(onOwners.curve == everywhere.curve)
      assert(onOwners.evaluations == everywhere.evaluations && onOwners.evaluations.nonEmpty)
      assert(weights(setUp, onOwners.folder) == weights(setUp, everywhere.folder))
    }

  test("a rank has its own experts alone, and the ranks together have each once") {
    val common = everyExpert(plain).filterNot(_.contains(".experts."))
    val held = Ranks
      .run(3)(c => withModel(SetUp("", plain, 3), c, OnOwners("fp32", "fp32"))(names))
      .map(_.get)
    for (names <- held) assert(names.filterNot(_.contains(".experts.")) == common)
    val experts = held.flatten.filter(_.contains(".experts."))
    assert(experts.size == 8 * 3 && experts.toSet.size == experts.size)
    assert(held.map(_.count(_.contains(".experts."))) == Seq(6, 9, 9))
  }

  for (
    (before, after) <- Seq(
      (2, OnOwners("fp32", "fp32")) -> ((2, OnOwners("fp32", "fp32"))),
      (2, OnOwners("fp32", "fp32")) -> ((2, Everywhere)),
      (2, Everywhere) -> ((2, OnOwners("fp32", "fp32")))
    )
  )
    test(s"stopped with ${before._2} and resumed with ${after._2}: the same bits, P = 2") {
      val setUp = SetUp("", plain, 2)
      val whole = train(setUp, 12, Everywhere)
      val begun = train(setUp, 6, before._2)
      val resumed = train(setUp, 12, after._2, begun.folder)
      assert(resumed.results.map(_.resumedFrom).toSet == Set(6L))
      assert(resumed.curve == whole.curve.drop(6))
      assert(weights(setUp, resumed.folder) == weights(setUp, whole.folder))
    }

  test("what was owed with another placement is dropped, and the run says so") {
    val owing = new ReductionConfig.Coded(GradientCodec.of("int4"), true)
    val setUp = SetUp("", plain, 2, gradients = owing)
    val begun = train(setUp, 6, Everywhere)
    val said = train(setUp, 7, OnOwners("fp32", "fp32"), begun.folder).messages
    assert(said.exists(_.startsWith("what gradients owed is dropped: ")), said)
    val kept = train(setUp, 8, OnOwners("fp32", "fp32"), begun.folder).messages
    assert(!kept.exists(_.startsWith("what gradients owed is dropped: ")), kept)
  }

  test("resumed on another number of ranks the weights are those of the checkpoint") {
    val begun = train(SetUp("", plain, 2), 6, OnOwners("fp32", "fp32"))
    val stored = weights(SetUp("", plain, 2), begun.folder)
    for (ranks <- Seq(1, 3)) {
      val copy = Files.createTempDirectory("resharded")
      copyTree(begun.folder, copy)
      val resumed = train(SetUp("", plain, ranks), 7, OnOwners("fp32", "fp32"), copy)
      assert(resumed.results.map(_.resumedFrom).toSet == Set(6L))
      assert(weights(SetUp("", plain, ranks), copy) != stored)
      val losses = train(SetUp("", plain, 2), 7, Everywhere, begunAgain(begun.folder)).curve
      assert(math.abs(resumed.curve.head._1 - losses.head._1) < 1e-6)
    }
  }

  for (policy <- Seq(Spikes.Policy.SKIP, Spikes.Policy.ROLL_BACK))
    test(s"bad steps, $policy: the same ones are left out, and the weights are the same bits") {
      // Any loss above the mean of two steps is a spike.
      val setUp = SetUp("", plain, 2).copy(spikes = new Spikes(policy, 0, 2, 99))
      val nervous = setUp.copy(spikes = new Spikes(policy, 1e-6, 2, 99))
      val everywhere = train(nervous, 30, Everywhere)
      val onOwners = train(nervous, 30, OnOwners("fp32", "fp32"))
      def bad(run: Trained) =
        new Checkpoints(new LocalStorage(run.folder)).of(30).get.state.history.bad.asScala.toSeq
      assert(bad(everywhere).nonEmpty && bad(onOwners) == bad(everywhere))
      assert(onOwners.curve == everywhere.curve)
      assert(weights(setUp, onOwners.folder) == weights(setUp, everywhere.folder))
      assert(train(setUp, 30, Everywhere).curve != everywhere.curve)
    }

  for (worldSize <- Seq(2, 3))
    test(
      s"fp8 to owners and bf16 back, P = $worldSize: the loss is that of all experts everywhere, within 1 % at first, 8 % in each step and 2 % in the mean of the last 20"
    ) {
      val setUp = SetUp("", TinyModels.config(balanced), worldSize, sequences = 2000)
      val everywhere = train(setUp, 60, Everywhere)
      val exact = train(setUp, 60, OnOwners("fp32", "fp32"))
      val rounded = train(setUp, 60, OnOwners("fp8", "bf16"))
      val apart = everywhere.curve.zip(rounded.curve).map { case (whole, cut) =>
        math.abs(whole._1 - cut._1) / whole._1
      }
      def end(trained: Trained) = trained.curve.takeRight(20).map(_._1).sum / 20
      info(f"first step ${100 * apart.head}%.3f %% apart, at most ${100 * apart.max}%.3f %%")
      info(f"last 20 steps: ${end(everywhere)}%.4f, in fp8 and bf16 ${end(rounded)}%.4f")
      assert(everywhere.curve.last._1 < 0.7 * everywhere.curve.head._1)
      assert(apart.size == 60 && apart.head < 0.01 && apart.max < 0.08 && apart.max > 0)
      assert(math.abs(end(rounded) - end(everywhere)) < 0.02 * end(everywhere))
      val (more, fewer) = (exact.bytes.sum.toDouble, rounded.bytes.sum.toDouble)
      info(f"wire bytes $more%.0f in float32, $fewer%.0f in fp8 and bf16")
      assert(fewer < more)
      assert(more > 0.95 * exact.floatBytes.sum)
    }

  /** How rank 1 is lost, and what the others say of it. */
  private val losses: Seq[(String, (Communicator, Relays) => Unit, String)] = Seq(
    // Its connections end one by one: over the last it may still say what became of the first.
    ("is cut off", (_, relays) => relays.cut(), "(gave up: rank [02]: )?connection lost.*"),
    ("gives up", (communicator, _) => communicator.abort("out of disk"), "gave up: out of disk")
  )

  for ((kind, lose, reason) <- losses; recompute <- Recompute.values; millis <- Seq(0L, 10L, 50L))
    test(
      s"rank 1 $kind after $millis ms, forward or backward, recompute $recompute: the others say so and end"
    ) {
      val setUp = SetUp("", plain, 3).copy(recompute = recompute)
      val ended = Seq.fill(3)(new AtomicLong)
      val lost = new AtomicLong
      val results = Ranks.relayed(3, 1) { (communicator, relays) =>
        withModel(setUp, communicator, OnOwners("fp32", "fp32")) { model =>
          communicator.beginStep(1)
          val batch = new PatternSource(TinyModels.vocabulary, 9).batch(1)
          model.forwardBackward(batch, 1)
          if (communicator.rank == 1) {
            val thread = new Thread(() => {
              Thread.sleep(millis)
              lost.set(System.nanoTime)
              lose(communicator, relays)
            })
            thread.start()
          }
          try while (true) model.forwardBackward(batch, 1)
          finally ended(communicator.rank).set(System.nanoTime)
        }
      }
      for (rank <- Seq(0, 2)) {
        val error = results(rank).failed.get
        assert(error.isInstanceOf[CollectiveException], error)
        val said = s"(rank ${2 - rank}: gave up: )?rank 1: $reason"
        assert(
          error.getMessage.matches(s"all-to-all( of bytes)? at step 1 on rank $rank of 3: $said"),
          error.getMessage
        )
        // Far below the deadline of silence, 20 s.
        assert(ended(rank).get - lost.get < 15e9)
      }
    }
}

object ExpertsOnOwnersSuite {

  private val threeExperts = new RouterConfig(3, 2, 1, 1, Score.SOFTMAX, 1, false, 0)

  /** Where experts are. */
  sealed trait Place
  case object Everywhere extends Place
  case class OnOwners(dispatch: String, combine: String) extends Place

  case class SetUp(
      name: String,
      model: ModelConfig,
      ranks: Int,
      recompute: Recompute = Recompute.NONE,
      device: Device = Device.CPU,
      batch: TrainConfig.Batch = TrainConfig.Batch.constant(6, 2),
      tokens: Long => Int = _ => Int.MaxValue,
      weights: TrainConfig.Weights = TrainConfig.Weights.FP32,
      sequences: Long = 40,
      gradients: ReductionConfig = new ReductionConfig.Coded(GradientCodec.of("fp32"), false),
      spikes: Spikes = new Spikes(Spikes.Policy.STOP, 0, 2, 0),
      bucket: Long = 1 << 20,
      overlaps: Boolean = true
  )

  case class Trained(
      folder: Path,
      results: Seq[TrainResult],
      curve: Seq[(Double, Double, Seq[Long])],
      evaluations: Seq[Double],
      messages: Seq[String],
      bytes: Seq[Long],
      floatBytes: Seq[Long]
  )

  /** What the models of a run have copied between device and host, over all ranks. */
  def copiedBytes(model: Transformer): Long =
    Seq(model.parameters, model.gradients).map(_.staging.get.copiedBytes).sum

  class Recorder extends TrainObserver {
    val metrics = new ConcurrentLinkedQueue[StepMetrics]
    val evaluations = new ConcurrentLinkedQueue[Double]
    val messages = new ConcurrentLinkedQueue[String]
    override def started(step: Long): Unit = ()
    override def message(text: String): Unit = messages.add(text)
    override def stepped(step: StepMetrics): Unit = metrics.add(step)
    override def evaluated(step: Long, loss: Double): Unit = evaluations.add(loss)
    override def checkpointing(step: Long): Unit = ()
    override def checkpointed(step: Long): Unit = ()
  }

  private def codec(name: String, dim: Int): GradientCodec =
    if (name == "fp8") GradientCodec.fp8(dim) else GradientCodec.of(name)

  def withModel[T](setUp: SetUp, communicator: Communicator, place: Place)(
      use: Transformer => T
  ): T = {
    Torch.start(1)
    val exchange: Optional[ExpertExchange] = place match {
      case Everywhere => Optional.empty()
      case OnOwners(dispatch, combine) =>
        Optional.of(
          new ExpertExchange(
            communicator,
            setUp.model.router.routedExperts,
            new ExpertTransfer(codec(dispatch, setUp.model.dim), codec(combine, setUp.model.dim))
          )
        )
    }
    val model = new Transformer(setUp.model, setUp.recompute, exchange, setUp.device)
    try {
      InitialWeights.put(model.config, 3, model.parameters)
      use(model)
    } finally model.close()
  }

  def train(
      setUp: SetUp,
      steps: Long,
      place: Place,
      folder: Path = Files.createTempDirectory("experts")
  ): Trained = {
    val config = new TrainConfig(
      1,
      steps,
      setUp.batch,
      new LearningRateSchedule(1e-2, 5, java.util.List.of()),
      new AdamW.Config(0.9, 0.95, 1e-8, 0.1),
      1.0,
      new TrainConfig.Balance(0.01, 1),
      new TrainConfig.Wire(setUp.gradients, setUp.weights, 0, setUp.bucket, setUp.overlaps),
      new TrainConfig.Every(steps, 3, 5, 4, 5),
      setUp.spikes
    )
    val recorder = new Recorder
    val results: Seq[Try[TrainResult]] = Ranks.run(setUp.ranks) { communicator =>
      withModel(setUp, communicator, place) { model =>
        new Trainer(
          model,
          config,
          communicator,
          new PatternSource(TinyModels.vocabulary, setUp.sequences, setUp.tokens),
          Optional.of(new PatternSource(TinyModels.vocabulary, 5, setUp.tokens)),
          new Checkpoints(new LocalStorage(folder)),
          recorder,
          "digest",
          () => 0L
        ).run(true)
      }
    }
    val metrics = recorder.metrics.asScala.toSeq
    Trained(
      folder,
      results.map(_.get),
      metrics.map(m => (m.loss, m.gradientNorm, m.expertLoad.toSeq)),
      recorder.evaluations.asScala.toSeq,
      recorder.messages.asScala.toSeq,
      metrics.map(_.wireBytes),
      metrics.map(_.float32WireBytes)
    )
  }

  /** The weights of a run's newest checkpoint, as bits. */
  def weights(setUp: SetUp, folder: Path): Seq[Int] = {
    val checkpoints = new Checkpoints(new LocalStorage(folder))
    val model = TinyModels.model(setUp.model, seed = 9)
    try {
      val newest = checkpoints.newestWhole(message => sys.error(message)).get
      CheckpointWeights.load(model, checkpoints, newest, setUp.weights)
      TinyModels.all(model.parameters).toSeq.map(java.lang.Float.floatToRawIntBits)
    } finally model.close()
  }

  private def names(model: Transformer): Seq[String] =
    model.parameters.slices.asScala.toSeq.map(_.name)

  private def everyExpert(config: ModelConfig): Seq[String] = {
    val model = TinyModels.model(config)
    try names(model)
    finally model.close()
  }

  private def copyTree(from: Path, to: Path): Unit = {
    val files = Files.walk(from)
    try
      files.forEach { file =>
        val target = to.resolve(from.relativize(file).toString)
        if (Files.isDirectory(file)) Files.createDirectories(target) else Files.copy(file, target)
      }
    finally files.close()
  }

  private def begunAgain(folder: Path): Path = {
    val copy = Files.createTempDirectory("again")
    copyTree(folder, copy)
    copy
  }
}
