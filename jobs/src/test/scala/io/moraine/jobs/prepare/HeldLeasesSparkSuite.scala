package io.moraine.jobs.prepare

import io.moraine.jobs.config.{ConfigException, DedupSettings, PrepareSettings, SettingsFile}
import io.moraine.jobs.lease.{LeaseLostException, TryLaterException}
import io.moraine.jobs.progress.Progress
import io.moraine.jobs.shards.ShardsJob
import io.moraine.jobs.train.{HdfsLike, Processes}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.document.CorpusException
import io.moraine.pipeline.shard.ShardFormat
import java.io.{ByteArrayOutputStream, OutputStream, PrintStream}
import java.nio.file.{Files, Path}
import java.util.concurrent.Executors
import java.util.{List => JList, Optional, OptionalLong}
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Using

/** Commands that write the same folder, at the same time or one after a killed one. */
class HeldLeasesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private class Killed extends RuntimeException

  private lazy val session: SparkSession = {
    HdfsLike.register(spark.sparkContext.hadoopConfiguration)
    spark
  }

  /** Does something when a stage begins, once. */
  private def at(stage: String)(work: => Unit): Progress = {
    var isDone = false
    val out = new PrintStream(OutputStream.nullOutputStream()) {
      override def println(line: String): Unit = if (line == s"$stage ..." && !isDone) {
        isDone = true
        work
      }
    }
    new Progress(out, false, () => 0L)
  }

  private def settings(file: String, options: (String, Any)*): SettingsFile =
    SettingsFile.read(
      file,
      Optional.empty(),
      options.map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
    )

  /** Without near duplicates, which take time and have no part in what is tested here. */
  private def dedup(
      input: Path,
      output: Path,
      index: Option[Path] = None,
      progress: Progress = Scratch.silent
  ): Unit = {
    val known = Optional.ofNullable(index.map(at => s"hdfslike:$at").orNull)
    new DedupJob(
      session,
      DedupSettings.of(settings("dedup.conf", "near.enabled" -> false)),
      progress
    )
      .run(new DatasetPaths(JList.of(input.toString), s"hdfslike:$output", known), 2)
  }

  private def prepare(input: Path, output: Path, length: Int, progress: Progress): Unit =
    new PrepareJob(
      session,
      PrepareSettings.of(
        settings("prepare.conf", "tokenizer.vocabulary-size" -> 400, "sequences.length" -> length)
      ),
      progress
    ).run(
      new DatasetPaths(JList.of(input.toString), s"hdfslike:$output"),
      Optional.empty(),
      2
    )

  private def input(documents: Seq[(String, String)] = Scratch.corpus(60)): Path = {
    val folder = Scratch.folder()
    Scratch.writeJsonLines(folder.resolve("corpus.jsonl"), documents)
    folder
  }

  private def names(folder: Path): Set[String] = Using.resource(Files.list(folder)) {
    _.iterator.asScala.map(_.getFileName.toString).toSet
  }

  /** Files of a folder with their bytes and when they were written. */
  private def content(folder: Path): Map[String, (Seq[Byte], Long)] =
    Using.resource(Files.walk(folder)) {
      _.iterator.asScala
        .filter(Files.isRegularFile(_))
        .map(p =>
          folder.relativize(p).toString ->
            (Files.readAllBytes(p).toSeq, Files.getLastModifiedTime(p).toMillis)
        )
        .toMap
    }

  private def ids(output: Path): Set[String] =
    session.read.parquet(output.resolve("documents").toString).collect().map(_.getString(0)).toSet

  /** As if a process had given no sign of life for long. */
  private def forget(lease: Path): Unit =
    for (claim <- names(lease) if claim.startsWith("holder-")) Files.delete(lease.resolve(claim))

  private def leaseOf(output: Path): Path = output.resolveSibling(s".${output.getFileName}.lease")

  /** By another process, which takes the leases of one that hangs. */
  private def takenOver(leases: Path*)(job: => Unit): Unit = {
    leases.foreach(forget)
    val other = Executors.newSingleThreadExecutor()
    try
      other
        .submit[Unit] { () =>
          session.sparkContext.clearJobTags()
          // A sign of life that was under way may have written the claim anew.
          try job
          catch {
            case _: TryLaterException =>
              leases.foreach(forget)
              job
          }
        }
        .get()
    finally other.shutdown()
  }

  /** Asked of the threads: what Spark's status store says of tasks may be of a stage before. */
  private def isTaskRunning: Boolean =
    Thread.getAllStackTraces.values.asScala
      .exists(_.exists(_.getClassName == "org.apache.spark.executor.Executor$TaskRunner"))

  /** A kill of the process just before a call of the file system. */
  private def killedBefore(isMoment: HdfsLike.Call => Boolean)(job: => Unit): Unit =
    HdfsLike.watched(call => if (isMoment(call)) throw new Killed)(intercept[Killed](job))

  test("of two that write one folder the second is told to try later; nothing stays beside it") {
    val output = Scratch.folder().resolve("unique")
    val corpus = input()
    var refusal = ""
    dedup(
      corpus,
      output,
      progress = at("exact") {
        refusal = intercept[TryLaterException](dedup(corpus, output)).getMessage
      }
    )
    assert(
      refusal.matches(
        s"hdfslike:\\Q$output\\E is being written by process \\d+ on .*\\. Try later, or use another --output\\."
      ),
      refusal
    )
    assert(names(output.getParent) == Set("unique"))
  }

  test("of two that extend one index likewise, whatever their outputs") {
    val folder = Scratch.folder()
    val (corpus, index) = (input(), folder.resolve("seen"))
    var refusal = ""
    dedup(
      corpus,
      folder.resolve("a"),
      Some(index),
      at("exact") {
        refusal = intercept[TryLaterException](
          dedup(corpus, folder.resolve("b"), Some(index))
        ).getMessage
      }
    )
    assert(refusal.endsWith("Try later, or use another --index."), refusal)
    assert(names(folder) == Set("a", "seen"))
    dedup(corpus, folder.resolve("b"), Some(index))
    assert(
      ids(folder.resolve("a")).nonEmpty && ids(folder.resolve("b")) == ids(folder.resolve("a"))
    )
  }

  for (
    (stage, length) <-
      Seq("quality" -> 32, "near" -> 16, "pieces" -> 32, "pack held-out" -> 16)
  )
    test(
      s"a prepare that hung as $stage began and was taken over, by length $length, ends; nothing of it appears"
    ) {
      val output = Scratch.folder().resolve("data")
      val corpus = input()
      var left = Map.empty[String, (Seq[Byte], Long)]
      val lost = intercept[LeaseLostException](
        prepare(
          corpus,
          output,
          32,
          at(stage) {
            takenOver(leaseOf(output))(prepare(corpus, output, length, Scratch.silent))
            left = content(output)
          }
        )
      )
      assert(
        lost.getMessage == s"hdfslike:$output: another process took the lease. This command writes " +
          "no more. Start it again; prepare, dedup and tokenizer go on from the stages that were finished."
      )
      assert(left.nonEmpty, lost.getCause)
      assert(content(output) == left)
      // A task that failed late must not begin a file beside the next command.
      Processes.await("the end of its tasks", 60)(!isTaskRunning)
      prepare(corpus, output, 32, Scratch.silent)
      assert(names(output.getParent) == Set("data"))
    }

  test("one that hung just before it gave the folder its name replaces nothing") {
    val output = Scratch.folder().resolve("unique")
    val corpus = input()
    dedup(corpus, output)
    var left = Map.empty[String, (Seq[Byte], Long)]
    for (hung <- Seq("aside", "into its place")) {
      var isTaken = false
      HdfsLike.watched(call =>
        if (
          !isTaken && call.name == "rename" &&
          (if (hung == "aside") call.from == output else call.to == output)
        ) {
          isTaken = true
          takenOver(leaseOf(output))(dedup(corpus, output))
          left = content(output)
        }
      )(intercept[LeaseLostException](dedup(corpus, output)))
      assert(left.nonEmpty && content(output) == left, hung)
    }
  }

  test("a kill between putting the old folder aside and the new one in its place loses neither") {
    val output = Scratch.folder().resolve("unique")
    val (first, second) = (input(), input(Scratch.corpus(30)))
    dedup(first, output)
    val published = content(output)
    killedBefore(call => call.name == "rename" && call.to == output)(dedup(second, output))
    assert(!Files.exists(output))
    killedBefore(call => call.file == "run.key")(dedup(first, output))
    assert(content(output) == published)
    dedup(second, output)
    assert(ids(output).size < 40 && names(output.getParent) == Set("unique"))
  }

  test("a folder that was removed after a kill is not put back, even in part") {
    val output = Scratch.folder().resolve("unique")
    val (first, second) = (input(), input(Scratch.corpus(30)))
    dedup(first, output)
    killedBefore(call =>
      call.name == "delete" && call.from.toString.endsWith(".replaced") && Files.exists(call.from)
    ) {
      dedup(second, output)
    }
    assert(ids(output).size < 40)
    Using.resource(Files.walk(output)) {
      _.iterator.asScala.toSeq.reverse.foreach(Files.delete(_))
    }
    killedBefore(call => call.file == "run.key")(dedup(first, output))
    assert(!Files.exists(output))
  }

  test("one that was killed as it gave the folder its name goes on from its finished stages") {
    val output = Scratch.folder().resolve("data")
    val corpus = input()
    killedBefore(call => call.name == "rename" && call.to == output) {
      prepare(corpus, output, 32, Scratch.silent)
    }
    val said = new ByteArrayOutputStream
    prepare(corpus, output, 32, new Progress(new PrintStream(said), false, () => 0L))
    assert(said.toString.contains("going on with the stages that an interrupted run finished."))
    val other = Scratch.folder().resolve("data")
    prepare(corpus, other, 32, Scratch.silent)
    def bytes(folder: Path) = content(folder).map { case (name, (read, _)) => name -> read }
    assert(names(output.getParent) == Set("data") && names(output) == names(other))
    assert(bytes(output)("manifest.json") == bytes(other)("manifest.json"))
  }

  test("tokenizer train, tokenizer encode and shards take the lease of their output, too") {
    val folder = Scratch.folder()
    val corpus = input()
    val data = folder.resolve("data")
    prepare(corpus, data, 32, Scratch.silent)
    val tokenizer = data.resolve("tokenizer/tokenizer.json").toString
    val small = PrepareSettings.of(settings("prepare.conf", "tokenizer.vocabulary-size" -> 400))
    val commands = Seq[(String, (String, Progress) => Any)](
      "train" -> ((output, progress) =>
        new TokenizerJob(session, small, progress).run(JList.of(corpus.toString), output, 2)
      ),
      "encode" -> ((output, progress) =>
        new EncodeJob(session, small, progress)
          .run(JList.of(corpus.toString), output, tokenizer, 2)
      ),
      "shards" -> ((output, progress) =>
        new ShardsJob(session, progress)
          .run(ShardFormat.LLMC, data.toString, output, OptionalLong.empty())
      )
    )
    for (((name, command), stage) <- commands.zip(Seq("read", "read", "shards"))) {
      val output = s"hdfslike:${folder.resolve(name)}"
      var refusal = ""
      command(
        output,
        at(stage) {
          refusal = intercept[TryLaterException](command(output, Scratch.silent)).getMessage
        }
      )
      assert(refusal.startsWith(s"$output is being written by process "), name)
      assert(Files.exists(folder.resolve(name)))
    }
    assert(names(folder) == Set("data") ++ commands.map(_._1))
  }

  test("a damaged .unpublished.json is named, with what to do") {
    val folder = Scratch.folder()
    val index = folder.resolve("seen")
    dedup(input(), folder.resolve("monday"), Some(index))
    for (damaged <- Seq("{", "{}")) {
      val file = Files.writeString(index.resolve(".unpublished.json"), damaged)
      val refused =
        intercept[CorpusException](dedup(input(), folder.resolve("tuesday"), Some(index)))
      assert(refused.getMessage.startsWith(s"hdfslike:$file is damaged: "))
      assert(refused.getMessage.endsWith("remove the file; else begin a new index."))
    }
  }

  test(
    "an increment counts when its dataset is there: killed before, its documents are not known"
  ) {
    val folder = Scratch.folder()
    val index = folder.resolve("seen")
    val made = Scratch.corpus(40).take(40)
    def run(documents: Seq[(String, String)], output: String): Unit =
      dedup(input(documents), folder.resolve(output), Some(index))
    run(made.take(10), "monday")
    val tuesday = folder.resolve("tuesday")
    killedBefore(call => call.name == "rename" && call.to == tuesday)(
      run(made.slice(10, 20), "tuesday")
    )
    assert(Files.readString(index.resolve("index.json")).split("\"key\"").length == 3)
    run(made.take(30), "tuesday")
    assert(ids(folder.resolve("monday")) == made.take(10).map(_._1).toSet)
    assert(ids(tuesday) == made.slice(10, 30).map(_._1).toSet)
    val wednesday = folder.resolve("wednesday")
    killedBefore(call => call.name == "rename" && call.from == index.resolve(".unpublished.json"))(
      run(made.slice(30, 35), "wednesday")
    )
    assert(ids(wednesday) == made.slice(30, 35).map(_._1).toSet)
    run(made.drop(30), "thursday")
    assert(ids(folder.resolve("thursday")) == made.drop(35).map(_._1).toSet)
    assert(names(index) == Set("index.json", "features", "pages"))
  }

  test(
    "one that was killed there and is started again with the same input goes on and counts once"
  ) {
    val folder = Scratch.folder()
    val index = folder.resolve("seen")
    val corpus = input()
    val output = folder.resolve("monday")
    killedBefore(call => call.name == "rename" && call.to == output)(
      dedup(corpus, output, Some(index))
    )
    dedup(corpus, output, Some(index))
    assert(ids(output).nonEmpty)
    assert(Files.readString(index.resolve("index.json")).split("\"key\"").length == 2)
    val refused = intercept[ConfigException](dedup(input(), output, Some(index)))
    assert(refused.getMessage.startsWith(s"--output hdfslike:$output is there already"))
  }

  /** What two runs on one index publish, of which the first hangs and the second takes over. */
  private def hungWithIndex(hang: (=> Unit) => (=> Unit) => Unit): Unit = {
    val folder = Scratch.folder()
    val (corpus, index) = (input(), folder.resolve("seen"))
    val (first, second) = (folder.resolve("first"), folder.resolve("second"))
    var left = Map.empty[String, (Seq[Byte], Long)]
    hang {
      takenOver(index.resolve(".lease"))(dedup(input(), second, Some(index)))
      left = content(index).filterNot(_._1.startsWith("."))
    } { intercept[LeaseLostException](dedup(corpus, first, Some(index), hanging)) }
    assert(!Files.exists(first) && ids(second).nonEmpty)
    assert(content(index).filterNot(_._1.startsWith(".")) == left)
    dedup(corpus, first, Some(index))
    assert(ids(first).isEmpty)
    assert(names(folder) == Set("seen", "first", "second"))
    assert(names(index) == Set("index.json", "features", "pages"))
  }

  private var hanging = Scratch.silent

  test("one that hung before it wrote its increment, and lost the index, publishes nothing") {
    hungWithIndex { meanwhile => job =>
      hanging = at("index")(meanwhile)
      job
    }
  }

  test("one that hung between its increment and its dataset, and lost the index, likewise") {
    hungWithIndex { meanwhile => job =>
      hanging = Scratch.silent
      var isTaken = false
      HdfsLike.watched { call =>
        if (!isTaken && call.name == "rename" && call.to.endsWith("first")) {
          isTaken = true
          meanwhile
        }
      }(job)
    }
  }

  test("where nothing can be written it is a setting's mistake, in a line") {
    val file = Files.createFile(Scratch.folder().resolve("file"))
    val corpus = input()
    for (output <- Seq(file.resolve("unique"), file.resolve("a/b"))) {
      val refused = intercept[ConfigException](
        new DedupJob(session, DedupSettings.of(settings("dedup.conf")), Scratch.silent)
          .run(new DatasetPaths(JList.of(corpus.toString), output.toString), 2)
      )
      assert(refused.getMessage.startsWith(s"--output $output: its lease cannot be taken, "))
      assert(!refused.getMessage.contains("\n"))
    }
    val root = intercept[ConfigException](dedup(corpus, Path.of("/")))
    assert(root.getMessage.endsWith("/ is the root of a file system. Name a folder in it."))
  }

  test("stages of which a kill left a part as they were deleted are not gone on with") {
    val output = Scratch.folder().resolve("data")
    val (first, second) = (input(), input(Scratch.corpus(50)))
    intercept[Killed](prepare(first, output, 32, at("near")(throw new Killed)))
    HdfsLike.watched { call =>
      if (call.name == "delete" && call.from.toString.contains("gone-")) {
        val parts = Using.resource(Files.walk(call.from)) {
          _.iterator.asScala.filter(_.toString.endsWith(".parquet")).toSeq
        }
        assert(parts.nonEmpty)
        parts.foreach(Files.delete(_))
        throw new Killed
      }
    }(intercept[Killed](prepare(second, output, 32, Scratch.silent)))
    prepare(first, output, 32, Scratch.silent)
    assert(ids(output).nonEmpty && names(output.getParent) == Set("data"))
  }

  test("an increment of a run repeated that was killed as it was replaced is still there") {
    val folder = Scratch.folder()
    val (corpus, index) = (input(), folder.resolve("seen"))
    dedup(corpus, folder.resolve("monday"), Some(index))
    val features = index.resolve("features/increment=0")
    killedBefore(call => call.name == "rename" && call.to == features)(
      dedup(corpus, folder.resolve("monday"), Some(index))
    )
    assert(!Files.exists(features))
    dedup(corpus, folder.resolve("tuesday"), Some(index))
    assert(ids(folder.resolve("tuesday")) == ids(folder.resolve("monday")))
    dedup(input(Scratch.corpus(70)), folder.resolve("wednesday"), Some(index))
    assert(ids(folder.resolve("wednesday")).nonEmpty)
  }
}
