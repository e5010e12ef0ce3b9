package io.moraine.pipeline.tokenizer

import java.nio.charset.StandardCharsets.UTF_8
import scala.util.Random

/** Texts that nobody would write: any code points, and what patterns treat specially. */
object RandomText {

  private val parts: IndexedSeq[String] = IndexedSeq(
    Seq(" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "\u0000", "\u200d"),
    Seq("'", "'s", "'S", "'ll", "'\u017f", "'RE", "s", "1", "12", "1234", "\u0661", "\u00bd"),
    Seq("a", "B", "Hello", "wORLD", "\u01c5", "\u02b0", "\u3042", "\u30ab", "\u4e2d\u6587"),
    Seq(
      "\u9fa6",
      "\u30fb",
      "\u3040",
      "\u3099",
      "\u0301",
      "\u0903",
      "\u20dd",
      "caf\u00e9",
      "\u0394\u03ad",
      "\u1734"
    ),
    Seq("!", "!!", "/", "//", "(", "\"x", "_", "-", "\u2603", "\ud83d\ude00", "\u0378", "\ue000"),
    Seq("<|endoftext|>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "<\uff5cUser\uff5c>", "<|")
  ).flatten

  def codePoint(random: Random, bound: Int): Int = {
    val c = random.nextInt(bound)
    if (c >= 0xd800 && c < 0xe000) codePoint(random, bound) else c
  }

  def text(random: Random): String = {
    val kind = random.nextInt(4)
    Seq
      .fill(1 + random.nextInt(30))(kind match {
        case 0                         => parts(random.nextInt(parts.size))
        case 1                         => Character.toString(codePoint(random, 0x110000))
        case 2 if random.nextBoolean() => parts(random.nextInt(parts.size))
        case 2                         => Character.toString(codePoint(random, 0x3000))
        case _                         => random.nextInt(128).toChar.toString
      })
      .mkString
  }

  /** Bytes of any values, half of them cut out of a text, so that most are not well formed. */
  def bytes(random: Random): Array[Byte] =
    if (random.nextBoolean()) random.nextBytes(1 + random.nextInt(60))
    else {
      val utf8 = text(random).getBytes(UTF_8)
      val damaged = utf8.drop(random.nextInt(3)).dropRight(random.nextInt(3))
      if (damaged.nonEmpty) damaged(random.nextInt(damaged.length)) = random.nextInt(256).toByte
      damaged
    }
}
