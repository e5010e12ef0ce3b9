package io.moraine.pipeline.tokenizer

import io.moraine.pipeline.tokenizer.Vocabularies.HuggingFace
import java.nio.charset.StandardCharsets.UTF_8
import java.util.{List => JList}
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

/** The same ids as Hugging Face's own tokenizers. */
class HuggingFaceReferenceSuite extends AnyFunSuite {

  private def vocabulary(name: String)(tokenizer: => Tokenizer)(json: => String): Unit = {
    lazy val ours = tokenizer
    lazy val theirs = HuggingFace(json)

    def compare(texts: Seq[String]): Unit =
      for (text <- texts)
        if (ours.encode(text, AddedTokenMatching.ALL).toSeq != theirs.encode(text).toSeq)
          fail(s"$name: other ids for ${text.take(200)}")

    test(s"$name: real text, every eighth document") {
      json
      compare(RealText.all.zipWithIndex.collect { case (text, i) if i % 8 == 0 => text })
    }

    test(s"$name: 20 MB of real text and source code", Slow) {
      json
      val texts = RealText.all
      assert(texts.map(_.getBytes(UTF_8).length.toLong).sum > 20_000_000)
      compare(texts)
    }

    test(s"$name: 10,000 random Unicode strings") {
      json
      val random = new Random(1)
      compare(Seq.fill(10_000)(RandomText.text(random)))
    }

    test(s"$name: 10,000 random byte strings") {
      json
      val random = new Random(2)
      for (_ <- 1 to 10_000) {
        val bytes = RandomText.bytes(random)
        val expected = theirs.encode(new String(bytes, UTF_8)).toSeq
        assert(ours.encode(bytes, AddedTokenMatching.ALL).toSeq == expected)
      }
    }

    test(s"$name: the file that is written loads there with the same ids, and here") {
      json
      val written = TokenizerJson.write(ours)
      val there = HuggingFace(written)
      val here = TokenizerJson.read(written)
      val random = new Random(3)
      for (_ <- 1 to 2_000) {
        val text = RandomText.text(random)
        val ids = ours.encode(text, AddedTokenMatching.ALL).toSeq
        assert(there.encode(text).toSeq == ids)
        assert(here.encode(text, AddedTokenMatching.ALL).toSeq == ids)
      }
      val texts = RealText.code.take(20)
      for (text <- texts) assert(there.encode(text).toSeq == ours.encode(text).toSeq)
      assert(TokenizerJson.write(here) == written)
    }
  }

  vocabulary("cl100k")(Vocabularies.cl100k)(TokenizerJson.write(Vocabularies.cl100k))
  vocabulary("o200k")(Vocabularies.o200k)(TokenizerJson.write(Vocabularies.o200k))
  vocabulary("DeepSeek-V3")(TokenizerJson.read(Vocabularies.deepSeekV3Json))(
    Vocabularies.deepSeekV3Json
  )
  vocabulary("a vocabulary trained here")(Vocabularies.trained)(
    TokenizerJson.write(Vocabularies.trained)
  )

  test("GPT-2's and Qwen 2's patterns: 10,000 random Unicode strings") {
    val qwen2 =
      new Tokenizer(Vocabularies.gpt2.model, new PreTokenizer(JList.of(PreTokenizer.QWEN2)))
    for (ours <- Seq(Vocabularies.gpt2, qwen2)) {
      val theirs = HuggingFace(TokenizerJson.write(ours))
      val random = new Random(4)
      for (_ <- 1 to 10_000) {
        val text = RandomText.text(random)
        assert(ours.encode(text, AddedTokenMatching.ALL).toSeq == theirs.encode(text).toSeq)
      }
    }
  }

  test("merges that are ignored for pieces that are tokens") {
    val model = Vocabularies.trained.model
    val ignoring = new BpeModel(
      model.tokens,
      model.merges.subList(0, model.merges.size / 2),
      model.addedTokens,
      true
    )
    val ours = new Tokenizer(ignoring, Vocabularies.trained.preTokenizer)
    val theirs = HuggingFace(TokenizerJson.write(ours))
    for (text <- RealText.code.slice(150, 200))
      assert(ours.encode(text).toSeq == theirs.encode(text).toSeq)
  }

  test(
    "added tokens outside the vocabulary: the same ids, or refused where there they are others"
  ) {
    val plain = Vocabularies.trained
    val size = plain.vocabularySize
    def file(tokens: (Int, String)*): String = TokenizerJson
      .write(plain)
      .replace(
        "\"added_tokens\" : [",
        tokens
          .map { case (id, content) =>
            s"""{"id":$id,"content":"$content","single_word":false,"lstrip":false,"rstrip":false,
                "normalized":false,"special":true},"""
          }
          .mkString("\"added_tokens\" : [", "", "")
      )
    for (
      tokens <- Seq(
        Seq(size -> "<a>"),
        Seq(size -> "<a>", size + 1 -> "<b>"),
        Seq(size + 1 -> "<a>", size -> "<b>"),
        Seq(size -> "<a>", size + 2 -> "<b>"),
        Seq(size -> "<a>", size + 1 -> "<a>"),
        Seq(2 * size -> "<a>")
      )
    ) {
      val json = file(tokens: _*)
      val theirs = HuggingFace(json)
      val same = tokens.forall { case (id, content) => theirs.encode(content).toSeq == Seq(id) }
      scala.util.Try(TokenizerJson.read(json)) match {
        case scala.util.Success(ours) =>
          for ((id, content) <- tokens)
            assert(same && ours.encode(content, AddedTokenMatching.ALL).toSeq == Seq(id))
        case scala.util.Failure(e) => assert(!same, e.getMessage)
      }
    }
  }

