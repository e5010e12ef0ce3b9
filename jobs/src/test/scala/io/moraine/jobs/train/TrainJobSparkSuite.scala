package io.moraine.jobs.train

import io.moraine.jobs.batch.ParquetTokenSource
import io.moraine.jobs.config.{ConfigException, PrepareSettings, SettingsFile, TrainSettings}
import io.moraine.jobs.lease.{LeaseLostException, TryLaterException}
import io.moraine.jobs.prepare.{DatasetPaths, PrepareJob, PreparedDataset}
import io.moraine.jobs.progress.Progress
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.model.data.TokenBatch
import io.moraine.model.generate.SamplingConfig
import java.io.{ByteArrayOutputStream, FileNotFoundException, PrintStream}
import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.{List => JList, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable
import scala.jdk.CollectionConverters._
import scala.jdk.OptionConverters._

class TrainJobSparkSuite extends AnyFunSuite with SharedSparkSession {

  private lazy val data: Path = TrainJobSparkSuite.dataset(spark)

  private def hadoop = spark.sparkContext.hadoopConfiguration

  private def limited(run: Path, limits: Limits, options: (String, Any)*) =
    new TrainJob(spark, TrainJobSparkSuite.settings(20, options: _*), Scratch.silent)
      .run(JList.of(data.toString), RunFolder.at(run.toString), 2, true, limits)

  private def train(run: Path, steps: Int, ranks: Int, options: (String, Any)*) =
    new TrainJob(spark, TrainJobSparkSuite.settings(steps, options: _*), Scratch.silent)
      .run(JList.of(data.toString), RunFolder.at(run.toString), ranks, true, Limits.NONE)

  test("two ranks train, evaluate and generate; the run's folder holds what is promised") {
    val run = Scratch.folder().resolve("run")
    val result = train(run, 12, 2)
    assert(result.step == 12 && result.resumedFrom == 0)
    val metrics = spark.read.parquet(run.resolve("metrics").toString).orderBy("step").collect()
    assert(metrics.map(_.getAs[Long]("step")).toSeq == (1L to 12L))
    val losses = metrics.map(_.getAs[Double]("loss"))
    assert(math.abs(losses.head - math.log(400)) < 0.2 && losses.last < losses.head - 0.1)
    assert(metrics.forall(_.getAs[Long]("wire_bytes") > 0))
    val tokens = metrics.map(_.getAs[Long]("tokens"))
    assert(tokens.count(_ == 4 * 32) >= 11 && tokens.forall(_ > 3 * 32))
    for ((r, count) <- metrics.zip(tokens))
      assert(r.getSeq[Long](r.fieldIndex("expert_load")).sum == 2 * count)
    for (
      name <- Seq("settings.json", "tokenizer.json", "status.json", "tensorboard", "checkpoints")
    )
      assert(Files.exists(run.resolve(name)), name)
    val status = Status.parse(Files.readString(run.resolve("status.json")))
    assert(status.state == "done" && status.step == 12 && status.lastCheckpoint == 12)

    val evaluation =
      new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(run.toString), data.toString)
    assert(evaluation.step == 12)
    assert(evaluation.bySource.asScala.keySet == Set("made"))
    val counts = PreparedDataset.at(data.toString).manifest(hadoop).counts
    assert(evaluation.all.tokens == counts.heldOutTokens - counts.heldOutSequences)
    assert(evaluation.all.loss < math.log(400))
    assert(evaluation.unigramEntropy > 0)
    // Ends of texts are no bytes; a sequence's first token is seen, not predicted.
    val heldOutBytes = spark.read
      .parquet(data.resolve("documents").toString)
      .where("held_out")
      .selectExpr("sum(octet_length(text))")
      .first()
      .getLong(0)
    assert(evaluation.all.bytes <= heldOutBytes && evaluation.all.bytes > heldOutBytes * 0.9)
    val bits = evaluation.all.loss * evaluation.all.tokens / math.log(2)
    assert(math.abs(evaluation.all.bitsPerByte - bits / evaluation.all.bytes) < 1e-12)

    def text(seed: Long) = GenerateJob
      .generate(
        hadoop,
        RunFolder.at(run.toString),
        "word1 word2",
        20,
        SamplingConfig.plain(seed),
        false,
        Scratch.silent
      )
      .text
    assert(
      intercept[ConfigException](
        GenerateJob.generate(
          hadoop,
          RunFolder.at(run.toString),
          "word1",
          1,
          SamplingConfig.greedy,
          true,
          Scratch.silent
        )
      ).getMessage == s"--draft needs a model with multi-token prediction, $run was trained with " +
        "model.prediction.depth = 0."
    )
    assert(
      metrics.forall(row => row.isNullAt(row.fieldIndex("further_loss"))),
      "no loss of modules that are not there"
    )
    assert(text(1).startsWith("word1 word2") && text(1) == text(1) && text(1) != text(2))
  }

  test("with multi-token prediction: its loss beside the main one, and drafts that shorten text") {
    val run = Scratch.folder().resolve("run")
    train(run, 12, 2, "model.prediction.depth" -> 1)
    val metrics = spark.read.parquet(run.resolve("metrics").toString).orderBy("step").collect()
    val further = metrics.map(_.getAs[Double]("further_loss"))
    assert(math.abs(further.head - math.log(400)) < 0.1 && further.last < further.head)
    assert(metrics.map(_.getAs[Double]("loss")).zip(further).forall { case (a, b) => a != b })
    def text(drafting: Boolean) = GenerateJob.generate(
      hadoop,
      RunFolder.at(run.toString),
      "word1 word2",
      20,
      SamplingConfig.greedy,
      drafting,
      Scratch.silent
    )
    val (plain, drafted) = (text(false), text(true))
    assert(plain.text == drafted.text)
    val generation = drafted.generation
    assert(generation.drafted > 0 && generation.passes + generation.accepted == generation.tokens)
    val (bytes, full) = (plain.model.cacheBytesPerToken, plain.model.fullCacheBytesPerToken)
    assert(
      plain.summary == s"${generation.tokens} tokens in ${generation.tokens} passes; cache " +
        f"$bytes%,d bytes per token, full multi-head attention $full%,d"
    )
    assert(
      drafted.summary.contains(
        s" passes; ${generation.accepted} of ${generation.drafted} drafted tokens accepted ("
      )
    )
  }

  for (packing <- Seq("concat", "best-fit"))
    test(s"batches know which document each token belongs to: $packing") {
      val packed = TrainJobSparkSuite.dataset(spark, "sequences.packing" -> packing)
      val dataset = PreparedDataset.at(packed.toString)
      val count = dataset.manifest(hadoop).counts.sequences
      val source =
        ParquetTokenSource.open(hadoop, dataset.sequences, count, 32, Scratch.folder())
      var documents = 0
      for (row <- spark.read.parquet(dataset.sequences).collect()) {
        val starts = row.getSeq[Int](row.fieldIndex("starts"))
        val filled = row.getAs[Int]("filled")
        val batch = source.batch(row.getAs[Long]("sequence_id"))
        val tokens = row.getSeq[Int](row.fieldIndex("tokens"))
        assert(batch.tokens.toSeq == tokens.take(filled).padTo(33, TokenBatch.PADDING))
        val expected = (0 until filled).map(i => starts.count(_ <= i) - 1)
        assert(batch.documents.toSeq.take(filled) == expected)
        documents += starts.size
      }
      assert(documents > count)
    }

  test("limits and a stop file end a run with a checkpoint; it goes on to the same bits") {
    val whole = limited(Scratch.folder().resolve("run"), Limits.NONE)
    val run = Scratch.folder().resolve("run")
    def status = Status.parse(Files.readString(run.resolve("status.json")))

    val tokens = limited(run, Limits.ofTokens(7 * 4 * 32 - 1))
    assert(tokens.step == 7 && status.state == "stopped" && status.lastCheckpoint == 7)
    assert(status.message.endsWith("stopped: 896 tokens are seen"), status.message)
    val again = limited(run, Limits.ofTokens(7 * 4 * 32 - 1))
    assert(again.resumedFrom == 7 && again.step == 7 && status.state == "stopped")
    val time = limited(run, Limits.NONE.within(Duration.ZERO))
    assert(time.step == 7)
    assert(status.message.endsWith("stopped: its time is over"), status.message)

    Files.createFile(run.resolve("stop"))
    val kept = intercept[TryLaterException](limited(run, Limits.NONE))
    assert(
      kept.getMessage == s"$run is kept from training by the file $run/stop. Remove it to go on."
    )
    Files.delete(run.resolve("stop"))
    val rest = limited(run, Limits.NONE)
    assert(rest.resumedFrom == 7 && rest.step == 20 && status.state == "done")
    assert(rest.weightsDigest == whole.weightsDigest)
    assert(!Files.exists(run.resolve("lease")))
  }

  /** The mean of two steps and next to nothing above it: a loss that rises is a spike. */
  private val nervous =
    Seq(
      "train.spikes.deviations" -> 0.01,
      "train.spikes.window" -> 2,
      "train.spikes.at-most" -> 99
    ) :+
      ("train.learning-rate.peak" -> 0.02)

  for (policy <- Seq("skip", "roll-back"))
    test(s"bad steps, $policy: in metrics, status and checkpoints, resumed to the same bits") {
      val options =
        nervous ++ Seq("train.spikes.policy" -> policy, "train.learning-rate.phases" -> JList.of())
      val whole = Scratch.folder().resolve("run")
      val result = train(whole, 20, 2, options: _*)
      def rows(run: Path) = spark.read
        .parquet(run.resolve("metrics").toString)
        .orderBy("step")
        .selectExpr("step", "left_out", "bad", "loss")
        .collect()
        .toSeq
      val metrics = rows(whole)
      assert(metrics.map(_.getLong(0)) == (1L to 20L))
      val bad = metrics.filterNot(_.isNullAt(2))
      assert(bad.nonEmpty && bad.forall(r => r.getBoolean(1) && r.getString(2).contains("spike")))
      val leftOut = metrics.filter(_.getBoolean(1)).map(_.getLong(0))
      if (policy == "skip") assert(leftOut == bad.map(_.getLong(0)))
      else
        for (step <- 1L to 20L)
          assert(leftOut.contains(step) == bad.exists { b =>
            step <= b.getLong(0) && step > (b.getLong(0) - 1) / 5 * 5
          })
      val status = Status.parse(Files.readString(whole.resolve("status.json")))
      info(s"bad steps: ${bad.map(_.getLong(0)).mkString(", ")}")
      assert(bad.exists(_.getLong(0) <= 10) && bad.size > 1 && status.badSteps == bad.size)
      assert(status.message.split("left out: loss ").length == 2, status.message)

      val run = Scratch.folder().resolve("run")
      train(run, 10, 2, options: _*)
      val resumed = train(run, 20, 2, options: _*)
      assert(resumed.resumedFrom == 10 && rows(run) == rows(whole))
      assert(resumed.weightsDigest == result.weightsDigest)
      val again = Status.parse(Files.readString(run.resolve("status.json")))
      assert(again.resumedFrom == 10 && again.badSteps == bad.size)
    }

  test("a loss that goes out of hand ends the run in one line that says what to do") {
    val run = Scratch.folder().resolve("run")
    val failure = intercept[Exception](
      train(run, 20, 2, "train.spikes.policy" -> "stop", "train.learning-rate.peak" -> 1e30)
    )
    val texts = Iterator.iterate[Throwable](failure)(_.getCause).takeWhile(_ != null)
    assert(
      texts.exists(
        _.toString.matches(
          "(?s).*BadStepException: step \\d+: loss \\S+ and gradient norm \\S+ are not finite\\. .*"
        )
      ),
      failure
    )
  }

  test("texts of the same prompts are written, said and shown while it trains; weights stay") {
    val plain = train(Scratch.folder().resolve("run"), 12, 2, "train.samples.every" -> 0)
    val options = Seq(
      "train.samples.every" -> 5,
      "train.samples.prompts" -> JList.of("word1 word2", "word3\n"),
      "train.samples.tokens" -> 7,
      "train.learning-rate.phases" -> JList.of()
    )
    val run = Scratch.folder().resolve("run")
    val said = new ByteArrayOutputStream
    def go(run: Path, steps: Int) = new TrainJob(
      spark,
      TrainJobSparkSuite.settings(steps, options: _*),
      new Progress(new PrintStream(said), false, () => 0L)
    ).run(JList.of(data.toString), RunFolder.at(run.toString), 2, true, Limits.NONE)
    def samples(run: Path) =
      spark.read.parquet(s"$run/samples").orderBy("step", "prompt").collect().toSeq
    assert(plain.weightsDigest == train(run, 12, 2, options.dropRight(1): _*).weightsDigest)
    assert(
      samples(run).map(r => (r.getLong(0), r.getString(1))) ==
        Seq(5L, 10L, 12L).flatMap(step => Seq(step -> "word1 word2", step -> "word3\n"))
    )
    for (row <- samples(run)) {
      assert(row.getString(2).startsWith(row.getString(1)))
      assert(row.getString(2).length > row.getString(1).length)
    }

    val whole = Scratch.folder().resolve("run")
    go(whole, 12)
    val Seq(last, other) = samples(whole).takeRight(2).map(_.getString(2))
    val generated = GenerateJob.generate(
      hadoop,
      RunFolder.at(whole.toString),
      "word1 word2",
      7,
      SamplingConfig.greedy,
      false,
      Scratch.silent
    )
    assert(last == generated.text)
    val lines = Seq(last, other).map(text => s"sample of step 12: ${text.replace("\n", "\\n")}")
    val status = Status.parse(Files.readString(whole.resolve("status.json")))
    assert(status.samples.asScala == lines)
    assert(said.toString.linesIterator.toSeq.containsSlice(lines.map("train: " + _)), said)

    val resumed = Scratch.folder().resolve("run")
    go(resumed, 7)
    Files.copy(
      whole.resolve("samples/step-00000010.parquet"),
      resumed.resolve("samples/step-00000008.parquet")
    )
    go(resumed, 12)
    assert(samples(resumed).filter(_.getLong(0) != 7) == samples(whole))
  }

  test("the driver is told once that collectives cannot be by hosts, and why") {
    val said = new ByteArrayOutputStream
    new TrainJob(
      spark,
      TrainJobSparkSuite.settings(2, "train.wire.hierarchy" -> "hosts"),
      new Progress(new PrintStream(said), false, () => 0L)
    ).run(
      JList.of(data.toString),
      RunFolder.at(Scratch.folder().resolve("run").toString),
      2,
      true,
      Limits.NONE
    )
    val told = "train.wire.hierarchy: collectives are flat: by hosts they need several hosts"
    assert(said.toString.split(told, -1).length == 2, said)
  }

  test("a process killed while it replaced settings, tokenizer or data loses no checkpoint") {
    val run = Scratch.folder().resolve("run")
    train(run, 4, 2)
    for (
      (name, draft) <- Seq(
        "settings.json" -> "settings.json",
        "tokenizer.json" -> "tokenizer.json",
        "data.json" -> "ranks-0/data.json"
      )
    ) {
      val desk = Files.createDirectories(run.resolve("lease/desk-0000/ranks-0")).getParent
      Files.move(run.resolve(name), desk.resolve(draft))
      val again = train(run, 4, 2)
      assert(again.resumedFrom == 4, name)
      assert(Files.exists(run.resolve(name)))
    }
    Files.delete(run.resolve("settings.json"))
    assert(
      intercept[ConfigException](train(run, 4, 2)).getMessage ==
        s"the run $run has checkpoints and no settings.json. Put it back, or begin anew with --resume never."
    )
    assert(Files.exists(run.resolve("checkpoints/step-00000004/manifest.json")))
  }

  test("what fails twice in the same way ends at once, in a line that names step and cause") {
    val run = Scratch.folder().resolve("run")
    Files.createDirectories(run)
    Files.createFile(run.resolve("metrics"))
    val failure = intercept[RepeatedFailureException](train(run, 5, 2))
    val line = failure.getMessage
    assert(line.startsWith("twice in the same way, and no rank was lost: step 5 failed: "), line)
    assert(line.contains("metrics"), line)
    val status = Status.parse(Files.readString(run.resolve("status.json")))
    assert(
      status.message.contains(
        "begun again from the newest checkpoint (1 of at most 4 times without a new one): "
      ),
      status.message
    )
    val none = intercept[RanksLostException](train(run, 5, 2, "train.recoveries" -> 0))
    assert(
      none.getMessage.startsWith(
        "a rank was lost too often (1 since the checkpoint of step 0, train.recoveries is 0): "
      ),
      none.getMessage
    )
    assert(none.getMessage.endsWith("Started again, the run goes on from that checkpoint."))
    Files.delete(run.resolve("metrics"))
    assert(train(run, 5, 2).step == 5)
  }

  test("a run that another process has taken meanwhile ends and says so") {
    val run = Scratch.folder().resolve("run")
    val settings = TrainJobSparkSuite.settings(100000, "train.lease-expiry-seconds" -> 10)
    val thief = new Thread(() => {
      Processes.await("a holder", 60)(Files.exists(run.resolve("status.json")))
      Files.writeString(run.resolve("lease/holder-0000000009-aaaa"), "process 7 on elsewhere")
    })
    thief.start()
    val lost = intercept[LeaseLostException](
      new TrainJob(spark, settings, Scratch.silent)
        .run(JList.of(data.toString), RunFolder.at(run.toString), 2, true, Limits.NONE)
    )
    thief.join()
    assert(
      lost.getMessage ==
        s"$run: another process took the lease: this one gave no sign of life for 10 s. " +
        "Started again, the run goes on from its newest checkpoint."
    )
  }

  test("a second dataset is taken in behind the first; other data is refused by name") {
    val more = TrainJobSparkSuite.dataset(spark, Some(data), 60)
    val run = Scratch.folder().resolve("run")
    def go(steps: Int, datasets: Path*) =
      new TrainJob(spark, TrainJobSparkSuite.settings(steps), Scratch.silent).run(
        JList.of(datasets.map(_.toString): _*),
        RunFolder.at(run.toString),
        2,
        true,
        Limits.NONE
      )
    go(5, data)
    val after = go(10, data, more)
    assert(after.resumedFrom == 5 && after.step == 10)
    val status = Status.parse(Files.readString(run.resolve("status.json")))
    assert(status.message.contains(" sequences are new: the epoch of "), status.message)

    val missing = intercept[ConfigException](go(15, data)).getMessage
    assert(
      missing.contains(s"trained on 2 datasets, this time it is given 1: --data $more is missing")
    )
    val swapped = intercept[ConfigException](go(15, more, data)).getMessage
    assert(
      swapped.startsWith(
        s"--data $more is not the dataset that the run $run was trained on as number 1"
      )
    )
    val other = TrainJobSparkSuite.dataset(spark, None, 60)
    val tokenizer = intercept[ConfigException](go(15, data, more, other)).getMessage
    assert(
      tokenizer.startsWith(s"--data $other has another tokenizer or sequence length than $data.")
    )
  }

  test("a run meets a dataset of another tokenizer: neither goes on with it nor is evaluated") {
    val run = Scratch.folder().resolve("run")
    train(run, 1, 1)
    RunFolder.replace(hadoop, RunFolder.at(run.toString).tokenizer, "{}")
    val evaluated = intercept[ConfigException](
      new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(run.toString), data.toString)
    )
    val trained = intercept[ConfigException](train(run, 2, 1))
    for (refusal <- Seq(evaluated, trained))
      assert(refusal.getMessage.contains(s"another tokenizer than that of $data"))
  }

  test("attention within documents: another loss from the first step on, and it is evaluated so") {
    val losses = Seq("across-documents", "within-documents").map { span =>
      val run = Scratch.folder().resolve("run")
      train(run, 2, 1, "model.attention-span" -> span)
      val first = spark.read.parquet(run.resolve("metrics").toString).orderBy("step").head()
      val evaluation =
        new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(run.toString), data.toString)
      (first.getAs[Double]("loss"), evaluation.all.loss)
    }
    assert(losses(0)._1 != losses(1)._1)
    assert(losses(0)._2 != losses(1)._2)
    assert(losses.forall(l => math.abs(l._1 - math.log(400)) < 0.2))
    assert(
      intercept[ConfigException](
        TrainJobSparkSuite.settings(2, "model.attention-span" -> "near")
      ).getMessage.startsWith(
        "model.attention-span must be one of across-documents, within-documents, got near ("
      )
    )
  }

  test("precision: recorded with the run, evaluated so; a run does not go on with another") {
    val losses = Seq("float32", "bf16", "fp8").map { precision =>
      val run = Scratch.folder().resolve("run")
      train(run, 2, 1, "model.precision" -> precision)
      val folder = RunFolder.at(run.toString)
      assert(folder.read(hadoop, folder.settings).contains(s""""precision" : "$precision""""))
      val other = if (precision == "bf16") "fp8" else "bf16"
      val message =
        intercept[ConfigException](train(run, 3, 1, "model.precision" -> other)).getMessage
      assert(message.contains(s"model.precision is $precision there and $other here."))
      new EvaluateJob(spark, Scratch.silent).run(folder, data.toString).all.loss
    }
    assert(losses.toSet.size == 3)
    for (loss <- losses) assert(math.abs(loss / losses.head - 1) < 0.01)
    assert(
      intercept[ConfigException](
        TrainJobSparkSuite.settings(2, "model.precision" -> "int4")
      ).getMessage.startsWith("model.precision must be one of float32, bf16, fp8, got int4 (")
    )
  }

  test("experts on their owners: the losses of all experts on all ranks, less on the wire") {
    val exact = Seq(
      "train.wire.gradients" -> "fp32",
      "train.experts.dispatch" -> "fp32",
      "train.experts.combine" -> "fp32"
    )
    def trained(placement: String, options: (String, Any)*) = {
      val run = Scratch.folder().resolve("run")
      train(run, 8, 2, options :+ ("train.experts.placement" -> placement): _*)
      val metrics = spark.read.parquet(run.resolve("metrics").toString).orderBy("step").collect()
      val evaluation =
        new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(run.toString), data.toString)
      (run, metrics.map(_.getAs[Double]("loss")).toSeq, evaluation.all.loss)
    }
    val (_, losses, loss) = trained("replicated", exact: _*)
    val (run, same, sameLoss) = trained("owners", exact: _*)
    assert(same == losses && sameLoss == loss)
    assert(!Files.exists(run.resolve("samples")))
    val told =
      "no samples are written: with train.experts.placement = owners no rank has all experts"
    val message = Status.parse(Files.readString(run.resolve("status.json"))).message
    assert(message.split(told, -1).length == 2, message)
    val (_, near, nearLoss) = trained("owners", exact.take(1): _*)
    assert(near != losses && near.zip(losses).forall { case (a, b) => math.abs(a / b - 1) < 0.01 })
    assert(math.abs(nearLoss / loss - 1) < 0.01)
    val alone = train(run, 10, 1, exact: _*)
    assert(alone.resumedFrom == 8 && alone.step == 10)
  }

  test("best-fit sequences: padding is neither trained on nor evaluated") {
    val packed = TrainJobSparkSuite.dataset(spark, "sequences.packing" -> "best-fit")
    val counts = PreparedDataset.at(packed.toString).manifest(hadoop).counts
    assert(counts.trainPaddingTokens > 100 && counts.heldOutPaddingTokens > 0)
    val run = Scratch.folder().resolve("run")
    // As many steps as one epoch has: every token but each sequence's first is predicted once.
    val steps = ((counts.sequences + 3) / 4).toInt
    new TrainJob(spark, TrainJobSparkSuite.settings(steps), Scratch.silent)
      .run(JList.of(packed.toString), RunFolder.at(run.toString), 2, true, Limits.NONE)
    val metrics = spark.read.parquet(run.resolve("metrics").toString)
    val predicted = metrics.agg(Map("tokens" -> "sum")).first().getLong(0)
    val epoch = counts.trainTokens - counts.sequences
    assert(predicted >= epoch && predicted <= epoch + 3 * 32)
    val evaluation =
      new EvaluateJob(spark, Scratch.silent).run(RunFolder.at(run.toString), packed.toString)
    assert(evaluation.all.tokens == counts.heldOutTokens - counts.heldOutSequences)
    assert(evaluation.all.loss < math.log(400))
  }

  test("started again it resumes and ends with the weights of a run that was never stopped") {
    val whole = train(
      Scratch.folder().resolve("run"),
      12,
      2,
      "train.learning-rate.phases" -> JList.of()
    )
    val run = Scratch.folder().resolve("run")
    train(run, 5, 2, "train.learning-rate.phases" -> JList.of())
    val resumed = train(run, 12, 2, "train.learning-rate.phases" -> JList.of())
    assert(resumed.resumedFrom == 5)
    assert(resumed.weightsDigest == whole.weightsDigest)
    val steps = spark.read.parquet(run.resolve("metrics").toString).orderBy("step").collect()
    assert(steps.map(_.getAs[Long]("step")).toSeq == (1L to 12L))
    val again = train(run, 12, 2, "train.learning-rate.phases" -> JList.of())
    assert(again.resumedFrom == 12 && again.weightsDigest == whole.weightsDigest)
  }

  test("another number of ranks: metrics, status, checkpoints and TensorBoard's files go on") {
    val run = Scratch.folder().resolve("run")
    train(run, 5, 2)
    val before = Status.parse(Files.readString(run.resolve("status.json")))
    val result = train(run, 10, 1)
    assert(result.resumedFrom == 5 && result.step == 10)
    val rows = spark.read.parquet(run.resolve("metrics").toString).orderBy("step").collect()
    assert(rows.map(_.getAs[Long]("step")).toSeq == (1L to 10L))
    assert(rows.map(_.getAs[Long]("tokens")).forall(_ > 3 * 32))
    val losses = rows.map(_.getAs[Double]("loss"))
    assert(losses.drop(5).sum < losses.take(5).sum)
    val after = Status.parse(Files.readString(run.resolve("status.json")))
    assert(after.state == "done" && after.resumedFrom == 5 && after.lastCheckpoint == 10)
    assert(before.tokensSeen == 5 * 4 * 32 && after.tokensSeen == 10 * 4 * 32)
    assert(after.loss == losses.last && after.wireBytes == 0)
    val back = train(run, 12, 2)
    assert(back.resumedFrom == 10 && back.step == 12)
    assert(spark.read.parquet(run.resolve("metrics").toString).count() == 12)
    val events = Files.list(run.resolve("tensorboard"))
    try assert(events.count() == 3)
    finally events.close()
  }

  test("a run goes on with its own model only, and its settings stay") {
    val run = Scratch.folder().resolve("run")
    train(run, 5, 1)
    val settings = Files.readString(run.resolve("settings.json"))
    val error = intercept[ConfigException](train(run, 6, 1, "model.rotary.theta" -> 5000))
    assert(
      error.getMessage == s"the run $run has another model: model.rotary.theta is 10000.0 there and 5000.0 here. " +
        "Set it back, use another --run, or --resume never."
    )
    val other = intercept[ConfigException](train(run, 6, 1, "model.rotary.scaling" -> "none"))
    assert(other.getMessage.contains("model.rotary.beta-fast is 32.0 there and unused here."))
    assert(Files.readString(run.resolve("settings.json")) == settings)
  }

  test("a run goes on with its own order of the data only") {
    val run = Scratch.folder().resolve("run")
    train(run, 5, 1)
    for (key <- Seq("train.seed", "train.sequences-per-step")) {
      val error = intercept[ConfigException](train(run, 6, 1, key -> 7))
      assert(error.getMessage.startsWith(s"the run $run has another order of the data: $key is "))
      assert(error.getMessage.contains(" there and 7 here. Set it back, use another --run"))
    }
    assert(train(run, 6, 1).resumedFrom == 5)
  }

  test("a run recorded before a setting was there has its default") {
    val run = Scratch.folder().resolve("run")
    train(run, 5, 1)
    val recorded = Files.readString(run.resolve("settings.json"))
    val older = recorded.replaceAll("\"error-feedback\" : \"auto\",\\s*", "")
    assert(older != recorded)
    Files.writeString(run.resolve("settings.json"), older)
    assert(train(run, 6, 1).resumedFrom == 5)
  }

  test("settings that do not fit the dataset or the cluster are refused in one line") {
    val run = Scratch.folder().resolve("run")
    def message(work: => Any) = intercept[ConfigException](work).getMessage
    assert(
      message(train(run, 5, 2, "model.vocabulary-size" -> 399)) ==
        "model.vocabulary-size must be at least the dataset's 400, got 399. " +
        s"Change it, or prepare $data with --vocab-size 399."
    )
    assert(
      message(train(run, 5, 2, "model.max-sequence-length" -> 16))
        .startsWith("model.max-sequence-length must be at least the dataset's 32, got 16.")
    )
    assert(
      message(train(run, 5, 3)).startsWith(
        "--ranks 3 need as many slots at once, --master local[2] has 2."
      )
    )
    assert(
      message(train(run, 5, 2, "train.wire.gradients" -> "int9"))
        .contains("gradients must be one of fp32, bf16, int8, int4, sign, topk, powersgd, got int9")
    )
    assert(!Files.exists(run))
  }

  test("folders that are no dataset, no run, or a run without a checkpoint are named") {
    val empty = Scratch.folder()
    assert(
      intercept[FileNotFoundException](
        new TrainJob(spark, TrainJobSparkSuite.settings(5), Scratch.silent)
          .run(
            JList.of(empty.toString),
            RunFolder.at(empty.resolve("run").toString),
            1,
            true,
            Limits.NONE
          )
      ).getMessage.contains("is not a prepared dataset")
    )
    assert(
      intercept[FileNotFoundException](
        GenerateJob.generate(
          hadoop,
          RunFolder.at(empty.toString),
          "a",
          1,
          SamplingConfig.greedy,
          false,
          Scratch.silent
        )
      ).getMessage.contains("is not a training run")
    )
  }
}

