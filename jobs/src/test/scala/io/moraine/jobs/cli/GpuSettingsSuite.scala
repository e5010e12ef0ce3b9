package io.moraine.jobs.cli

import com.fasterxml.jackson.databind.json.JsonMapper
import io.moraine.jobs.Scratch
import io.moraine.jobs.explain.RapidsJar
import java.io.FileReader
import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path}
import java.util.Properties
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.sys.process._
import scala.util.Using

/** conf/spark-defaults-gpu.conf, which no test here can run: it needs a GPU. */
class GpuSettingsSuite extends AnyFunSuite {

  private val root = Path.of(System.getProperty("moraine.root", "..")).toAbsolutePath.normalize

  /** As spark-submit reads a properties file. */
  private lazy val settings: Map[String, String] = {
    val properties = new Properties
    Using.resource(new FileReader(root.resolve("conf/spark-defaults-gpu.conf").toFile))(
      properties.load(_)
    )
    properties.asScala.toMap.map { case (key, value) => key -> value.trim }
  }

  private def number(key: String): Double = settings(key).toDouble

  test("every key is one of Spark's or of RAPIDS that is known, none stands twice") {
    assert(
      settings.keySet == Set(
        "spark.plugins",
        "spark.rapids.sql.explain",
        "spark.executor.resource.gpu.amount",
        "spark.task.resource.gpu.amount",
        "spark.rapids.memory.gpu.pool",
        "spark.rapids.memory.gpu.allocFraction",
        "spark.rapids.memory.gpu.maxAllocFraction",
        "spark.rapids.memory.gpu.minAllocFraction",
        "spark.rapids.memory.pinnedPool.size",
        "spark.executorEnv.PYTORCH_ALLOC_CONF",
        "spark.rapids.sql.batchSizeBytes",
        "spark.rapids.sql.expression.cpuBridge.enabled",
        "spark.shuffle.manager",
        "spark.rapids.shuffle.mode"
      )
    )
    val lines = Files.readAllLines(root.resolve("conf/spark-defaults-gpu.conf")).asScala
    assert(lines.count(_.startsWith("spark.")) == settings.size)
  }

  test("RAPIDS's share of a card: min <= alloc <= max, and most of it is left to libtorch") {
    val share = "spark.rapids.memory.gpu."
    assert(number(share + "minAllocFraction") <= number(share + "allocFraction"))
    assert(number(share + "allocFraction") <= number(share + "maxAllocFraction"))
    assert(number(share + "maxAllocFraction") <= 0.2)
  }

  test("the shuffle manager is that of the version of Spark that Maven resolved") {
    val shim = "spark" + org.apache.spark.SPARK_VERSION.replace(".", "")
    assert(
      settings("spark.shuffle.manager") == s"com.nvidia.spark.rapids.$shim.RapidsShuffleManager"
    )
  }

  test("every class and key of RAPIDS is in its jar (needs it: mvn -Pgpu -pl spark-home package)") {
    assume(RapidsJar.file.nonEmpty, "the jar is absent; mvn -Pgpu -pl spark-home package gets it")
    for (name <- Seq("spark.plugins", "spark.shuffle.manager"))
      assert(RapidsJar.hasClass(settings(name)), settings(name))
    for (key <- settings.keys if key.startsWith("spark.rapids."))
      assert(RapidsJar.classesMention("RapidsConf", key), key)
  }

  test(
    "gpu-discovery says the cards that nvidia-smi lists as Spark wants it, and fails without it"
  ) {
    val tools = Scratch.folder()
    val fake = tools.resolve("nvidia-smi")
    Files.writeString(fake, "#!/bin/sh\nprintf '0\\n1\\n'\n")
    Files.setPosixFilePermissions(fake, PosixFilePermissions.fromString("rwxr-xr-x"))
    val script = root.resolve("conf/gpu-discovery").toString
    val expected = """{"name": "gpu", "addresses": ["0", "1"]}"""
    val json = Process(Seq(script), None, "PATH" -> s"$tools:/usr/bin:/bin").!!
    assert(new JsonMapper().readTree(json) == new JsonMapper().readTree(expected))
    val none = Process(Seq(script), None, "PATH" -> "/usr/bin:/bin")
    assert(none.!(ProcessLogger(_ => ())) != 0)
  }
}
