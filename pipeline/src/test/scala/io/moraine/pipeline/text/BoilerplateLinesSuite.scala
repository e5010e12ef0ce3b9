package io.moraine.pipeline.text

import java.util.List
import org.scalatest.funsuite.AnyFunSuite

class BoilerplateLinesSuite extends AnyFunSuite {

  private val lines = new BoilerplateLines(List.of("read more\\W*", "\\d+ likes?"))

  test("lines that are boilerplate and nothing else are cut and counted") {
    val outcome =
      lines.cut("READ MORE...\nTo read more, turn the page.\n  3 likes \n\nEnd.\n12 Likes")
    assert(outcome.text == "To read more, turn the page.\n\nEnd." && outcome.lines == 3)
  }

  test("a text without boilerplate is the text itself, white space at its ends included") {
    for (text <- Seq("", "\n", " plain \n", "a\n\nb", "I read more."))
      assert(lines.cut(text) == new BoilerplateLines.Outcome(text, 0))
    assert(lines.cut("read more") == new BoilerplateLines.Outcome("", 1))
  }

  test("long lines are text whatever an expression says") {
    val any = new BoilerplateLines(List.of("(a|b)*"))
    assert(any.cut("a" * 200).lines == 1)
    assert(any.cut("a" * 201).lines == 0)
    assert(any.cut("ab" * 5000000).lines == 0)
  }

  test("what is no regular expression is refused") {
    val error = intercept[IllegalArgumentException](new BoilerplateLines(List.of("a", "(b")))
    assert(
      error.getMessage == "patterns must be regular expressions, got (b: Unclosed group at character 2"
    )
  }
}
