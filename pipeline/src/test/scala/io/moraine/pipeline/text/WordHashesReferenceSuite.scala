package io.moraine.pipeline.text

import io.moraine.pipeline.SeededProperties
import io.moraine.pipeline.hash.{Mix64, Murmur3}
import java.nio.charset.StandardCharsets.UTF_8
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

/** Hashes from bytes against the definition: the words as Strings, each hashed alone. */
class WordHashesReferenceSuite extends AnyFunSuite with SeededProperties {

  private val special =
    Seq("\u0130", "I\u0307", "\u03a3", "\u03c3", "\u03c2", "\u0301", "\u0345", "'", "\u2019") ++
      Seq("\u212a", "\u212b", "\u2126", "\u023a", "\u1e9e", "\u01c5", "\u00ad", "\u200d") ++
      Seq(0x10400, 0x1d7d8, 0x1f600, 0xd800, 0xdc00, 0x65e5, 0xbd).map(Character.toString)

  private val texts: Gen[String] = {
    val piece = Gen.frequency(
      8 -> Gen.oneOf("aAzZ09_ \n.,-@[`{\u0000\u007f".toSeq).map(_.toString),
      4 -> Gen.oneOf(special),
      1 -> Gen.choose(0, Character.MAX_CODE_POINT).map(Character.toString)
    )
    Gen.listOf(piece).map(_.mkString)
  }

  private def plain(text: String): Seq[Long] = {
    val hashes = Seq.newBuilder[Long]
    Words.forEach(text, word => hashes += Murmur3.hash128(word).low)
    hashes.result()
  }

  private def hashes(text: String): Seq[Long] = WordHashes.of(text.getBytes(UTF_8)).toSeq

  test("random Unicode: surrogates, case that grows or looks around, combining marks") {
    forEvery(texts, 5000)(text => assert(hashes(text) == plain(text)))
  }

  test("every code point, alone in a word and inside one") {
    for (first <- 0 to Character.MAX_CODE_POINT by 256) {
      val text = (first until first + 256)
        .map(Character.toString)
        .map(character => s"$character Ab${character}C1 ")
        .mkString
      assert(hashes(text) == plain(text), f"from U+$first%04X")
    }
  }

  test("sigma ends a word or not by the rest of the text, across marks and behind marks") {
    for (text <- Seq("ΟΔΟΣ ΣΑΣ", "Α.Σ", "ΑΣ'Α", "Σ", "Αa\u0301Σ\u0301b", "ΑΣ\u00ad", "x ΑΣΑΣ y"))
      assert(hashes(text) == plain(text), text)
  }

  test("bytes that are no UTF-8 belong to no word, as if decoded to replacement characters") {
    val bytes = Gen.listOf(
      Gen.oneOf(
        Gen.oneOf(("ab_ \u00e9\u20ac" + Character.toString(0x10400)).getBytes(UTF_8).toSeq),
        Gen.oneOf(0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xa0, 0xf0, 0x90, 0xf4, 0xff).map(_.toByte)
      )
    )
    forEvery(bytes, 5000) { list =>
      assert(WordHashes.of(list.toArray).toSeq == plain(new String(list.toArray, UTF_8)))
    }
  }

  test("words and texts of any length") {
    for (length <- (0 to 70) ++ Seq(255, 256, 257, 1000, 5000)) {
      val word = "Word" * length
      assert(hashes(word.take(length)) == plain(word.take(length)))
      assert(hashes(("é" * length) + "a " * length) == plain(("é" * length) + "a " * length))
    }
  }

  test("shingles are the combined hashes of n words, in order and as a sorted set") {
    val cases = Gen.zip(Gen.listOf(Gen.oneOf("a", "B", "c d", "é.", "Σ")), Gen.choose(1, 7))
    forEvery(cases, 500) { case (pieces, n) =>
      val text = pieces.mkString(" ")
      val words = plain(text)
      val naive =
        if (words.isEmpty) Nil
        else words.sliding(n).map(_.foldLeft(0L)(Mix64.combine)).toSeq
      assert(Shingles.inOrder(text.getBytes(UTF_8), n).toSeq == naive)
      assert(Shingles.of(text, n).toSeq == naive.distinct.sorted)
    }
  }

  test("sets of many shingles are sorted, whatever their first bits") {
    for (count <- Seq(15, 16, 17, 1000, 20000)) {
      val text = (0 until count).map(i => s"w${i % (count * 3 / 4)}").mkString(" ")
      val naive = plain(text).map(word => Mix64.combine(0, word)).distinct.sorted
      assert(Shingles.of(text, 1).toSeq == naive)
    }
  }
}