object TrainJobSparkSuite {

  private val datasets = mutable.Map.empty[Seq[(String, Object)], Path]

  /** A dataset of 32-token sequences and a vocabulary of 400; one for all suites, to be read alone.
    */
  def dataset(spark: org.apache.spark.sql.SparkSession, options: (String, Object)*): Path =
    datasets.getOrElseUpdate(options, dataset(spark, None, 150, options: _*))

  /** The same of so many documents, perhaps with another dataset's tokenizer. */
  def dataset(
      spark: org.apache.spark.sql.SparkSession,
      tokenizer: Option[Path],
      documents: Int,
      options: (String, Object)*
  ): Path = {
    val folder = Scratch.folder()
    Scratch.writeJsonLines(folder.resolve("corpus.jsonl"), Scratch.corpus(documents))
    prepared(spark, folder, tokenizer, options: _*)
  }

  /** The same of a folder's corpus.jsonl. */
  def prepared(
      spark: org.apache.spark.sql.SparkSession,
      folder: Path,
      tokenizer: Option[Path],
      options: (String, Object)*
  ): Path = {
    val settings = PrepareSettings.of(
      SettingsFile.read(
        "prepare.conf",
        Optional.empty(),
        (Map[String, Object](
          "tokenizer.vocabulary-size" -> Int.box(400),
          "sequences.length" -> Int.box(32),
          "held-out.fraction" -> Double.box(0.1)
        ) ++ options).asJava
      )
    )
    val output = folder.resolve("data")
    new PrepareJob(spark, settings, Scratch.silent)
      .run(
        new DatasetPaths(JList.of(folder.resolve("corpus.jsonl").toString), output.toString),
        tokenizer.map(from => s"$from/tokenizer/tokenizer.json").toJava,
        2
      )
    output
  }

  /** A model of some ten thousand parameters. */
  def settings(steps: Int, options: (String, Any)*): TrainSettings = TrainSettings.of(
    SettingsFile.read(
      "models/demo.conf",
      Optional.empty(),
      (Seq[(String, Any)](
        "model.vocabulary-size" -> 400,
        "model.dim" -> 32,
        "model.layers" -> 2,
        "model.dense-feed-forward-dim" -> 64,
        "model.max-sequence-length" -> 32,
        "model.attention.heads" -> 2,
        "model.experts.feed-forward-dim" -> 16,
        "train.steps" -> steps,
        "train.sequences-per-step" -> 4,
        "train.micro-batch" -> 2,
        "train.checkpoint-every" -> 5,
        "train.evaluate-every" -> 5,
        "train.digest-every" -> 2,
        "train.learning-rate.warm-up-steps" -> 2
      ) ++ options).map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
    )
  )
}
