package io.moraine.jobs.config

import io.moraine.pipeline.text.BoilerplateLines
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

  test("a value that breaks a rule is blamed on the option or file that set it") {
    val user = file("near.shingle-words = 6")
    val option = JMap.of[String, Object]("near.threshold", java.lang.Double.valueOf(2))
    val ofOption = intercept[ConfigException](PrepareSettings.of(prepare(user, option)))
    assert(
      ofOption.getMessage == "near: threshold must be in (0, 1], got 2.0 (the command line)"
    )
    val ofFile = intercept[ConfigException](PrepareSettings.of(prepare(file("near.bands = 0"))))
    val second = file("\n\nquarantine.tolerated = -1")
    val ofSecond = intercept[ConfigException](PrepareSettings.of(prepare(second)))
    assert(ofSecond.getMessage.endsWith(s"(${second.toString}: 3)"), ofSecond.getMessage)
    assert(ofFile.getMessage.matches("near: bands must be in .*, got 0 \\(.*\\.conf: 1\\)"))
  }

  test("a fraction where a whole number is asked for is refused, not cut off") {
    for ((key, value) <- Seq("near.bands" -> "31.7", "near.seed" -> "1.5")) {
      val error = intercept[ConfigException](PrepareSettings.of(prepare(file(s"$key = $value"))))
      assert(error.getMessage.startsWith(s"$key must be a whole number, got $value ("))
      assert(error.getMessage.endsWith(".conf: 1)."))
    }
    assert(
      PrepareSettings.of(prepare(file("near.bands = 31.0"))).documents.near.banding.bands == 31
    )
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
    val back =
      SettingsFile.recorded("prepare.conf", settings.rendered(), "manifest.json")
    assert(PrepareSettings.of(back) == PrepareSettings.of(settings))
  }

  test("personal data, languages and boilerplate: a bad value is one line that names the section") {
    def refused(text: String): String =
      intercept[ConfigException](PrepareSettings.of(prepare(file(text)))).getMessage
    assert(
      refused("pii.replacements.ip = \"a@b.org\"").startsWith(
        "pii.replacements: replacements must not be personal data themselves, got a@b.org (email) ("
      )
    )
    assert(
      refused("language.keep = [en]").startsWith("language: keep = [en] needs enabled = true (")
    )
    assert(
      refused("clean.boilerplate.patterns = [\"(\"]").startsWith(
        "clean.boilerplate: patterns must be regular expressions, got (: Unclosed group at character 1 ("
      )
    )
    assert(refused("pii.names = true").startsWith("unknown setting pii.names ("))
  }

  test("the boilerplate that ships cuts what it names, and no sentences") {
    val settings = prepare(file("clean.boilerplate.enabled = true"))
    val lines = new BoilerplateLines(PrepareSettings.of(settings).documents.clean.boilerplate)
    val furniture = Seq(
      "We use cookies to give you the best experience.",
      "Accept all cookies",
      "Read more...",
      "READ MORE \u00bb",
      "Sign in",
      "Log in with Facebook",
      "0 items in your cart",
      "Share on Facebook",
      "Share this article",
      "Follow us on Twitter",
      "3 likes",
      "1.2K views",
      "Skip to main content",
      "Back to top",
      "Next page >",
      "Subscribe to our weekly newsletter!",
      "\u00a9 2021 Somebody Ltd.",
      "Copyright 2021 Somebody. All rights reserved.",
      "Privacy Policy | Terms of Service",
      "Advertisement",
      "Please enable JavaScript to view this page."
    )
    for (line <- furniture) assert(lines.cut(s"Text.\n$line\nEnd.").text == "Text.\nEnd.", line)
    val sentences = Seq(
      "Read more books, she said, and you will see more of the world.",
      "Cookies are baked for ten minutes.",
      "He liked 3 likes better than 2.",
      "Share the bread with all of them.",
      "Sign the letter in the lower left corner.",
      "email = new Message();",
      "The next page was empty."
    )
    for (line <- sentences) assert(lines.cut(line).lines == 0, line)
  }
}
