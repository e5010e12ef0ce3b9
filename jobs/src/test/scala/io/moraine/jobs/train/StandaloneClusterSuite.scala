package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.Files
import org.scalatest.funsuite.AnyFunSuite

/** A Master and two Workers as processes of this machine, the ranks in different executors. */
class StandaloneClusterSuite extends AnyFunSuite with SharedSparkSession {

  test("two ranks in the executors of two workers train ten steps") {
    assume(
      Files.isDirectory(Processes.sparkHome.resolve("jars")),
      "the Spark home is assembled in the phase package: run mvn verify"
    )
    val data = TrainJobSparkSuite.dataset(spark)
    val folder = Scratch.folder()
    val run = folder.resolve("run")
    val port = Processes.freePort()
    val url = s"spark://127.0.0.1:$port"
    val talkative = Files.writeString(
      folder.resolve("log4j2.properties"),
      """rootLogger.level = info
        |rootLogger.appenderRef.o.ref = o
        |appender.o.type = Console
        |appender.o.name = o
        |""".stripMargin
    )
    val logging = Map("log4j2.configurationFile" -> s"file:$talkative")
    val master = Processes.start(
      folder.resolve("master.log"),
      logging,
      "org.apache.spark.deploy.master.Master",
      "--host",
      "127.0.0.1",
      "--port",
      port.toString,
      "--webui-port",
      "0"
    )
    val workers = (1 to 2).map { i =>
      Processes.start(
        folder.resolve(s"worker-$i.log"),
        logging,
        "org.apache.spark.deploy.worker.Worker",
        "--host",
        "127.0.0.1",
        "--webui-port",
        "0",
        "--cores",
        "1",
        "--memory",
        "1g",
        "--work-dir",
        folder.resolve(s"work-$i").toString,
        url
      )
    }
    try {
      Processes.await("registration of both workers", 90) {
        Processes.text(folder.resolve("master.log")).split("Registering worker").length == 3
      }
      val driver = Processes.start(
        folder.resolve("driver.log"),
        Map(
          "spark.master" -> url,
          "spark.ui.enabled" -> "false",
          "spark.executor.cores" -> "1",
          "spark.executor.memory" -> "900m",
          "spark.executor.extraClassPath" -> Processes.classPath,
          "spark.executor.extraJavaOptions" -> Processes.RankOptions
        ),
        "io.moraine.jobs.Moraine",
        "train",
        "--data",
        data.toString,
        "--run",
        run.toString,
        "--ranks",
        "2",
        "--config",
        Processes.settingsFile(10).toString
      )
      val code = Processes.exitCode(driver, 240)
      val log = Processes.text(folder.resolve("driver.log"))
      assert(code == 0, log)
      assert(log.contains("last step 10"), log)
      assert(Files.exists(run.resolve("checkpoints/step-00000010/rank-00001-of-00002.safetensors")))
      val executors = (1 to 2).map(i => Files.walk(folder.resolve(s"work-$i")))
      val started = executors.map(files =>
        try files.filter(_.getFileName.toString == "stderr").count()
        finally files.close()
      )
      assert(started == Seq(1L, 1L), "one executor on each worker")
    } finally (master +: workers).foreach(_.destroyForcibly())
  }
}
