package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.{Files, Path}
import java.util.{List => JList}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** A Master and two Workers as processes of this machine, the ranks in different executors. */
class StandaloneClusterSuite extends AnyFunSuite with SharedSparkSession with BeforeAndAfterAll {

  private lazy val data = TrainJobSparkSuite.dataset(spark)
  private lazy val folder = Scratch.folder()
  private lazy val cluster = {
    assume(
      Files.isDirectory(Processes.sparkHome.resolve("jars")),
      "the Spark home is assembled in the phase package: run mvn verify"
    )
    new Cluster
  }
  private var started = Seq.empty[Process]

  private class Cluster {
    private val port = Processes.freePort()
    val url = s"spark://127.0.0.1:$port"
    private val talkative = Files.writeString(
      folder.resolve("log4j2.properties"),
      """rootLogger.level = info
        |rootLogger.appenderRef.o.ref = o
        |appender.o.type = Console
        |appender.o.name = o
        |""".stripMargin
    )

    private def start(name: String, main: String, args: String*) = {
      val logging = Map("log4j2.configurationFile" -> s"file:$talkative")
      val process =
        Processes.start(folder.resolve(s"$name.log"), logging, main, args: _*)
      started :+= process
      process
    }

    start(
      "master",
      "org.apache.spark.deploy.master.Master",
      "--host",
      "127.0.0.1",
      "--port",
      port.toString,
      "--webui-port",
      "0"
    )
    val workers: Seq[Process] = (1 to 2).map { i =>
      start(
        s"worker-$i",
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
    Processes.await("registration of both workers", 90) {
      Processes.text(folder.resolve("master.log")).split("Registering worker").length == 3
    }
  }

  override def afterAll(): Unit = {
    started.foreach { process =>
      process.descendants.forEach(_.destroyForcibly())
      process.destroyForcibly()
    }
    super.afterAll()
  }

  private def train(name: String, steps: Int, options: (String, Any)*): Process =
    trainWith(Nil, name, steps, options: _*)

  private def trainWith(
      further: Seq[String],
      name: String,
      steps: Int,
      options: (String, Any)*
  ): Process = Processes.start(
    log(name),
    Map(
      "spark.master" -> cluster.url,
      "spark.ui.enabled" -> "false",
      "spark.executor.cores" -> "1",
      "spark.executor.memory" -> "900m",
      "spark.executor.extraClassPath" -> Processes.classPath,
      "spark.executor.extraJavaOptions" -> Processes.RankOptions
    ),
    "io.moraine.jobs.Moraine",
    Seq("train", "--data", data.toString, "--run", run(name).toString, "--ranks", "2") ++
      Seq("--config", Processes.settingsFile(steps, options: _*).toString) ++ further: _*
  )

  private def log(name: String): Path = folder.resolve(s"$name.log")
  private def run(name: String): Path = folder.resolve(name)

  private def shards(run: Path, step: Int): Seq[Seq[Byte]] = (0 to 1).map { rank =>
    Files
      .readAllBytes(
        run.resolve(f"checkpoints/step-$step%08d/rank-$rank%05d-of-00002.safetensors")
      )
      .toSeq
  }

  /** Kills the executor of the second worker as soon as a checkpoint is whole. */
  private def killExecutor(name: String, step: Int, driver: Process): Unit = {
    Processes.await(s"the checkpoint of step $step", 120) {
      Files.exists(run(name).resolve(f"checkpoints/step-$step%08d/manifest.json")) ||
      !driver.isAlive
    }
    assert(driver.isAlive, Processes.text(log(name)))
    val executors = cluster.workers(1).children.toArray(new Array[ProcessHandle](_))
    assert(executors.length == 1 && executors.head.destroyForcibly())
  }

  test("two ranks in the executors of two workers train ten steps") {
    val driver = train("ten", 10)
    val code = Processes.exitCode(driver, 240)
    val said = Processes.text(log("ten"))
    assert(code == 0, said)
    assert(said.contains("last step 10"), said)
    assert(shards(run("ten"), 10).forall(_.nonEmpty))
    val executors = (1 to 2).map(i => Files.walk(folder.resolve(s"work-$i")))
    val stderrs = executors.map(files =>
      try files.filter(_.getFileName.toString == "stderr").count()
      finally files.close()
    )
    assert(stderrs == Seq(1L, 1L), "one executor on each worker")
  }

  private val rare = Seq("train.checkpoint-every" -> 20, "train.evaluate-every" -> 0)

  test("an executor killed while training: all begin again from the checkpoint, to the same bits") {
    val steps = 200
    val driver = train("killed", steps, rare: _*)
    killExecutor("killed", 20, driver)
    val code = Processes.exitCode(driver, 240)
    val said = Processes.text(log("killed"))
    assert(code == 0, said)
    val told = "a rank was lost, begun again from the newest checkpoint " +
      "(1 of at most 4 times without a new one): "
    assert(said.contains(told), said)
    val status = Status.parse(Files.readString(run("killed").resolve("status.json")))
    assert(status.state == "done" && status.message.contains(told), status)
    assert(status.resumedFrom >= 20 && status.resumedFrom % 20 == 0)

    val whole = folder.resolve("whole")
    new TrainJob(spark, TrainJobSparkSuite.settings(steps, rare: _*), Scratch.silent)
      .run(JList.of(data.toString), RunFolder.at(whole.toString), 2, true, Limits.NONE)
    assert(shards(run("killed"), steps) == shards(whole, steps))
  }

  test("the BigDL engine: its jars reach the executors, one is killed, the same bits") {
    val steps = 120
    val bigDl = rare ++ Seq("train.engine.name" -> "bigdl", "train.samples.every" -> 0)
    val jars = BigDlTrainJobSparkSuite.jars.folder.get.toString
    val driver = trainWith(Seq("--bigdl-jars", jars), "bigdl", steps, bigDl: _*)
    killExecutor("bigdl", 20, driver)
    assert(Processes.exitCode(driver, 240) == 0, Processes.text(log("bigdl")))
    val status = Status.parse(Files.readString(run("bigdl").resolve("status.json")))
    assert(status.state == "done" && status.resumedFrom >= 20, status)

    val whole = folder.resolve("bigdl-whole")
    val settings = TrainJobSparkSuite.settings(steps, bigDl: _*)
    new TrainJob(spark, settings, Scratch.silent, BigDlTrainJobSparkSuite.jars)
      .run(JList.of(data.toString), RunFolder.at(whole.toString), 2, true, Limits.NONE)
    assert(shards(run("bigdl"), steps) == shards(whole, steps))
  }

  test("with no recovery allowed it ends with 4, the cause and how to go on; then it goes on") {
    val none = rare :+ ("train.recoveries" -> 0)
    val driver = train("ended", 200, none: _*)
    killExecutor("ended", 20, driver)
    val code = Processes.exitCode(driver, 120)
    val said = Processes.text(log("ended"))
    assert(code == 4, said)
    val line = said.linesIterator.find(_.contains("a rank was lost too often")).getOrElse("")
    assert(
      line.matches(
        ".*a rank was lost too often \\(1 since the checkpoint of step \\d+0, train.recoveries is 0\\): " +
          ".+\\. Started again, the run goes on from that checkpoint\\."
      ),
      said
    )
    info(line)
    val again = train("ended", 200, none: _*)
    assert(Processes.exitCode(again, 240) == 0, Processes.text(log("ended")))
    assert(Processes.text(log("ended")).contains("resumed from the checkpoint of step "))
  }
}
