package io.moraine.model

import java.nio.file.{Files, Path}
import org.scalatest.Assertions.assume

/** Data that nobody here wrote; tests that need it are cancelled where it is absent. */
object Fixtures {
  private lazy val folder: Path = Path.of(
    System.getProperty(
      "moraine.fixtures",
      System.getProperty("moraine.root", "..") + "/../shared/fixtures"
    )
  )

  def file(name: String): Path = {
    val path = folder.resolve(name).normalize
    assume(Files.exists(path), s"fixture $path is absent")
    path
  }

  /** Names of the files of a folder that end so; none where the folder is absent. */
  def names(name: String, ending: String): Seq[String] = namesIn(folder.resolve(name), ending)

  def namesIn(folder: Path, ending: String): Seq[String] = {
    val files = folder.toFile.listFiles()
    if (files == null) Nil else files.map(_.getName).filter(_.endsWith(ending)).toSeq.sorted
  }
}
