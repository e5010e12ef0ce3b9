package io.moraine.jobs.train

import java.io.File
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit

import scala.jdk.CollectionConverters._
import scala.util.{Random, Try}

/** Starts JVMs with this test's class path: what a cluster's machines run. */
object Processes {

  private val root = Path.of(System.getProperty("moraine.root", "..")).toAbsolutePath.normalize
  val classPath: String = System.getProperty("java.class.path")

  /** What a Worker wants of a Spark home; its executors find Spark on [[classPath]]. */
  lazy val sparkHome: Path = {
    val home = Files.createTempDirectory("spark-home")
    Files.createDirectory(home.resolve("jars"))
    home
  }

  /** Settings of log4j with which Spark says what it does, on the standard error output. */
  lazy val talkative: Path = Files.writeString(
    Files.createTempFile("log4j2", ".properties"),
    """rootLogger.level = info
      |rootLogger.appenderRef.o.ref = o
      |appender.o.type = Console
      |appender.o.name = o
      |appender.o.target = SYSTEM_ERR
      |""".stripMargin
  )

  /** A JVM whose output goes to a file. */
  def start(log: Path, properties: Map[String, String], main: String, args: String*): Process =
    startWith(Nil, log, properties, main, args: _*)

  /** The same with options of the JVM. */
  def startWith(
      jvmOptions: Seq[String],
      log: Path,
      properties: Map[String, String],
      main: String,
      args: String*
  ): Process = {
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString
    val options = Seq("-Xmx1g", s"@${root.resolve("conf/java-module-options")}") ++
      RankOptions.split(' ') ++ jvmOptions ++ properties.map { case (k, v) => s"-D$k=$v" }
    val builder =
      new ProcessBuilder(((java +: options) ++ Seq("-cp", classPath, main) ++ args).asJava)
    builder.redirectErrorStream(true).redirectOutput(log.toFile)
    builder.environment.put("SPARK_HOME", sparkHome.toString)
    builder.environment.put("SPARK_SCALA_VERSION", "2.13")
    builder.environment.put("SPARK_LOCAL_IP", "127.0.0.1")
    builder.environment.put("OPENBLAS_NUM_THREADS", "1")
    builder.start()
  }

  /** For JVMs that live for seconds: the first compiler alone, and without the vector module, whose
    * kernels that makes slower than their scalar twins, which give the same bits.
    */
  val RankOptions: String =
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dorg.bytedeco.javacpp.nopointergc=true " +
      "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.maxBytes=0"

  def exitCode(process: Process, seconds: Int): Int =
    if (process.waitFor(seconds.toLong, TimeUnit.SECONDS)) process.exitValue
    else {
      process.destroyForcibly()
      -1
    }

  /** Waits until a condition holds, looking every so many milliseconds. */
  def await(what: String, seconds: Int, millis: Long = 100)(condition: => Boolean): Unit = {
    val deadline = System.nanoTime + seconds * 1000000000L
    while (!condition) {
      if (System.nanoTime > deadline)
        throw new AssertionError(s"$what did not happen in $seconds s")
      Thread.sleep(millis)
    }
  }

  def text(file: Path): String = if (Files.exists(file)) Files.readString(file) else ""

  /** To listen at later: below the ports that a system gives to others meanwhile. */
  def freePort(): Int = Iterator
    .continually(10000 + Random.nextInt(20000))
    .find(port => Try(new java.net.ServerSocket(port).close()).isSuccess)
    .get

  /** The settings of [[TrainJobSparkSuite]] as a file, for a process of its own. */
  def settingsFile(steps: Int, options: (String, Any)*): Path = {
    val file = File.createTempFile("train", ".conf").toPath
    Files.writeString(file, TrainJobSparkSuite.settings(steps, options: _*).rendered)
  }
}