  test("composed text: every code point, alone and beside marks") {
    val bytes = Vocabularies.bytesOnly("zzz")
    val ours = new Tokenizer(bytes.model, bytes.preTokenizer, Normalization.NFC)
    val theirs = HuggingFace(TokenizerJson.write(ours))
    val codePoints = (0 until 0xd800) ++ (0xe000 until 0x32000)
    for (some <- codePoints.grouped(64)) {
      val text = some
        .map(Character.toString(_))
        .flatMap(c => Seq(c, s"${c}\u0301", s"a\u0323$c", s"a$c\u0301", s"\u1100$c\u0995"))
        .mkString("|")
      assert(ours.encode(text).toSeq == theirs.encode(text).toSeq, s"from ${some.head}")
    }
  }

  test("categories: Hugging Face's, of every code point outside private use") {
    val groups = Seq("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd")
      .appendedAll(Seq("Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp"))
      .appendedAll(Seq("Cc", "Cf", "Co"))
    val codePoints = (0 until 0xd800) ++ (0xe000 until 0x32000) ++ (0xe0000 until 0xe1000)
    // Five patterns tell a category's number: the n-th has those whose number has the n-th bit.
    for (bit <- 0 until 5) {
      val wanted = groups.zipWithIndex.collect { case (name, i) if (i + 1 >> bit) % 2 == 1 => name }
      val theirs = HuggingFace(
        TokenizerJson.write(
          Vocabularies.bytesOnly(wanted.map(name => s"\\p{$name}").mkString("(?<=Q#)[", "", "]"))
        )
      )
      for (some <- codePoints.grouped(512)) {
        val spans = some.map(c => "Q#" + Character.toString(c))
        val begins = spans.scanLeft(0)(_ + _.getBytes(UTF_8).length)
        val ends = theirs.pieceEnds(spans.mkString + "Q").toSet
        for (((c, begin), end) <- some.zip(begins).zip(begins.tail)) {
          val matched = ends(begin + 2) && ends(end)
          assert(matched == wanted.contains(GeneralCategory.of(c)), f"U+$c%04X, bit $bit")
        }
      }
    }
  }

  test("any pattern is cut as there, or refused") {
    val patterns = Seq(
      "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6]+",
      "\\s+$",
      "[\\p{P}\\$\\+<=>\\^~\\|`]+",
      "[0-9][0-9][0-9]",
      " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+",
      "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
      "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))*((?=[\\p{L}])([^A-Z]))+|\\p{N}",
      "x*",
      "(?<=a)b",
      "(?<!a)b",
      "a(?i)b|c",
      "(?:a|b)+?c",
      "[ab]{2,3}?",
      "(?>a+)b",
      "^a",
      "b$",
      "\\Aa|a\\z",
      "[a-z&&[^aeiou]]+",
      "\\p{^L}+|\\P{N}",
      "\\x41|\\x{4e2d}|\\u3042",
      "[]a]+|[a-]+",
      "(a|ab)(c|bcd)(d*)",
      "(?:\\p{L}\\p{M}*)+",
      "\\p{Nd}{1,3}(?=(?:\\p{Nd}{3})*(?:\\P{Nd}|$))",
      "a{1,2}+b",
      "a{2}{2}|a{,2}b"
    )
    val alphabet = "a b c d ab A B s \u017f k \u212a x 1 123 12 ' ! / , . - ] ^ ( | Zz".split(
      ' '
    ) ++
      Seq(" ", "  ", "\n", "\r\n", "\t", "\u00e9", "\u4e2d", "\u3042", "\u0301", "\u3000", "\u0000")
    val random = new Random(5)
    for (pattern <- patterns) {
      val preTokenizer = new PreTokenizer(JList.of(pattern))
      val theirs = HuggingFace(TokenizerJson.write(Vocabularies.bytesOnly(pattern)))
      for (_ <- 1 to 500) {
        val text =
          Seq.fill(1 + random.nextInt(14))(alphabet(random.nextInt(alphabet.length))).mkString
        val ends = Seq.newBuilder[Int]
        preTokenizer.split(text, { (_, _, to) => ends += to; () }: PieceSink)
        assert(ends.result() == theirs.pieceEnds(text), s"$pattern on $text")
      }
    }
    def refusal(pattern: String) =
      intercept[TokenizerException](new PreTokenizer(JList.of(pattern))).getMessage
    assert(
      refusal("a\\bc") == "pre_tokenizer pattern: \\b is not supported, at character 3 of a\\bc"
    )
    for (pattern <- Seq("\\w", "\\h", "\\R", "[[:alpha:]]", "\\p{Han}", "(?<n>a)", "a{,}", "a{"))
      assert(refusal(pattern).contains("is not supported"), pattern)
    for (pattern <- Seq("(a", "a)", "[a", "*", "[z-a]", "(?m:.)", "(?i:ss)", "(a*)*", "(?<=a+)b"))
      assert(refusal(pattern).contains("is not supported"), pattern)
  }
}
