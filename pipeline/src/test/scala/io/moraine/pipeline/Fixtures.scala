package io.moraine.pipeline

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
}
