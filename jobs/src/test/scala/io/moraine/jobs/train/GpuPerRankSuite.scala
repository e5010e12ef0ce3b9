package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Using

/** A machine that says it has two GPUs, and two ranks on it. There is none, so that they compute on
  * the processor; who gets which is Spark's doing all the same.
  */
class GpuPerRankSuite extends AnyFunSuite with SharedSparkSession {

  private val folder = Scratch.folder()

  private def script(name: String, lines: String): Path = {
    val file = Files.writeString(folder.resolve(name), s"#!/bin/sh\n$lines\n")
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"))
  }

  /** What executors said of the GPU that they were given. */
  private def gpus(work: Path): Seq[String] = Using.resource(Files.walk(work)) { files =>
    val said = files.iterator.asScala.filter(_.getFileName.toString == "stderr").map(Processes.text)
    said
      .flatMap("gpu -> (\\[name: gpu, addresses: [^\\]]*\\])".r.findFirstMatchIn(_))
      .map(_.group(1))
      .toSeq
  }

  test("of two ranks on one machine each gets a GPU of its own, by Spark's resources") {
    val cards = script("gpu-discovery", """printf '{"name": "gpu", "addresses": ["0", "1"]}'""")
    val data = TrainJobSparkSuite.dataset(spark)
    val log = folder.resolve("train.log")
    val driver = Processes.start(
      log,
      Map(
        "spark.master" -> "local-cluster[1,2,2048]",
        "spark.ui.enabled" -> "false",
        "spark.worker.resource.gpu.amount" -> "2",
        "spark.worker.resource.gpu.discoveryScript" -> cards.toString,
        "spark.executor.resource.gpu.amount" -> "1",
        "spark.task.resource.gpu.amount" -> "1",
        "spark.executor.cores" -> "1",
        "spark.executor.memory" -> "900m",
        "spark.executor.extraClassPath" -> Processes.classPath,
        "spark.executor.extraJavaOptions" -> s"${Processes.RankOptions} -Dlog4j2.configurationFile=file:${Processes.talkative}"
      ),
      "io.moraine.jobs.Moraine",
      Seq(
        "train",
        "--data",
        data.toString,
        "--run",
        folder.resolve("run").toString,
        "--ranks",
        "2"
      ) ++
        Seq("--config", Processes.settingsFile(4, "train.engine.device" -> "auto").toString): _*
    )
    assert(Processes.exitCode(driver, 240) == 0, Processes.text(log))
    assert(Processes.text(log).contains("last step 4"))
    assert(
      gpus(Processes.sparkHome.resolve("work")).distinct.sorted ==
        Seq("[name: gpu, addresses: 0]", "[name: gpu, addresses: 1]")
    )
  }
}
