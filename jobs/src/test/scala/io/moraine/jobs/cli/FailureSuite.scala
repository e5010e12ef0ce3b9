package io.moraine.jobs.cli

import io.moraine.jobs.config.ConfigException
import io.moraine.model.collective.CollectiveException
import io.moraine.model.huggingface.ModelFormatException
import io.moraine.pipeline.document.CorpusException
import org.scalatest.funsuite.AnyFunSuite

class FailureSuite extends AnyFunSuite {

  test("each kind of failure has its exit code and its message, wrapped or not") {
    val collective = new CollectiveException("all-gather", 7, 0, 2, "rank 1: connection lost")
    for (
      (e, code) <- Seq(
        new ConfigException("bad") -> 2,
        new CorpusException("bad") -> 3,
        new ModelFormatException("bad") -> 3,
        collective -> 4
      );
      wrapped <- Seq(e, new RuntimeException("outer", e))
    ) {
      val failure = Failure.of(wrapped)
      assert(failure.exitCode.code == code && failure.message == e.getMessage && !failure.isOurs)
    }
  }

  test("a lease that is lost has a code of its own, whoever finds out") {
    val line = "run: another process has taken the lease, this one can write there no more."
    val text = "finished unsuccessfully.\nio.moraine.jobs.train.RankFailedException: step 12: " +
      "java.io.IOException: the checkpoint of step 10 could not be written: " +
      s"io.moraine.jobs.lease.LeaseLostException: $line\n\tat ..."
    val failure = Failure.of(new RuntimeException(text))
    assert(failure.exitCode.code == 5 && failure.message == line && !failure.isOurs)
  }

  test("a failure inside a Spark task is found in Spark's text") {
    val text = "Job aborted: Task 0 failed: io.moraine.model.collective.CollectiveException: " +
      "all-gather at step 7 on rank 0 of 2: rank 1: connection lost\n\tat ..."
    val failure = Failure.of(new RuntimeException(text))
    assert(failure.exitCode == ExitCode.COLLECTIVE_FAILED)
    assert(failure.message == "all-gather at step 7 on rank 0 of 2: rank 1: connection lost")
    val setting = Failure.of(
      new RuntimeException(
        "Job aborted: Task 0 failed: io.moraine.jobs.config.ConfigException: train.wire.tls needs it.\n\tat ..."
      )
    )
    assert(
      setting.exitCode == ExitCode.BAD_SETTING && setting.message == "train.wire.tls needs it."
    )
  }

  test("a rank that repeats another one's failure is not the cause of it") {
    val text = "Most recent failure reason: task 1 finished unsuccessfully.\n" +
      "io.moraine.model.collective.CollectiveException: all-gather at step 7 on rank 1 of 2: rank 0: " +
      "gave up: io.moraine.model.train.BadStepException: step 7: loss NaN is not finite.\n\tat ..."
    val failure = Failure.of(new RuntimeException(text))
    assert(failure.exitCode == ExitCode.FAILED)
    assert(failure.message == "step 7: loss NaN is not finite.")
  }

  test("a certificate that is refused is a setting's mistake, whichever rank is heard") {
    val why = "rank 0 at 10.0.0.1:4000: the certificate of CN=a is not trusted."
    val name = "io.moraine.model.collective.transport.UntrustedException"
    for (
      text <- Seq(
        s"finished unsuccessfully.\n$name: $why\n\tat ...",
        s"io.moraine.model.collective.CollectiveException: barrier at step 0 on rank 0 of 2: rank 1: gave up: $name: $why\n"
      )
    ) {
      val failure = Failure.of(new RuntimeException(text))
      assert(failure.exitCode == ExitCode.BAD_SETTING && failure.message == why)
    }
  }

  test("an option that is no path is a user's mistake") {
    for (path <- Seq("", "foo:bar/x")) {
      val thrown = intercept[IllegalArgumentException](new org.apache.hadoop.fs.Path(path))
      val failure = Failure.of(new RuntimeException(thrown))
      assert(failure.exitCode == ExitCode.BAD_SETTING && !failure.isOurs)
      assert(failure.message.startsWith("an option has a path that is none: "))
    }
  }

  test("anything else is a failure of ours and keeps its first line") {
    val failure = Failure.of(new IllegalStateException("odd\nstack"))
    assert(failure.isOurs && failure.exitCode == ExitCode.FAILED)
    assert(failure.message == "IllegalStateException: odd")
  }

