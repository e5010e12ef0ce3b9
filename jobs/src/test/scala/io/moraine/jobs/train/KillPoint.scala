package io.moraine.jobs.train

import java.nio.file.{Files, NoSuchFileException, Path}
import java.util.{Map => JMap}
import org.apache.spark.api.plugin.{DriverPlugin, ExecutorPlugin, PluginContext, SparkPlugin}

import scala.jdk.CollectionConverters._

/** Ends an executor at a place of a step, or while it writes its shard of a checkpoint, as kill -9
  * does: a plugin of Spark's that looks at the stacks of its own JVM and halts it when a rank is in
  * the method that an order names.
  *
  * Orders are files `order-N`, carried out one after the other, each once: the executor that takes
  * one away leaves the stack at which it ended as `done-N`. An order waits for the run's N-th
  * beginning, so that one gang does not carry out two.
  */
class KillPoint extends SparkPlugin {

  override def driverPlugin(): DriverPlugin = null

  override def executorPlugin(): ExecutorPlugin = new ExecutorPlugin {
    override def init(context: PluginContext, extra: JMap[String, String]): Unit = {
      val folder = Path.of(context.conf.get(KillPoint.Folder))
      val thread = new Thread(() => KillPoint.watch(folder), "kill point")
      thread.setDaemon(true)
      thread.start()
    }
  }
}

object KillPoint {

  val Folder = "spark.moraine.kill-point"

  /** One order.
    *
    * @param behind
    *   a file that must be there, of the run
    * @param method
    *   `Class.method` that a rank must be in, in the middle of a step or of a shard
    */
  case class Order(behind: Path, method: String)

  /** Places the orders of a run. */
  def place(folder: Path, run: Path, orders: Seq[Order]): Unit =
    for ((order, i) <- orders.zipWithIndex)
      Files.write(
        folder.resolve(s"order-${i + 1}"),
        Seq(run.resolve("tensorboard"), order.behind, order.method).map(_.toString).asJava
      )

  /** Stacks at which executors were ended, in the order of the orders. */
  def stacks(folder: Path): Seq[String] = names(folder)
    .filter(_.startsWith("done-"))
    .sorted
    .map(name => Files.readString(folder.resolve(name)))

  private def names(folder: Path): Seq[String] = {
    val files = Files.list(folder)
    try files.iterator.asScala.map(_.getFileName.toString).toSeq
    finally files.close()
  }

  private def watch(folder: Path): Unit = while (true) {
    next(folder) match {
      case Some((number, method)) => sampled(method).foreach(end(folder, number, _))
      case None                   => Thread.sleep(10)
    }
  }

  /** The order whose turn it is, if what it waits for is there. */
  private def next(folder: Path): Option[(Int, String)] =
    names(folder)
      .collect { case s"order-$number" => number.toInt }
      .minOption
      .flatMap { number =>
        try {
          val Seq(beginnings, behind, method) =
            Files.readAllLines(folder.resolve(s"order-$number")).asScala.toSeq: @unchecked
          val begun = Files.exists(Path.of(beginnings)) &&
            names(Path.of(beginnings)).count(_.startsWith("events.")) >= number
          Option.when(begun && Files.exists(Path.of(behind)))(number -> method)
        } catch { case _: NoSuchFileException => None }
      }

  private val around = Seq(
    "io.moraine.model.train.Trainer.step",
    "io.moraine.model.checkpoint.Checkpoints.writeShard"
  )

  /** The stack of a rank that is in the method, in a step or a shard, if there is one just now. */
  private def sampled(method: String): Option[String] =
    Thread.getAllStackTraces.asScala.values
      .map(_.map(frame => s"${frame.getClassName}.${frame.getMethodName}"))
      .find(frames => frames.contains(method) && around.exists(frames.contains(_)))
      .map(_.mkString("\n"))

  private def end(folder: Path, number: Int, stack: String): Unit =
    if (Files.deleteIfExists(folder.resolve(s"order-$number"))) {
      Files.writeString(folder.resolve(s"done-$number"), stack)
      Runtime.getRuntime.halt(137)
    }
}
