package io.moraine.pipeline.tokenizer

import java.nio.charset.StandardCharsets.UTF_8
import java.util.{List => JList, SplittableRandom}
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite
import org.scalatestplus.scalacheck.ScalaCheckPropertyChecks

import scala.jdk.CollectionConverters._

class TokenizerSuite extends AnyFunSuite with ScalaCheckPropertyChecks {

  private val preTokenizer = new PreTokenizer(JList.of(PreTokenizer.CL100K))

  private def pieces(text: String): Seq[String] = {
    val found = Seq.newBuilder[String]
    preTokenizer.split(text, (piece: String) => { found += piece; () })
    found.result()
  }

  private def counts(text: String): PieceCounts = {
    val counts = new PieceCounts
    preTokenizer.split(text, counts: PieceSink)
    counts
  }

  private def config(size: Int, minFrequency: Long) =
    new TokenizerConfig(size, minFrequency, Long.MaxValue, JList.of(Tokenizer.END_OF_TEXT))

  private def train(text: String, size: Int): Tokenizer =
    new Tokenizer(
      BpeTrainer.train(counts(text), config(size, 1), _ => ()),
      preTokenizer
    )

  private val code = scala.io.Source
    .fromFile(
      System.getProperty(
        "moraine.root",
        ".."
      ) + "/pipeline/src/main/java/io/moraine/pipeline/tokenizer/TokenizerJson.java"
    )("UTF-8")
    .mkString

  private lazy val tokenizer = train(code, 600)

  test("the pre-tokenizer cuts as cl100k does") {
    assert(
      pieces("I'll pay 12345 €!\n\n  next line") ==
        Seq("I", "'ll", " pay", " ", "123", "45", " €!\n\n", " ", " next", " line")
    )
    assert(pieces("a\u3000\u3000b\u0000\u200d") == Seq("a", "\u3000", "\u3000b", "\u0000\u200d"))
  }

  test("a megabyte of one kind of character is cut without deep recursion") {
    for (c <- Seq("a", " ", "1", "!", "\n", "中", "\u0301"))
      assert(pieces(c * 1_000_000).mkString.length == 1_000_000)
  }

  test("encoding is that of a naive encoder: always the merge of lowest rank, leftmost first") {
    val ranks = tokenizer.model.merges.asScala.zipWithIndex.map { case (m, rank) =>
      (m.left, m.right) -> (rank, m.result)
    }.toMap
    val bytes = tokenizer.model.tokens.asScala.zipWithIndex.collect {
      case (token, id) if token.length == 1 => token(0) -> id
    }.toMap
    def naive(piece: String): Seq[Int] = {
      var ids = piece.getBytes(UTF_8).toSeq.map(bytes)
      def best = ids
        .zip(ids.drop(1))
        .zipWithIndex
        .collect { case (pair, at) if ranks.contains(pair) => (ranks(pair)._1, at) }
        .minOption
      var next = best
      while (next.isDefined) {
        val (rank, at) = next.get
        ids = ids.take(at) ++ Seq(tokenizer.model.merges.get(rank).result) ++ ids.drop(at + 2)
        next = best
      }
      ids
    }
    val texts = Gen.oneOf(
      Gen.stringOf(Gen.oneOf("tokenizer. (){};JSON\n".toSeq)),
      Gen.stringOf(Gen.choose(1.toChar, 0xd7ff.toChar)),
      Gen.choose(0, code.length - 300).map(i => code.substring(i, i + 300)),
      Gen.choose(0, code.length - 300).map(i => code.substring(i, i + 300).replaceAll("\\W", ""))
    )
    forAll(texts, minSuccessful(300)) { text =>
      assert(tokenizer.encode(text).toSeq == pieces(text).flatMap(naive))
    }
  }

  test("decoding gives the text back, for every text, and exact bytes for every id") {
    forAll(Gen.stringOf(Gen.choose(0.toChar, 0xd7ff.toChar)), minSuccessful(300)) { text =>
      assert(tokenizer.decode(tokenizer.encode(text)) == text)
    }
    val random = new SplittableRandom(1)
    for (_ <- 1 to 100) {
      val ids = Array.fill(20)(random.nextInt(tokenizer.vocabularySize))
      assert(tokenizer.decodeBytes(ids).toSeq == ids.toSeq.flatMap(tokenizer.model.tokens.get(_)))
    }
  }

  test("a surrogate without its partner is encoded as U+FFFD") {
    assert(tokenizer.encode(s"a${0xd800.toChar}b").toSeq == tokenizer.encode("a\ufffdb").toSeq)
  }

  test("the name of a special token inside a text is ordinary text") {
    val ids = tokenizer.encode("x" + Tokenizer.END_OF_TEXT)
    assert(!ids.contains(tokenizer.specialId(Tokenizer.END_OF_TEXT).get))
    assert(tokenizer.decode(ids) == "x" + Tokenizer.END_OF_TEXT)
  }

  test("one word of 10 MB is encoded and given back") {
    val word = "tokenizer" * (10_000_000 / 9)
    assert(tokenizer.decode(tokenizer.encode(word)) == word)
  }

  test("tokenizer.json reads back as the same tokenizer, the same bytes, merges in both forms") {
    val json = TokenizerJson.write(tokenizer)
    val back = TokenizerJson.read(json)
    assert(TokenizerJson.write(back) == json)
    assert(back.encode(code).toSeq == tokenizer.encode(code).toSeq)
    val asText = json
      .replaceAll("""\[ ("[^\n]*?"), ("[^\n]*?") \]""", "$1 SPACE $2")
      .replace("\" SPACE \"", " ")
    assert(asText != json)
    assert(TokenizerJson.read(asText).encode(code).toSeq == tokenizer.encode(code).toSeq)
  }

  test("what a file asks for and is not supported is an error that names the key") {
    val json = TokenizerJson.write(tokenizer)
    def message(from: String, to: String) =
      intercept[TokenizerException](TokenizerJson.read(json.replace(from, to))).getMessage
    assert(
      message("\"normalizer\" : null", "\"normalizer\" : {\"type\":\"NFC\"}") ==
        "normalizer is not supported: {\"type\":\"NFC\"}"
    )
    assert(
      message("\"ignore_merges\" : false", "\"ignore_merges\" : true") ==
        "model.ignore_merges is not supported: true"
    )
    assert(
      message("\"type\" : \"BPE\"", "\"type\" : \"Unigram\"") ==
        "model.type must be BPE, got \"Unigram\""
    )
    assert(
      intercept[TokenizerException](TokenizerJson.read("nonsense")).getMessage
        .startsWith("tokenizer.json is not JSON: ")
    )
  }
}
