package io.moraine.pipeline.tokenizer

import io.moraine.pipeline.Fixtures
import java.nio.file.Files
import java.util.{List => JList, Map => JMap, Optional}
import org.scalatest.funsuite.AnyFunSuite

/** The ids that OpenAI's tiktoken gave, and what its rank files may not be. */
class TiktokenReferenceSuite extends AnyFunSuite {

  /** Rows of an RFC 4180 file: fields in quotes may have commas, quotes and line ends. */
  private def rows(text: String): Seq[Seq[String]] = {
    val field = "(?s)(\"(?:[^\"]|\"\")*+\"|[^,\n]*+)(,|\n|\\z)".r
    val rows = Seq.newBuilder[Seq[String]]
    var row = Vector.empty[String]
    var at = 0
    while (at < text.length) {
      val found = field.findPrefixMatchOf(text.substring(at)).get
      val value = found.group(1)
      row :+= (if (value.startsWith("\"")) value.drop(1).dropRight(1).replace("\"\"", "\"")
               else value)
      at += found.end
      if (found.group(2) != ",") {
        rows += row
        row = Vector.empty
      }
    }
    rows.result()
  }

  for (
    (name, count, tokenizer) <- Seq(
      ("cl100k_base", 423, () => Vocabularies.cl100k),
      ("o200k_base", 421, () => Vocabularies.o200k)
    )
  )
    test(s"$name: the ids of $count published texts") {
      val file = Fixtures.file(s"tokenizer/${name}_encodings.csv")
      val cases = rows(Files.readString(file)).drop(1)
      assert(cases.size == count)
      for (row <- cases) {
        val ids = tokenizer().encode(row.head)
        assert(ids.mkString("[", ", ", "]") == row(1), row.head)
        assert(tokenizer().decode(ids) == row.head)
      }
    }

  test("every token of a rank file decodes to its bytes and is the id of its bytes") {
    val tokenizer = Vocabularies.cl100k
    assert(tokenizer.vocabularySize == 100258)
    assert(tokenizer.specialId(Tokenizer.END_OF_TEXT).get == 100257)
    assert(
      intercept[IllegalArgumentException](tokenizer.decodeBytes(Array(100256))).getMessage ==
        "the vocabulary of 100,258 ids has no token 100256"
    )
    assert(
      Seq(-1, 0, 100255, 100256, 100257, 100258)
        .filter(tokenizer.hasToken(_)) == Seq(0, 100255, 100257)
    )
  }

  test("what is wrong with a rank file is told with its line or token") {
    val bytes = Vocabularies.rankFile("cl100k_base").linesIterator.take(256).mkString("\n")
    def message(text: String, special: JMap[String, Integer] = JMap.of()) =
      intercept[TokenizerException](RankFile.read(text, special)).getMessage
    assert(
      message("IQ== 0\nIg== x") ==
        "line 2 of the rank file is not a token in Base64 and a rank of its own: Ig== x"
    )
    assert(message("IQ== 0").startsWith("the rank file: a byte-level vocabulary has a token for"))
    assert(
      message(bytes + "\nYWJj 256") ==
        "token 256 of the rank file (abc) cannot be made of two tokens of lower rank"
    )
    assert(
      message(bytes, JMap.of("<|x|>", 3)) ==
        "special token <|x|>: there is another token 3"
    )
  }

  test("a rank file with the name of a pattern and special tokens is the published tokenizer") {
    val published = Seq(
      ("r50k_base", PublishedPattern.GPT2, 50256, Vocabularies.gpt2),
      ("cl100k_base", PublishedPattern.CL100K, 100257, Vocabularies.cl100k),
      ("o200k_base", PublishedPattern.O200K, 199999, Vocabularies.o200k)
    )
    for ((name, pattern, endOfText, expected) <- published) {
      val text = Vocabularies.rankFile(name)
      val config =
        new RankFileConfig(Optional.of(pattern), JList.of(s"${Tokenizer.END_OF_TEXT}=$endOfText"))
      assert(RankFile.isOne(text) && !RankFile.isOne(TokenizerJson.write(expected)))
      assert(TokenizerJson.write(RankFile.read(text, config)) == TokenizerJson.write(expected))
    }
    val patterns = Seq(
      PublishedPattern.QWEN2 -> JList.of(PreTokenizer.QWEN2),
      PublishedPattern.DEEPSEEK_V3 -> PreTokenizer.DEEPSEEK_V3
    )
    for ((pattern, expressions) <- patterns)
      assert(pattern.preTokenizer.expressions == expressions)
  }

  test("special tokens of a rank file are NAME=ID, each name once") {
    def config(tokens: String*) = new RankFileConfig(Optional.empty(), JList.of(tokens: _*))
    assert(config().isEmpty && !config("a=1").isEmpty)
    assert(
      config("a=b=12", "<|x|>=16777215").specialIds == JMap.of("a=b", 12, "<|x|>", (1 << 24) - 1)
    )
    for (bad <- Seq("a", "=1", "a=", "a=-1", "a=1x", "a=16777216", "a=99999999999"))
      assert(
        intercept[IllegalArgumentException](config(bad)).getMessage ==
          s"special-tokens must be NAME=ID with ids below 16777216, got $bad"
      )
    assert(
      intercept[IllegalArgumentException](config("a=1", "a=2")).getMessage ==
        "special-tokens must have different names, got two of a"
    )
  }
}
