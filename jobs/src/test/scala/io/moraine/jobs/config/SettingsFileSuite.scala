package io.moraine.jobs.config

import java.nio.file.{Files, Path}
import java.util.{Map => JMap, Optional}
import org.scalatest.funsuite.AnyFunSuite

class SettingsFileSuite extends AnyFunSuite {

  private def file(text: String): Path = {
    val path = Files.createTempFile("settings", ".conf")
    path.toFile.deleteOnExit()
    Files.writeString(path, text)
  }

  private def prepare(user: Path, options: JMap[String, Object] = JMap.of()): SettingsFile =
    SettingsFile.read("prepare.conf", Optional.of(user), options)

  test("an option of the command line wins over the user's file, which wins over the default") {
    val user = file("tokenizer.vocabulary-size = 1000\nsequences.length = 64")
    val settings = prepare(user, JMap.of("sequences.length", Integer.valueOf(32)))
    val read = PrepareSettings.of(settings)
    assert(read.tokenizer.vocabularySize == 1000)
    assert(read.sequences.length == 32)
    assert(
      read.documents.near.threshold == PrepareSettings
        .of(
          SettingsFile.read("prepare.conf", Optional.empty(), JMap.of())
        )
        .documents
        .near
        .threshold
    )
  }

  test("an unknown key is refused with its place and the keys that are known there") {
    val error =
      intercept[ConfigException](PrepareSettings.of(prepare(file("\nsequences.lenght = 64"))))
    assert(error.getMessage.startsWith("unknown setting sequences.lenght ("))
    assert(error.getMessage.contains(".conf: 2"))
    assert(error.getMessage.contains("length"))
  }

  test("a value of the wrong type is refused with its key path") {
    val error =
      intercept[ConfigException](PrepareSettings.of(prepare(file("sequences.length = many"))))
    assert(error.getMessage.startsWith("sequences.length has a wrong value: "))
  }

  test("a settings file that is not there is refused by name") {
    val error = intercept[ConfigException](prepare(Path.of("no-such.conf")))
    assert(
      error.getMessage ==
        "settings file no-such.conf is not there. Copy one of conf/ and change it."
    )
  }

  test("equal settings have equal digests, whatever file they came from") {
    val one = prepare(file("sequences { length = 64 }"))
    val other = prepare(file("# the same\nsequences.length = 64"))
    assert(one.digest == other.digest)
    assert(one.digest != prepare(file("sequences.length = 65")).digest)
  }

  test("recorded settings read back as what they were") {
    val settings = prepare(file("sequences.length = 64"))
    val back = SettingsFile.recorded(settings.rendered(), "manifest.json")
    assert(PrepareSettings.of(back) == PrepareSettings.of(settings))
  }
}
