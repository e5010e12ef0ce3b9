package io.moraine.pipeline.tokenizer

import io.moraine.pipeline.SeededProperties
import java.nio.charset.StandardCharsets.UTF_8
import java.util.{List => JList, SplittableRandom}
import org.scalacheck.Gen
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class TokenizerSuite extends AnyFunSuite with SeededProperties {

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
    forEvery(texts, 300) { text =>
      assert(tokenizer.encode(text).toSeq == pieces(text).flatMap(naive))
    }
  }

  test("decoding gives the text back, for every text, and exact bytes for every id") {
    forEvery(Gen.stringOf(Gen.choose(0.toChar, 0xd7ff.toChar)), 300) { text =>
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
    def message(from: String, to: String) = {
      assert(json.contains(from), from)
      intercept[TokenizerException](TokenizerJson.read(json.replace(from, to))).getMessage
    }
    assert(
      message("\"normalizer\" : null", "\"normalizer\" : {\"type\":\"NFKC\"}") ==
        "normalizer is not supported: {\"type\":\"NFKC\"}"
    )
    assert(
      message("\"truncation\" : null", "\"truncation\" : {\"max_length\":512}") ==
        "truncation is not supported: {\"max_length\":512}"
    )
    assert(
      message("\"dropout\" : null", "\"dropout\" : 0.1") == "model.dropout is not supported: 0.1"
    )
    assert(
      message("\"dropout\" : null", "\"dropout\" : null, \"new\" : 1") ==
        "model.new is not supported: 1"
    )
    assert(
      message("\"version\"", "\"nonsense\" : 1, \"version\"") == "nonsense is not supported: 1"
    )
    assert(
      message("\"type\" : \"BPE\"", "\"type\" : \"Unigram\"") ==
        "model.type must be BPE, got \"Unigram\""
    )
    assert(
      message("\"behavior\" : \"Isolated\"", "\"behavior\" : \"Removed\"")
        .startsWith("pre_tokenizer.behavior is not supported: ")
    )
    assert(
      message("\"Regex\" :", "\"String\" :").startsWith("pre_tokenizer.pattern is not supported: ")
    )
    assert(
      message("\"add_prefix_space\" : false", "\"add_prefix_space\" : true")
        .startsWith("pre_tokenizer.add_prefix_space is not supported: ")
    )
    assert(
      message("\"post_processor\" : null", "\"post_processor\" : {\"type\":\"BertProcessing\"}") ==
        "post_processor is not supported: {\"type\":\"BertProcessing\"}"
    )
    assert(
      message("\"lstrip\" : false", "\"lstrip\" : true")
        .startsWith("added_tokens[0].lstrip is not supported: ")
    )
    assert(
      message("\"!\" : 1,", "\"!\" : -1,") ==
        "model.vocab.! must be an id from 0 to 16,777,215, got -1"
    )
    assert(
      message("\"!\" : 1,", "\"\u2581\" : 1,") ==
        "model.vocab: token \u2581 is not written in byte-level characters"
    )
    assert(
      message("\"!\" : 1,", "").startsWith(
        "model.vocab: a byte-level vocabulary has a token for each of the 256 bytes, not for 21"
      ) || message("\"!\" : 1,", "").contains("joins tokens that the vocabulary does not have")
    )
    assert(
      intercept[TokenizerException](TokenizerJson.read("nonsense")).getMessage
        .startsWith("tokenizer.json is not JSON: ")
    )
    assert(
      intercept[TokenizerException](TokenizerJson.read("[]")).getMessage ==
        "tokenizer.json must be an object, got []"
    )
  }

  /** The message for the file with the first value at a path replaced; no value: left out. */
  private def refusal(path: String, value: String): String = {
    val mapper = new com.fasterxml.jackson.databind.json.JsonMapper
    val root = mapper.readTree(TokenizerJson.write(tokenizer))
    val at = com.fasterxml.jackson.core.JsonPointer.compile(path)
    val name = at.last.getMatchingProperty
    root.at(at.head) match {
      case parent: com.fasterxml.jackson.databind.node.ObjectNode if value.isEmpty =>
        assert(parent.remove(name) != null, path)
      case parent: com.fasterxml.jackson.databind.node.ObjectNode =>
        parent.replace(name, mapper.readTree(value)): Unit
      case other => fail(s"$path: $other")
    }
    intercept[TokenizerException](TokenizerJson.read(root.toString)).getMessage
  }

  test("a list that is missing or no list is refused") {
    assert(refusal("/model/merges", "") == "model.merges must be an array, got nothing")
    assert(refusal("/model/merges", "null") == "model.merges must be an array, got null")
    assert(refusal("/model/merges", "{}") == "model.merges must be an array, got {}")
    assert(refusal("/added_tokens", "null") == "added_tokens must be an array, got null")
    assert(refusal("/added_tokens", "{}") == "added_tokens must be an array, got {}")
    assert(
      refusal("/added_tokens", "[null]") == "a part of added_tokens must be an object, got null"
    )
    assert(
      refusal("/normalizer", """{"type":"Sequence"}""") ==
        "normalizer.normalizers must be an array, got nothing"
    )
    assert(
      refusal("/post_processor", """{"type":"Sequence","processors":null}""") ==
        "post_processor.processors must be an array, got null"
    )
    assert(
      refusal("/pre_tokenizer/pretokenizers", "{}") ==
        "pre_tokenizer.pretokenizers must be an array, got {}"
    )
    assert(refusal("/model/vocab", "[]") == "model.vocab must be an object, got []")
    for (merge <- Seq("[1,2]", "null", "\"a\"", "[\"a\"]", "{\"a\":1,\"b\":2}"))
      assert(
        refusal("/model/merges", s"[$merge]") ==
          s"model.merges[0]: $merge joins tokens that the vocabulary does not have"
      )
  }

  test("keys inside of parts of the file that are not known are refused") {
    val pattern = "/pre_tokenizer/pretokenizers/0/pattern"
    assert(refusal(s"$pattern/Flags", "1") == "pre_tokenizer.pattern.Flags is not supported: 1")
    assert(refusal("/decoder/zz", "1") == "decoder.zz is not supported: 1")
    for (kind <- Seq("ByteLevel", "TemplateProcessing"))
      assert(
        refusal("/post_processor", s"""{"type":"$kind","zz":1}""") ==
          "post_processor.zz is not supported: 1"
      )
    assert(
      refusal("/post_processor", """{"type":"Sequence","processors":[],"zz":1}""") ==
        "post_processor.zz is not supported: 1"
    )
    assert(refusal("/post_processor", "\"x\"") == "post_processor is not supported: \"x\"")
    for (version <- Seq("9.9", "1.0", "\"9.9\"", "null"))
      assert(refusal("/version", version) == s"version is not supported: $version")
  }

  test("values of another type are refused") {
    val split = "pre_tokenizer/pretokenizers/0/invert"
    val byteLevel = "pre_tokenizer/pretokenizers/1"
    for (value <- Seq("\"false\"", "0", "null")) {
      val booleans = Seq("single_word", "lstrip", "rstrip", "normalized", "special")
        .map(key => s"added_tokens/0/$key" -> s"added_tokens[0].$key")
        .appendedAll(
          Seq("add_prefix_space", "trim_offsets", "use_regex")
            .flatMap(key =>
              Seq(s"$byteLevel/$key" -> s"pre_tokenizer.$key", s"decoder/$key" -> s"decoder.$key")
            )
        )
        .appendedAll(
          Seq("ignore_merges", "fuse_unk", "byte_fallback").map(k => s"model/$k" -> s"model.$k")
        )
        .appended(split -> "pre_tokenizer.invert")
      for ((path, name) <- booleans)
        assert(refusal(s"/$path", value) == s"$name must be true or false, got $value")
    }
    assert(refusal("/model/dropout", "\"0\"") == "model.dropout is not supported: \"0\"")
    assert(
      refusal("/model/end_of_word_suffix", "{}") ==
        "model.end_of_word_suffix is not supported: {}"
    )
    assert(refusal("/model/type", "null") == "model.type must be BPE, got null")
    assert(
      refusal("/added_tokens/0/content", "1")
        .startsWith("added_tokens[0].content must be a text and not empty, got ")
    )
  }

  private def withAdded(tokens: (Int, String)*): String = TokenizerJson
    .write(tokenizer)
    .replace(
      "\"added_tokens\" : [",
      tokens
        .map { case (id, content) => s"""{"id":$id,"content":"$content"},""" }
        .mkString("\"added_tokens\" : [", "", "")
    )

  test("an added token outside the vocabulary has the next free id, as Hugging Face gives it") {
    def message(tokens: (Int, String)*) =
      intercept[TokenizerException](TokenizerJson.read(withAdded(tokens: _*))).getMessage
    val size = tokenizer.vocabularySize
    assert(
      message(5000 -> "<gap>") ==
        s"added_tokens: <gap> is not in model.vocab, so its id must be the next free one, $size, got 5000"
    )
    assert(
      message(size -> "<a>", size + 2 -> "<b>") ==
        s"added_tokens: <b> is not in model.vocab, so its id must be the next free one, ${size + 1}, got ${size + 2}"
    )
    assert(message(size -> "<a>", size + 1 -> "<a>") == "added_tokens has <a> twice")
    val json = withAdded(size -> "<a>", size + 1 -> "<b>")
    val ours = TokenizerJson.read(json)
    val text = "x<b><a>y"
    assert(
      ours.encode(text, AddedTokenMatching.ALL).toSeq ==
        tokenizer.encode("x").toSeq ++ Seq(size + 1, size) ++ tokenizer.encode("y").toSeq
    )
  }

  test("forms of a file that mean the same are read as the same") {
    val json = TokenizerJson.write(tokenizer)
    val forms = Seq(
      json.replace(
        "\"normalizer\" : null",
        "\"normalizer\" : {\"type\":\"Sequence\",\"normalizers\":[]}"
      ),
      json.replace(
        "\"behavior\" : \"Isolated\",\n      \"invert\" : false",
        "\"behavior\" : \"Removed\",\n      \"invert\" : true"
      ),
      json.replace("\"unk_token\" : null", "\"unk_token\" : \"<|endoftext|>\""),
      json.replace(
        "\"post_processor\" : null",
        "\"post_processor\" : {\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"}]}"
      )
    )
    for (form <- forms) {
      assert(form != json)
      assert(TokenizerJson.write(TokenizerJson.read(form)) == json)
    }
  }

  test("added tokens are found in a text only if asked for: the longest, special ones or not") {
    val model = tokenizer.model
    val size = model.size
    def added(id: Int, content: String, special: Boolean) =
      new AddedToken(id, content, special, false)
    val more = Seq(
      added(size, "<a>", true),
      added(size + 1, "<a>b", false),
      added(size + 3, "\u20ac", false)
    )
    val tokens = model.tokens.asScala ++
      Seq(
        "<a>".getBytes(UTF_8),
        "<a>b".getBytes(UTF_8),
        Array.empty[Byte],
        "\u20ac".getBytes(UTF_8)
      )
    val with4 = new Tokenizer(
      new BpeModel(tokens.asJava, model.merges, (model.addedTokens.asScala ++ more).asJava, false),
      preTokenizer
    )
    val text = "x<a>b<a>c \u20ac"
    val plain = with4.encode(text).toSeq
    assert(plain == tokenizer.encode(text).toSeq)
    assert(
      with4.encode(text, AddedTokenMatching.ALL).toSeq ==
        tokenizer.encode("x").toSeq ++ Seq(size + 1, size) ++ tokenizer
          .encode("c ")
          .toSeq :+ size + 3
    )
    assert(
      with4.encode(text, AddedTokenMatching.NOT_SPECIAL).toSeq ==
        tokenizer.encode("x").toSeq ++ Seq(size + 1) ++ tokenizer.encode("<a>c ").toSeq :+ size + 3
    )
    for (matching <- AddedTokenMatching.values)
      assert(with4.decode(with4.encode(text, matching)) == text)
    assert(
      TokenizerJson.write(TokenizerJson.read(TokenizerJson.write(with4))) == TokenizerJson.write(
        with4
      )
    )
  }

  test("a tokenizer that is sent as an object encodes as before") {
    val out = new java.io.ByteArrayOutputStream
    new java.io.ObjectOutputStream(out).writeObject(tokenizer)
    val back = new java.io.ObjectInputStream(new java.io.ByteArrayInputStream(out.toByteArray))
      .readObject()
      .asInstanceOf[Tokenizer]
    assert(back.encode(code).toSeq == tokenizer.encode(code).toSeq)
  }

  test("threads share a tokenizer, each with a cache of its own") {
    val expected = tokenizer.encode(code).toSeq
    val results = (1 to 8).par(tokenizer)
    assert(results.forall(_ == expected))
  }

  private implicit class Threads(numbers: Range) {
    def par(tokenizer: Tokenizer): Seq[Seq[Int]] = {
      val pool = java.util.concurrent.Executors.newFixedThreadPool(4)
      try numbers.map(_ => pool.submit(() => tokenizer.encode(code).toSeq)).map(_.get)
      finally pool.shutdown()
    }
  }

  test("what stands behind the file's object, and a token that NFC text cannot hold, are refused") {
    val json = TokenizerJson.write(tokenizer)
    def refused(text: String) = intercept[TokenizerException](TokenizerJson.read(text)).getMessage
    assert(refused(json + "{}").startsWith("tokenizer.json is not JSON: "))
    val token = (content: String, normalized: Boolean) =>
      s"""{"id":${tokenizer.vocabularySize},"content":"$content","single_word":false,"lstrip":false,
          "rstrip":false,"normalized":$normalized,"special":false}"""
    val root = new com.fasterxml.jackson.databind.json.JsonMapper().readTree(json)
    def file(content: String, normalized: Boolean): String = {
      val copy = root.deepCopy[com.fasterxml.jackson.databind.node.ObjectNode]()
      copy.putObject("normalizer").put("type", "NFC")
      copy
        .withArray[com.fasterxml.jackson.databind.node.ArrayNode]("added_tokens")
        .add(
          new com.fasterxml.jackson.databind.json.JsonMapper().readTree(token(content, normalized))
        )
      copy.toString
    }
    for ((content, normalized) <- Seq("e\u0301" -> false, "\u4e2d\u00e9" -> true))
      assert(
        TokenizerJson.read(file(content, normalized)).vocabularySize ==
          tokenizer.vocabularySize + 1
      )
    assert(
      refused(file("e\u0301", true)).endsWith("is looked for in NFC text, so it must be NFC itself")
    )
  }
}
