package io.moraine.bigdl

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._
import scala.util.Try

/** Opens BigDL with as many threads of MKL as each argument says, one after the other, and prints
  * how many compute in a new thread then. A process of its own: OpenMP's threads have the name of
  * the one that began them, outlive it, and go to another one under that name.
  */
object ThreadsOfMkl {

  def main(args: Array[String]): Unit = {
    for (threads <- args) BigDl.open(BigDlSuite.classPath.asJava, threads.toInt)
    val product = BigDl
      .open(BigDlSuite.classPath.asJava, args.last.toInt)
      .load(BigDlSuite.examples + "LargeProduct", classOf[Runnable])
    val thread = new Thread(
      () => {
        product.run()
        println(s"threads: ${tasks("computes")}")
      },
      "computes"
    )
    thread.start()
    thread.join()
  }

  private def tasks(name: String): Int =
    Files
      .list(Path.of("/proc/self/task"))
      .iterator
      .asScala
      .flatMap(task => Try(Files.readString(task.resolve("comm")).trim).toOption) // it may end
      .count(_ == name)
}
