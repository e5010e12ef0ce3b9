package io.moraine.jobs.train

import io.moraine.jobs.Scratch
import io.moraine.jobs.lease.{Lease, LeaseLostException, LeasedWriter}
import java.io.IOException
import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.function.LongSupplier
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Try

/** A whole run whose lease is lost, in the middle of a step. */
class FencedRunSparkSuite extends AnyFunSuite with WatchedRun {

  /** What is in the run's folder but leases and TensorBoard's file, which each process has its own
    * of.
    */
  private def content(run: Path): Map[String, Seq[Byte]] = {
    val walked = Files.walk(run)
    try
      walked.iterator.asScala
        .filter(Files.isRegularFile(_))
        .map(p => run.relativize(p).toString -> Files.readAllBytes(p).toSeq)
        .filterNot { case (name, _) =>
          name.startsWith("lease/") || name.startsWith("tensorboard/")
        }
        .toMap
    finally walked.close()
  }

  private def takeOver(run: Path): Lease = {
    names(run.resolve("lease"))
      .filter(_.startsWith("holder-"))
      .foreach(claim => Files.delete(run.resolve("lease").resolve(claim)))
    Lease.take(
      spark.sparkContext.hadoopConfiguration,
      HdfsLike.run(run).leased,
      Duration.ofMinutes(1),
      (() => 0L): LongSupplier
    )
  }

  private def isOf(call: HdfsLike.Call, step: Int): Boolean =
    call.to.getParent.endsWith(f"step-$step%08d")

  private val moments: Seq[(String, HdfsLike.Call => Boolean)] = Seq(
    "a sample of step 7" -> (_.file == "step-00000007.parquet"),
    "a shard of step 10" -> (call =>
      isOf(call, 10) && call.file == "rank-00001-of-00002.safetensors"
    ),
    "the manifest of step 10" -> (call => isOf(call, 10) && call.file == "manifest.json"),
    "metrics up to step 10" -> (_.file == "steps-00000006-00000010.parquet"),
    "the status when step 10 is stored" -> (call =>
      call.file == "status.json" &&
        Files.exists(call.to.resolveSibling("checkpoints/step-00000010/manifest.json"))
    ),
    "the checkpoint of step 5 away" -> (_.from.endsWith("checkpoints/step-00000005"))
  )

  for ((moment, isMoment) <- moments)
    test(s"taken over just before it renames $moment: nothing of it appears, it ends with a word") {
      val run = newRun()
      var next: Option[Lease] = None
      @volatile var left = Map.empty[String, Seq[Byte]]
      val failure = intercept[LeaseLostException](
        train(
          run,
          1000,
          before = call =>
            if (next.isEmpty && call.name == "rename" && isMoment(call)) {
              next = Some(null) // while it is taken over
              next = Some(takeOver(run))
              val writer = LeasedWriter.holder(
                spark.sparkContext.hadoopConfiguration,
                HdfsLike.run(run).root,
                next.get.desk
              )
              for (
                name <- Seq(
                  "status.json",
                  "settings.json",
                  "data.json",
                  "metrics/steps-00000006-00000010.parquet",
                  "metrics/steps-00000011-00000015.parquet",
                  "checkpoints/step-00000010/manifest.json",
                  "checkpoints/step-00000010/rank-00000-of-00002.safetensors",
                  "checkpoints/step-00000015/manifest.json"
                )
              )
                writer.replace(
                  new org.apache.hadoop.fs.Path(HdfsLike.run(run).root, name),
                  s"of the next holder: $name"
                )
              left = content(run)
            }
        )(
          (sampled :+ ("train.keep-checkpoints" -> 1)) :+ ("train.lease-expiry-seconds" -> 3600): _*
        )
      )
      assert(
        failure.getMessage ==
          s"hdfslike:$run: another process has taken the lease, this one can write there no more."
      )
      // The other rank may have ended the run while this one still stood at its rename.
      Processes.await("what the next holder writes", 60)(left.nonEmpty)
      assert(content(run) == left)
      assert(next.get.beat().isEmpty && next.get.desk.stands)
      next.get.close()
    }

  private def signal(name: String, process: Process): Unit =
    assert(new ProcessBuilder("kill", s"-$name", process.pid.toString).start().waitFor() == 0)

  test(
    "a process that hangs is taken over by another one when its claim expires, and ends with 5"
  ) {
    val steps = 400
    val options = Seq("train.lease-expiry-seconds" -> 10, "train.evaluate-every" -> 0)
    val folder = Scratch.folder()
    val run = folder.resolve("run")
    val config = Processes.settingsFile(steps, options: _*).toString
    def log(name: String) = folder.resolve(s"$name.log")
    def start(name: String): Process = Processes.start(
      log(name),
      Map("spark.master" -> "local[2]", "spark.ui.enabled" -> "false"),
      "io.moraine.jobs.Moraine",
      Seq("train", "--data", data.toString, "--run", run.toString, "--ranks", "2") ++
        Seq("--config", config): _*
    )
    val first = start("first")
    try {
      Processes.await("a checkpoint", 120, 5)(
        !first.isAlive || Files.exists(run.resolve("checkpoints")) && checkpoints(run)
          .exists(isWhole(run, _))
      )
      assert(first.isAlive, Processes.text(log("first")))
      signal("STOP", first)
      def claim = names(run.resolve("lease")).filter(_.startsWith("holder-"))
      val Seq(hung) = claim
      val file = run.resolve("lease").resolve(hung)
      Processes.await("the end of its claim", 60)(
        System.currentTimeMillis - Files.getLastModifiedTime(file).toMillis > 11000
      )
      val second = start("second")
      assert(Processes.exitCode(second, 240) == 0, Processes.text(log("second")))
      assert(status(run).state == "done" && status(run).resumedFrom >= 5)
      val left = content(run)
      signal("CONT", first)
      assert(Processes.exitCode(first, 120) == 5, Processes.text(log("first")))
      assert(content(run) == left)
    } finally first.destroyForcibly()
    val whole = folder.resolve("whole")
    new TrainJob(spark, TrainJobSparkSuite.settings(steps, options: _*), Scratch.silent)
      .run(java.util.List.of(data.toString), RunFolder.at(whole.toString), 2, true, Limits.NONE)
    val shards = content(whole).filter(_._1.startsWith(f"checkpoints/step-$steps%08d/rank-"))
    assert(shards.size == 2 && shards.toSet.subsetOf(content(run).toSet))
  }

  test("a driver that cannot renew its lease stops by itself; status.json says why") {
    val run = newRun()
    val failure = intercept[LeaseLostException](
      train(
        run,
        1000000,
        before = call =>
          if (
            call.name == "create" && call.file.startsWith("holder-") &&
            Try(status(run)).toOption.exists(_.step > 5)
          ) throw new IOException("no space left")
      )("train.lease-expiry-seconds" -> 10, "train.evaluate-every" -> 0)
    )
    val why = s"hdfslike:$run: the lease could not be renewed before its 10 s were over: " +
      "java.io.IOException: no space left. Started again, the run goes on from its newest checkpoint."
    assert(failure.getMessage == why)
    assert(status(run).state == "failed" && status(run).reason == why)
    assert(status(run).lastCheckpoint > 0 && isWhole(run, status(run).lastCheckpoint.toInt))
    assert(names(run.resolve("lease")).count(_.startsWith("holder-")) == 1, "its claim expires")
  }
}
