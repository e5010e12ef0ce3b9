package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.{Files, Path}
import java.util.{List => JList}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Random

/** A Master and two Workers as processes of this machine, the ranks in different executors; drivers
  * and executors that are killed.
  */
class StandaloneClusterSuite extends AnyFunSuite with SharedSparkSession with BeforeAndAfterAll {

  private lazy val data = TrainJobSparkSuite.dataset(spark)
  private lazy val folder = Scratch.folder()
  private lazy val cluster = new Cluster
  private var started = Seq.empty[Process]

  private class Cluster {
    private val port = Processes.freePort()
    val url = s"spark://127.0.0.1:$port"
    private def start(name: String, main: String, args: String*) = {
      val logging = Map("log4j2.configurationFile" -> s"file:${Processes.talkative}")
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
    private var workers: Seq[Process] = Seq(worker(1), worker(2))
    awaitWorkers(2)

    /** A further machine, which has one slot. */
    def addWorker(): Unit = {
      workers :+= worker(3)
      awaitWorkers(3)
    }

    /** Takes a machine away, with the executor on it. */
    def killWorker(): Unit = {
      val executors = workers.last.children.iterator.asScala.toSeq
      assert(executors.nonEmpty)
      (workers.last.toHandle +: executors).foreach(_.destroyForcibly())
      workers = workers.init
    }

    private def worker(i: Int): Process =
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

    private def awaitWorkers(count: Int): Unit =
      Processes.await(s"registration of $count workers", 90) {
        Processes.text(folder.resolve("master.log")).split("Registering worker").length > count
      }

    def executors: Seq[ProcessHandle] =
      workers.flatMap(_.children.iterator.asScala).filter(_.isAlive)
  }

  override def afterAll(): Unit = {
    started.foreach { process =>
      process.descendants.forEach(_.destroyForcibly())
      process.destroyForcibly()
    }
    super.afterAll()
  }

  private val steps = 400
  // All are kept: what is waited for does not go before it was seen.
  private val rare = Seq(
    "train.checkpoint-every" -> 20,
    "train.evaluate-every" -> 0,
    "train.keep-checkpoints" -> 1000
  )

  private def train(
      name: String,
      steps: Int,
      conf: Map[String, String],
      options: (String, Any)*
  ): Process = trainWith(2, Nil, name, steps, conf, options: _*)

  private def trainWith(
      ranks: Int,
      further: Seq[String],
      name: String,
      steps: Int,
      conf: Map[String, String],
      options: (String, Any)*
  ): Process = {
    val driver = Processes.start(
      log(name),
      conf ++ Map(
        "spark.master" -> cluster.url,
        "spark.ui.enabled" -> "false",
        "spark.executor.cores" -> "1",
        "spark.executor.memory" -> "900m",
        "spark.executor.extraClassPath" -> Processes.classPath,
        "spark.executor.extraJavaOptions" -> Processes.RankOptions
      ),
      "io.moraine.jobs.Moraine",
      Seq("train", "--data", data.toString, "--run", run(name).toString) ++ Seq(
        "--ranks",
        ranks.toString
      ) ++
        Seq("--config", Processes.settingsFile(steps, options: _*).toString) ++ further: _*
    )
    started :+= driver
    driver
  }

  private def log(name: String): Path = folder.resolve(s"$name.log")
  private def run(name: String): Path = folder.resolve(name)
  private def checkpoint(name: String, step: Int): Path =
    run(name).resolve(f"checkpoints/step-$step%08d/manifest.json")

  private def shards(run: Path, step: Int): Seq[Seq[Byte]] = (0 to 1).map { rank =>
    val name = f"checkpoints/step-$step%08d/rank-$rank%05d-of-00002.safetensors"
    Files.readAllBytes(run.resolve(name)).toSeq
  }

  /** What a run ends with that nobody disturbed. */
  private lazy val undisturbed: Seq[Seq[Byte]] = {
    val whole = folder.resolve("whole")
    new TrainJob(spark, TrainJobSparkSuite.settings(steps, rare: _*), Scratch.silent)
      .run(JList.of(data.toString), RunFolder.at(whole.toString), 2, true, Limits.NONE)
    shards(whole, steps)
  }

