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
    preTokenizer.split(text, piece => found += piece)
    found.result()
  }

  private def counts(text: String): java.util.Map[String, java.lang.Long] =
    pieces(text).groupBy(identity).map { case (p, all) => p -> Long.box(all.size) }.asJava

  private def train(text: String, size: Int): Tokenizer =
    new Tokenizer(
      BpeTrainer.train(counts(text), new TokenizerConfig(size, 1), _ => ()),
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

  test("merges are those of a naive trainer that counts everything anew each time") {
    val words = counts(code).asScala.map { case (w, n) => w -> n.toLong }.toMap
    val model = BpeTrainer.train(counts(code), new TokenizerConfig(400, 1), _ => ())
    val ids = model.tokens.asScala.zipWithIndex
      .drop(1)
      .take(256)
      .map { case (token, id) => token(0) -> id }
      .toMap
    var split = words.toSeq.map { case (w, n) => (w.getBytes(UTF_8).toSeq.map(ids), n) }
    for (merge <- model.merges.asScala) {
      val pairs = split
        .flatMap { case (word, n) => word.zip(word.drop(1)).map(_ -> n) }
        .groupMapReduce(_._1)(_._2)(_ + _)
      val best = pairs.toSeq.minBy { case ((left, right), n) => (-n, left, right) }._1
      assert((merge.left, merge.right) == best)
      split = split.map { case (word, n) => (joined(word, merge), n) }
    }
    assert(model.size == 400)
  }

  private def joined(word: Seq[Int], merge: BpeModel.Merge): Seq[Int] = word match {
    case left +: right +: rest if left == merge.left && right == merge.right =>
      merge.result +: joined(rest, merge)
    case first +: rest => first +: joined(rest, merge)
    case _             => Nil
  }

  test("the published example: roses are red, violets are blue ... learns re, are, is") {
    val example = Map(
      "roses" -> 1L,
      "are" -> 2L,
      "red" -> 1L,
      "voilets" -> 1L,
      "blue" -> 1L,
      "BERT" -> 1L,
      "is" -> 2L,
      "big" -> 1L,
      "and" -> 1L,
      "so" -> 1L,
      "GPT-2" -> 1L
    )
    val model = BpeTrainer.train(
      example.map { case (w, n) => w -> Long.box(n) }.asJava,
      new TokenizerConfig(1000, 2),
      _ => ()
    )
    assert(
      model.merges.asScala.map(m => new String(model.tokens.get(m.result), UTF_8)) ==
        Seq("re", "are", "is")
    )
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
