package io.moraine.model.collective

import io.moraine.model.collective.transport.Tls
import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

/** Keystores as a cluster has them, made by the JDK's keytool; their password is "changeit". */
object Certificates {

  val password: String = "changeit"

  private val folder = Files.createTempDirectory("moraine-certificates")
  sys.addShutdownHook {
    val files = Files.list(folder)
    try files.forEach(file => Files.delete(file))
    finally files.close()
    Files.delete(folder)
  }

  /** The authority's key and all that it signs. */
  private lazy val office: Path = {
    val store = folder.resolve("office.p12")
    make(store, "authority", "-ext", "bc:c")
    store
  }

  /** A truststore with the authority's certificate. */
  lazy val authority: Path = trusting("authority.p12", office, "authority")

  /** The certificate of all ranks, which the authority signed. */
  lazy val ranks: Path = signed("ranks")

  /** Another one that it signed. */
  lazy val other: Path = signed("other")

  /** One that nobody signed. */
  lazy val stranger: Path = {
    val store = folder.resolve("stranger.p12")
    make(store, "stranger")
    store
  }

  /** One that was good until five days ago. */
  lazy val expired: Path = {
    val store = folder.resolve("expired.p12")
    make(store, "expired", "-startdate", "-10d", "-validity", "5")
    store
  }

  /** A truststore with that one and the authority's. */
  lazy val authorityAndExpired: Path = {
    val store = trusting("authority-and-expired.p12", expired, "expired")
    keytool(
      "-importcert",
      "-noprompt",
      "-keystore",
      store,
      "-alias",
      "authority",
      "-file",
      exported(office, "authority")
    )
    store
  }

  /** A truststore with the certificate of all ranks and not who signed it. */
  lazy val ranksAlone: Path = trusting("ranks-alone.p12", ranks, "ranks")

  /** What a rank of the cluster has. */
  lazy val cluster: Tls = tls(ranks, authority)

  def tls(keys: Path, trusted: Path): Tls =
    Tls.of(store(keys), password.toCharArray, store(trusted))

  def store(file: Path, password: String = password): Tls.Store =
    new Tls.Store(file, "PKCS12", password.toCharArray)

  private def signed(name: String): Path = {
    make(office, name, "-signer", "authority")
    val store = folder.resolve(s"$name.p12")
    keytool(
      "-importkeystore",
      "-srckeystore",
      office,
      "-srcstorepass",
      password,
      "-srcalias",
      name,
      "-destkeystore",
      store
    )
    store
  }

  private def trusting(name: String, source: Path, alias: String): Path = {
    val store = folder.resolve(name)
    val certificate = exported(source, alias)
    keytool("-importcert", "-noprompt", "-keystore", store, "-alias", alias, "-file", certificate)
    store
  }

  private def exported(source: Path, alias: String): Path = {
    val file = folder.resolve(s"$alias.cer")
    keytool("-exportcert", "-keystore", source, "-alias", alias, "-file", file)
    file
  }

  private def make(store: Path, name: String, options: String*): Unit =
    keytool(
      Seq("-genkeypair", "-keyalg", "EC", "-alias", name, "-dname", s"CN=$name", "-keystore", store)
        ++ options: _*
    )

  private def keytool(arguments: Any*): Unit = {
    val keytool = Path.of(System.getProperty("java.home"), "bin", "keytool")
    val passwords =
      if (arguments.head == "-importkeystore") Seq("-deststorepass", password)
      else Seq("-storepass", password)
    val command = (keytool +: arguments) ++ Seq("-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1")
    val process = new ProcessBuilder((command ++ passwords).map(_.toString).asJava)
      .redirectErrorStream(true)
      .start()
    val said = new String(process.getInputStream.readAllBytes())
    require(process.waitFor() == 0, said)
  }
}