  test("two ranks in the executors of two workers train ten steps") {
    val driver = train("ten", 10, Map.empty)
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

  private val reducing = "io.moraine.model.train.StepGradients.computeAndReduce"
  private val writing = "io.moraine.model.checkpoint.Checkpoints.writeShard"
  private val gathering = "io.moraine.model.train.WeightGather.gather"

  test("the BigDL engine: its jars reach the executors, one dies in a step, the same bits") {
    val steps = 120
    val bigDl = rare ++ Seq("train.engine.name" -> "bigdl", "train.samples.every" -> 0)
    val jars = BigDlTrainJobSparkSuite.jars.folder.get.toString
    val orders = Files.createDirectories(folder.resolve("bigdl-orders"))
    KillPoint.place(
      orders,
      run("bigdl"),
      Seq(KillPoint.Order(checkpoint("bigdl", 20), reducing))
    )
    val conf = Map(
      "spark.plugins" -> classOf[KillPoint].getName,
      KillPoint.Folder -> orders.toString
    )
    val driver = trainWith(2, Seq("--bigdl-jars", jars), "bigdl", steps, conf, bigDl: _*)
    assert(Processes.exitCode(driver, 240) == 0, Processes.text(log("bigdl")))
    assert(KillPoint.stacks(orders).size == 1)
    val status = Status.parse(Files.readString(run("bigdl").resolve("status.json")))
    assert(status.state == "done" && status.resumedFrom >= 20, status)

    val whole = folder.resolve("bigdl-whole")
    val settings = TrainJobSparkSuite.settings(steps, bigDl: _*)
    new TrainJob(spark, settings, Scratch.silent, BigDlTrainJobSparkSuite.jars)
      .run(JList.of(data.toString), RunFolder.at(whole.toString), 2, true, Limits.NONE)
    assert(shards(run("bigdl"), steps) == shards(whole, steps))
  }

  test(
    "executors that die in the middle of a shard or of a step: begun again twice, a checkpoint sets the count " +
      "back; one more ends it with 4, cause and way on; then it goes on to the same bits"
  ) {
    val name = "executors"
    val orders = Files.createDirectories(folder.resolve("orders"))
    val twice = rare :+ ("train.recoveries" -> 2)
    val methods = Seq(writing, gathering, reducing, reducing)
    KillPoint.place(
      orders,
      run(name),
      methods.zip(Seq(20, 200, 200, 200)).map { case (method, step) =>
        KillPoint.Order(checkpoint(name, step), method)
      }
    )
    val conf = Map(
      "spark.plugins" -> classOf[KillPoint].getName,
      KillPoint.Folder -> orders.toString
    )
    val code = Processes.exitCode(train(name, steps, conf, twice: _*), 240)
    val said = Processes.text(log(name))
    assert(code == 4, said)
    val stacks = KillPoint.stacks(orders)
    assert(stacks.size == 4)
    for ((stack, method) <- stacks.zip(methods)) assert(stack.contains(method), stack)

    val Told = ("train: a rank was lost, begun again from the newest checkpoint " +
      "\\((\\d) of at most 2 times without a new one\\): .+").r
    val told = said.linesIterator
      .filterNot(_.contains("; resumed from ")) // the status, which repeats it
      .collect { case Told(count) => count.toInt }
    assert(told.toSeq == Seq(1, 1, 2), said)
    val line = said.linesIterator.find(_.contains("a rank was lost too often")).getOrElse("")
    assert(
      line.matches(
        ".*a rank was lost too often \\(3 since the checkpoint of step \\d+0, train.recoveries is 2\\): " +
          ".+\\. Started again, the run goes on from that checkpoint\\."
      ),
      said
    )
    info(line)

    val again = train(name, steps, Map.empty, twice: _*)
    assert(Processes.exitCode(again, 240) == 0, Processes.text(log(name)))
    assert(Processes.text(log(name)).contains("resumed from the checkpoint of step "))
    assert(shards(run(name), steps) == undisturbed)
  }

  test("the driver killed, then driver and executors at once: started again, the same bits") {
    val name = "drivers"
    val seed = 11L
    val random = new Random(seed)
    info(s"seed $seed")
    for (all <- Seq(false, true)) {
      val driver = train(name, steps, Map.empty, rare: _*)
      val step = 20 * (1 + random.nextInt(3)) + (if (all) 80 else 0)
      Processes.await(s"the checkpoint of step $step", 120) {
        Files.exists(checkpoint(name, step)) || !driver.isAlive
      }
      Thread.sleep(random.nextInt(50).toLong)
      assert(driver.isAlive, Processes.text(log(name)))
      val executors = cluster.executors
      assert(executors.size >= 2)
      driver.destroyForcibly()
      if (all) executors.foreach(_.destroyForcibly())
    }
    // At once, while executors of the one before may still hold its slots.
    val driver = train(name, steps, Map.empty, rare: _*)
    val code = Processes.exitCode(driver, 240)
    val said = Processes.text(log(name))
    assert(code == 0, said)
    assert(said.contains("resumed from the checkpoint of step "), said)
    assert(shards(run(name), steps) == undisturbed)
  }

  test(
    "fewer slots than ranks: it says so and waits; ends with 2, by SIGTERM, or trains once they are there"
  ) {
    val waits = "waits for the cluster: 3 ranks need as many slots at once, it has "
    def threeRanks(name: String, options: (String, Any)*) =
      trainWith(3, Nil, name, 10, Map.empty, options: _*)
    def status(name: String) =
      Status.parse(Files.readString(run(name).resolve("status.json")))
    def awaitWait(name: String, driver: Process): Unit =
      Processes.await("the line that says so", 120)(
        Processes.text(log(name)).contains("train: " + waits) || !driver.isAlive
      )

    val refused = threeRanks("refused", "train.slots-wait-seconds" -> 3)
    assert(Processes.exitCode(refused, 240) == 2, Processes.text(log("refused")))
    // None yet of an executor that is slow to come.
    val line = "--ranks 3 need as many slots at once, and after 3 s the cluster had [012]\\. " +
      "Use fewer ranks, or more executors\\."
    val said = Processes.text(log("refused"))
    assert(said.linesIterator.exists(_.matches("moraine: " + line)), said)
    assert(status("refused").state == "failed" && status("refused").reason.matches(line))

    val stopped = threeRanks("stopped")
    awaitWait("stopped", stopped)
    assert(status("stopped").state == "starting" && status("stopped").reason.startsWith(waits))
    stopped.destroy()
    assert(Processes.exitCode(stopped, 120) == 143, Processes.text(log("stopped")))
    val asked = "the process was asked to end while it waited for slots"
    assert(status("stopped").state == "stopped" && status("stopped").reason.contains(asked))

    val late = threeRanks("late")
    awaitWait("late", late)
    cluster.addWorker()
    assert(Processes.exitCode(late, 240) == 0, Processes.text(log("late")))
    assert(Processes.text(log("late")).contains("last step 10"))
    assert(status("late").state == "done" && status("late").reason.isEmpty)
  }

  test("a machine that is lost for good: asked to end while it waits for another, it ends with 0") {
    val name = "shrunk"
    val driver = trainWith(3, Nil, name, 1000000, Map.empty, rare: _*)
    def text = Processes.text(run(name).resolve("status.json"))
    Processes.await("a checkpoint", 120)(Files.exists(checkpoint(name, 20)) || !driver.isAlive)
    assert(driver.isAlive, Processes.text(log(name)))
    cluster.killWorker()
    Processes.await("the wait", 120)(text.contains("waits for the cluster: ") || !driver.isAlive)
    Files.createFile(run(name).resolve("stop"))
    val code = Processes.exitCode(driver, 120)
    val said = Processes.text(log(name))
    assert(code == 0, said)
    assert(said.contains(" while its ranks waited for slots to begin again. Its newest"), said)
    val ended = Status.parse(text)
    assert(ended.state == "stopped" && ended.reason.contains("there is a file "), ended.reason)
  }
}
