package io.moraine.jobs.train

import io.moraine.jobs.config.ConfigException
import io.moraine.model.tensor.DeviceChoice.{AUTO, CPU, CUDA}
import org.apache.spark.SparkConf
import io.moraine.jobs.Scratch
import io.moraine.model.checkpoint.{Checkpoint, Checkpoints, LocalStorage, Safetensors}
import java.nio.file.Files
import java.util.{List => JList, Map => JMap, Optional}
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._

/** What Spark says of a failed stage, and what is read from it. */
class RankStageSuite extends AnyFunSuite {

  private def failed(exception: String) = new RuntimeException(
    "Job aborted due to stage failure: Could not recover from a failed barrier ResultStage. Most recent " +
      "failure reason: Stage failed because barrier task ResultTask(0, 1) finished unsuccessfully.\n" +
      s"io.moraine.jobs.train.RankFailedException: step 12: $exception\n\tat io.moraine.Some.where(Some.java:1)\n" +
      "Caused by: java.lang.Something: else\n"
  )

  test("the rank that failed and one that heard of it say the same") {
    val own = "java.lang.IllegalStateException: no room: 7 of 9"
    val heard =
      "io.moraine.model.collective.CollectiveException: reduce-scatter at step 12 on rank 0 of 2: " +
        s"rank 1 gave up: $own"
    for (text <- Seq(own, heard))
      assert(RankStage.failure(failed(text)) == Optional.of(s"step 12 failed: $own"))
    assert(RankStage.cause(failed(own)) == s"step 12: $own")
    assert(
      RankStage.failure(failed("java.lang.NullPointerException")) ==
        Optional.of("step 12 failed: java.lang.NullPointerException")
    )
  }

  test("progress is a whole checkpoint, not a damaged newer one") {
    val run = Scratch.folder()
    val checkpoints = new Checkpoints(new LocalStorage(run))
    def newest: Long = RankStage.newestStep(new Configuration, RunFolder.at(run.toString))
    assert(newest == 0)
    for (step <- Seq(100L, 200L)) {
      val digest = checkpoints.writeShard(step, 0, 1, new Safetensors(JMap.of(), JList.of()))
      val state = new Checkpoint.State(
        0,
        1,
        0,
        "digest",
        JList.of(),
        JList.of(),
        Checkpoint.History.EMPTY,
        null,
        0
      )
      checkpoints.writeManifest(step, state, JMap.of(Checkpoints.shardFile(0, 1), digest))
    }
    assert(newest == 200)
    Files.writeString(
      run.resolve("checkpoints/step-00000200").resolve(Checkpoints.shardFile(0, 1)),
      "damaged"
    )
    assert(newest == 100)
  }

  test("a rank that is lost is no failure that comes back") {
    val lost =
      "io.moraine.model.collective.CollectiveException: all-gather at step 12 on rank 0 of 2: " +
        "connection lost (the peer closed it)"
    assert(RankStage.failure(failed(lost)).isEmpty)
    assert(
      RankStage.cause(failed(lost)) ==
        "all-gather at step 12 on rank 0 of 2: connection lost (the peer closed it)"
    )
    val executor = new RuntimeException("ExecutorLostFailure (executor 1 exited) Reason: killed\n")
    assert(RankStage.failure(executor).isEmpty)
  }

  private val onOne =
    "train.experts.placement = owners: ranks 0 and 2 are on one GPU (cuda:1) in one process, where libtorch has one " +
      "thread for the backward passes of both, and each would wait for the other. Give every rank a GPU or an " +
      "executor of its own, or say train.experts.placement = replicated."

  test("experts on owners: two ranks of one process on one GPU are refused, all others are taken") {
    val error = intercept[ConfigException](
      RankConnection.requireApart(List("cuda:1@7", "cuda:0@7", "cuda:1@7").asJava)
    )
    assert(error.getMessage == onOne)
    for (
      places <- Seq(
        List("cuda:0@7", "cuda:1@7"),
        List("cuda:0@7", "cuda:0@8"),
        List("cpu@driver", "cpu@driver")
      )
    ) RankConnection.requireApart(places.asJava)
  }

  test("ranks on GPUs and on processors do not mix, of whatever number or executor") {
    val error =
      intercept[ConfigException](RankConnection.requireAlike(List("cuda:0@1", "cpu@2").asJava))
    assert(error.getMessage.contains("different kinds of device: cuda, cpu. "))
    RankConnection.requireAlike(List("cuda:0@1", "cuda:1@1", "cuda:0@2").asJava)
  }

  test("a GPU for each rank wants the cores of an executor, in a line") {
    val gpus = new SparkConf(false).set("spark.executor.resource.gpu.amount", "1")
    val plain = new SparkConf(false)
    for ((conf, device) <- Seq(plain -> CUDA, gpus -> CUDA, gpus -> AUTO)) {
      val error = intercept[ConfigException](RankStage.requireCores(conf, device))
      assert(
        error.getMessage ==
          s"train.engine.device = ${device.name.toLowerCase}: without spark.executor.cores ranks would share an " +
          "executor and its GPU. Say --executor-cores N, all cores of a worker that one GPU serves, or " +
          "train.engine.device = cpu."
      )
      RankStage.requireCores(conf.clone.set("spark.executor.cores", "4"), device)
    }
    for ((conf, device) <- Seq(plain -> AUTO, plain -> CPU, gpus -> CPU))
      RankStage.requireCores(conf, device)
  }
}
