package io.moraine.pipeline.tokenizer

import java.nio.charset.StandardCharsets.UTF_8
import java.util.{List => JList}
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

/** Scanners of known patterns against the general matcher, which knows nothing of them. */
class ScannersSuite extends AnyFunSuite {

  private val known = Seq(
    "GPT-2" -> JList.of(PreTokenizer.GPT2),
    "cl100k" -> JList.of(PreTokenizer.CL100K),
    "Qwen 2" -> JList.of(PreTokenizer.QWEN2),
    "o200k" -> JList.of(PreTokenizer.O200K),
    "DeepSeek-V3" -> PreTokenizer.DEEPSEEK_V3
  )

  private def ends(preTokenizer: PreTokenizer, text: Array[Byte]): Seq[Int] = {
    val found = Seq.newBuilder[Int]
    preTokenizer.split(text, 0, text.length, (_, _, to) => { found += to; () })
    found.result()
  }

  for ((name, patterns) <- known) {
    test(s"$name: the pieces of the general matcher on 20,000 random texts") {
      val scanner = new PreTokenizer(patterns)
      val general = PreTokenizer.general(patterns)
      val random = new Random(6)
      for (_ <- 1 to 20_000) {
        val text = RandomText.text(random)
        val utf8 = text.getBytes(UTF_8)
        assert(ends(scanner, utf8) == ends(general, utf8), text)
      }
    }

    test(s"$name: a megabyte of one kind of text costs neither stack nor quadratic time") {
      for (
        part <- Seq("a", "A", " ", "\n", " \n", "1", "!", "\u4e2d", "\u0301", "\u0000", "a\u0301")
      ) {
        val utf8 = (part * (1_000_000 / part.length)).getBytes(UTF_8)
        for (preTokenizer <- Seq(new PreTokenizer(patterns), PreTokenizer.general(patterns)))
          assert(ends(preTokenizer, utf8).last == utf8.length)
      }
    }
  }

  test("DeepSeek-V3: what no pattern matches is a piece up to the next match") {
    val found = Seq.newBuilder[String]
    val text = "a\u0000\u200d\u0001b 12345\u4e2d\u6587  \t3"
    new PreTokenizer(PreTokenizer.DEEPSEEK_V3).split(text, (p: String) => { found += p; () })
    assert(
      found.result() ==
        Seq("a", "\u0000\u200d", "\u0001b", " ", "123", "45", "\u4e2d\u6587", "  \t", "3")
    )
  }

  test("a pattern that would not come to an end is given up with its text") {
    val endless = new PreTokenizer(JList.of("(?:a|aa|aaa)+b"))
    assert(
      intercept[TokenizerException](endless.split("a" * 60, (_: String) => ())).getMessage ==
        "pre_tokenizer pattern takes more than 10,006,000 steps at one place of a text: (?:a|aa|aaa)+b"
    )
  }
}
