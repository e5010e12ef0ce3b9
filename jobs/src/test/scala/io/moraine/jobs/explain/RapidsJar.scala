package io.moraine.jobs.explain

import java.net.URLClassLoader
import java.nio.charset.StandardCharsets.ISO_8859_1
import java.nio.file.{Files, Path}
import java.util.jar.JarFile

import scala.jdk.CollectionConverters._
import scala.util.Using

/** The RAPIDS Accelerator's jar where the Maven profile gpu puts it. */
object RapidsJar {

  private val folder = Path
    .of(System.getProperty("moraine.root", ".."))
    .resolve("spark-home/target/gpu")
    .toAbsolutePath
    .normalize

  def file: Option[Path] =
    if (!Files.isDirectory(folder)) None
    else
      Using.resource(Files.list(folder))(
        _.iterator.asScala.find(_.getFileName.toString.startsWith("rapids-4-spark"))
      )

  /** Whether the jar has a class at its root, where Spark finds it. */
  def hasClass(name: String): Boolean = Using.resource(new JarFile(file.get.toFile))(
    _.getEntry(name.replace('.', '/') + ".class") != null
  )

  /** Whether a class whose simple name begins so, for any version of Spark, holds the text. */
  def classesMention(simpleName: String, text: String): Boolean =
    Using.resource(new JarFile(file.get.toFile)) { jar =>
      jar.entries.asScala
        .filter(_.getName.matches(s".*/$simpleName[^/]*\\.class"))
        .exists(entry =>
          new String(jar.getInputStream(entry).readAllBytes, ISO_8859_1).contains(text)
        )
    }

  /** One class loader for all suites: it is as `--jars` makes one, below that of Spark. */
  private lazy val inside: Option[ClassLoader] =
    file.map(jar => new URLClassLoader(Array(jar.toUri.toURL), getClass.getClassLoader))

  /** Runs something in a thread that sees the jar. */
  def visible[T](body: => T): T = {
    val thread = Thread.currentThread
    val before = thread.getContextClassLoader
    thread.setContextClassLoader(inside.getOrElse(before))
    try body
    finally thread.setContextClassLoader(before)
  }
}
