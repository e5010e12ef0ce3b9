package io.moraine.jobs.train

import io.moraine.jobs.config.ConfigException
import io.moraine.jobs.progress.Progress
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.file.{Files, Path}
import java.util.{List => JList}
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.security.alias.CredentialProviderFactory
import org.apache.spark.{SparkConf, SparkEnv}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class ClusterStoresSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val password = "only-for-this-test"

  /** A key that is its own authority. */
  private lazy val keys: Path = make(Scratch.folder().resolve("keys.p12"), "ranks")

  private def make(file: Path, name: String): Path = {
    val command = Seq(
      Path.of(System.getProperty("java.home"), "bin", "keytool").toString,
      "-genkeypair",
      "-keyalg",
      "EC",
      "-alias",
      name,
      "-dname",
      s"CN=$name",
      "-keystore",
      file.toString,
      "-storepass",
      password
    )
    val process = new ProcessBuilder(command.asJava).redirectErrorStream(true).start()
    val said = new String(process.getInputStream.readAllBytes())
    assert(process.waitFor() == 0, said)
    file
  }

  private def conf(all: (String, String)*): SparkConf = new SparkConf(false).setAll(all)

  private def message(conf: SparkConf, hadoop: Configuration = new Configuration(false)): String =
    intercept[ConfigException](new ClusterStores(conf, hadoop).open()).getMessage

  private lazy val settings: Seq[(String, String)] = Seq(
    "spark.ssl.keyStore" -> keys.toString,
    "spark.ssl.keyStorePassword" -> password,
    "spark.ssl.trustStore" -> keys.toString,
    "spark.ssl.trustStorePassword" -> password
  )

  test("stores are Spark's; a setting of the namespace moraine comes before Spark's for all") {
    new ClusterStores(conf(settings: _*), new Configuration(false)).open()
    val nowhere = settings.map { case (key, _) => key -> "/nowhere" }
    val own = settings.map { case (key, value) => key.replace("ssl.", "ssl.moraine.") -> value }
    new ClusterStores(conf(nowhere ++ own: _*), new Configuration(false)).open()
    assert(
      message(conf(settings ++ nowhere: _*)) ==
        "train.wire.tls needs the cluster's certificates: the keystore /nowhere is not there. " +
        "See spark.ssl.keyStore and spark.ssl.trustStore."
    )
    assert(
      message(conf(settings :+ ("spark.ssl.moraine.keyStoreType" -> "of no kind"): _*)).contains(
        "of no kind"
      )
    )
  }

  test("a store that is not named is asked for") {
    for ((name, at) <- Seq("keyStore" -> 0, "trustStore" -> 2))
      assert(
        message(conf(settings.patch(at, Nil, 1): _*)) ==
          "train.wire.tls needs the cluster's certificates: neither spark.ssl." + name +
          " nor spark.ssl.moraine." + name + " is set. Set one to a file that every executor has."
      )
  }

  test("passwords may be in Hadoop's credential providers, and stand in no message") {
    val hadoop = new Configuration(false)
    val provider = s"localjceks://file${Scratch.folder().resolve("passwords.jceks")}"
    hadoop.set(CredentialProviderFactory.CREDENTIAL_PROVIDER_PATH, provider)
    val open = CredentialProviderFactory.getProviders(hadoop).get(0)
    open.createCredentialEntry("spark.ssl.keyStorePassword", password.toCharArray)
    open.createCredentialEntry("spark.ssl.moraine.trustStorePassword", password.toCharArray)
    open.flush()
    val stores = settings.filterNot(_._1.endsWith("Password"))
    new ClusterStores(conf(stores: _*), hadoop).open()
    val wrong =
      message(conf(stores :+ ("spark.ssl.keyStorePassword" -> "not-this-one"): _*), hadoop)
    assert(
      wrong == s"train.wire.tls needs the cluster's certificates: the keystore $keys cannot be " +
        "read: keystore password was incorrect. See spark.ssl.keyStore and spark.ssl.trustStore."
    )
  }

  test("a certificate that ranks do not accept ends the run at the first attempt") {
    val stranger = Scratch.folder().resolve("stranger.p12")
    make(stranger, "stranger")
    val data = TrainJobSparkSuite.dataset(spark)
    val executor = SparkEnv.get.conf
    val wrong = settings :+ ("spark.ssl.moraine.trustStore" -> stranger.toString)
    wrong.foreach { case (key, value) => executor.set(key, value) }
    val run = Scratch.folder().resolve("run")
    val said = new ByteArrayOutputStream
    val failure =
      try
        intercept[Exception] {
          val options = Seq("train.wire.tls" -> true, "train.wire.unix-sockets" -> false)
          new TrainJob(
            spark,
            TrainJobSparkSuite.settings(6, options: _*),
            new Progress(new PrintStream(said), false, () => 0L)
          ).run(
            JList.of(data.toString),
            RunFolder.at(run.toString),
            2,
            true,
            Limits.NONE
          )
        }
      finally wrong.foreach { case (key, _) => executor.remove(key) }
    assert(
      failure.getMessage.linesIterator.exists(
        _.matches(
          "io.moraine.jobs.config.ConfigException: train.wire.tls: connecting rank \\d of 2: rank .*: the " +
            "certificate of CN=ranks is not trusted: .*See spark.ssl.keyStore and spark.ssl.trustStore\\."
        )
      ),
      failure
    )
    assert(!said.toString.contains("begun again"), said)
  }

  test("two ranks with TLS train to the same weights as without; the run records no password") {
    val data = TrainJobSparkSuite.dataset(spark)
    def train(run: Path, options: (String, Any)*) =
      new TrainJob(spark, TrainJobSparkSuite.settings(6, options: _*), Scratch.silent)
        .run(JList.of(data.toString), RunFolder.at(run.toString), 2, true, Limits.NONE)
    val tls = Seq("train.wire.tls" -> true, "train.wire.unix-sockets" -> false)
    val refused = intercept[Exception](train(Scratch.folder().resolve("run"), tls: _*))
    assert(refused.getMessage.contains("neither spark.ssl.keyStore nor"), refused)
    val run = Scratch.folder().resolve("run")
    val executor = SparkEnv.get.conf
    settings.foreach { case (key, value) => executor.set(key, value) }
    val encrypted =
      try train(run, tls: _*)
      finally settings.foreach { case (key, _) => executor.remove(key) }
    assert(encrypted.weightsDigest == train(Scratch.folder().resolve("run")).weightsDigest)
    val recorded = Files.readString(run.resolve("settings.json"))
    assert(recorded.contains("\"tls\"") && !recorded.contains(password))
  }
}
