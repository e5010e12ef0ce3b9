package io.moraine.pipeline.tokenizer

import io.moraine.pipeline.Fixtures
import java.nio.file.Files
import java.util.{Map => JMap}
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
        "special token <|x|>: the rank file has a token 3 of its own"
    )
  }
}