  test("a bad option, a missing one and a wrong value give code 2, help gives 0") {
    assert(MoraineCommand.run("prepare", "--inptu", "x") == 2)
    assert(MoraineCommand.run("train") == 2)
    for (command <- Seq("prepare", "dedup"))
      assert(
        MoraineCommand.run(command, "--input", "i", "--output", "o", "--partitions", "0") == 2
      )
    assert(MoraineCommand.run("train", "--data", "d", "--run", "r", "--ranks", "two") == 2)
    assert(MoraineCommand.run("evaluate", "--data", "d", "--run", "r", "--step", "last") == 2)
    for (
      command <- Seq(
        "demo",
        "prepare",
        "dedup",
        "train",
        "evaluate",
        "generate",
        "report",
        "export",
        "import",
        "tokenizer",
        "plan",
        "explain"
      )
    )
      assert(MoraineCommand.run(command, "--help") == 0)
    assert(MoraineCommand.run("tokenizer") == 0)
    assert(MoraineCommand.run("tokenizer", "shards", "--help") == 0)
    assert(MoraineCommand.run("tokenizer", "shards", "--format", "llmc") == 2)
    val shards = Seq("tokenizer", "shards", "--data", "d", "--output", "o", "--format")
    assert(MoraineCommand.run(shards :+ "mds": _*) == 2)
    val encode = Seq("tokenizer", "encode", "--tokenizer", "t", "--input", "i", "--output", "o")
    assert(MoraineCommand.run(encode ++ Seq("--tokenizer-pattern", "cl200k"): _*) == 2)
    assert(MoraineCommand.run(encode ++ Seq("--tokenizer-special-tokens", "<|x|>"): _*) == 2)
    for (
      (option, value) <- Seq(
        "--temperature" -> "-1",
        "--top-k" -> "-1",
        "--top-p" -> "1.5",
        "--repetition-penalty" -> "0"
      )
    )
      assert(MoraineCommand.run("generate", "--run", "r", "--prompt", "p", option, value) == 2)
    assert(MoraineCommand.run("explain") == 0)
    assert(MoraineCommand.run("explain", "prepare", "--help") == 0)
    assert(MoraineCommand.run("explain", "prepare") == 2)
    assert(MoraineCommand.run("plan", "dedup") == 0)
    assert(MoraineCommand.run("plan", "dedup", "--recall", "2") == 2)
    assert(MoraineCommand.run("plan", "dedup", "--max-bands", "1") == 2)
    assert(MoraineCommand.run("plan", "dedup", "--bands", "10") == 2)
    assert(MoraineCommand.run("plan", "model") == 0)
    assert(MoraineCommand.run("plan", "model", "--ranks", "0") == 2)
    assert(MoraineCommand.run("plan", "model", "--rate", "-1") == 2)
    assert(MoraineCommand.run("export", "--run", "no-run") == 2)
    assert(MoraineCommand.run("export", "--run", "no-run", "--output", "o", "--dtype", "int8") == 2)
    assert(
      MoraineCommand.run("export", "--run", "no-run", "--output", "o", "--shard-bytes", "0") == 2
    )
    assert(MoraineCommand.run("export", "--run", "no-run", "--output", "o") == 3)
    assert(MoraineCommand.run("import", "--input", "no-model") == 2)
    assert(MoraineCommand.run("import", "--input", "no-model", "--run", "r") == 3)
    assert(MoraineCommand.run("report", "--output", "o") == 2)
    assert(MoraineCommand.run("report", "--data", "d", "--run", "r") == 2)
    // Before the dataset is looked for, which would be code 3.
    assert(MoraineCommand.run("report", "--data", "d", "--output", ".") == 2)
    for (left <- Seq("o", "r")) assert(!java.nio.file.Files.exists(java.nio.file.Path.of(left)))
  }

  test("the module options of the launcher are those that Spark asks for on Java 17") {
    val file =
      java.nio.file.Path.of(System.getProperty("moraine.root", ".."), "conf/java-module-options")
    val ours = java.nio.file.Files.readString(file).linesIterator.filterNot(_.startsWith("#")).toSet
    val sparks = org.apache.spark.launcher.JavaModuleOptions
      .defaultModuleOptions()
      .replace("--add-opens ", "--add-opens=")
      .split(' ')
      .filter(_.nonEmpty)
      .toSet
    assert(ours == sparks)
  }
}

object FailureSuite {

  /** What a person is told of a failure. */
  def line(e: Throwable): String = Failure.of(e).message
}
