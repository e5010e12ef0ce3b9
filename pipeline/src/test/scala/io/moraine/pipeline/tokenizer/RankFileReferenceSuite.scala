package io.moraine.pipeline.tokenizer

import com.fasterxml.jackson.databind.ObjectMapper
import com.knuddels.jtokkit.Encodings
import com.knuddels.jtokkit.api.{EncodingType, IntArrayList}
import io.moraine.pipeline.Fixtures
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.{List => JList, Map => JMap}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable
import scala.jdk.CollectionConverters._
import scala.util.{Random, Using}

/** Ids of cl100k and o200k: published vectors, and jtokkit on source code and random text. */
class RankFileReferenceSuite extends AnyFunSuite {

  private val kinds = Seq(
    ("cl100k_base", EncodingType.CL100K_BASE, PreTokenizer.CL100K),
    ("o200k_base", EncodingType.O200K_BASE, PreTokenizer.O200K)
  )

  private def tokenizer(name: String, pattern: String): Tokenizer = {
    val ranks =
      Using.resource(getClass.getResourceAsStream(s"/com/knuddels/jtokkit/$name.tiktoken"))(in =>
        new String(in.readAllBytes(), UTF_8)
      )
    new Tokenizer(RankFile.read(ranks, JMap.of()), new PreTokenizer(JList.of(pattern)))
  }

  /** The rows of a CSV file with quotes, without its header. */
  private def rows(file: Path): Seq[Seq[String]] = {
    val text = Files.readString(file)
    val rows = mutable.ArrayBuffer(mutable.ArrayBuffer(new StringBuilder))
    var quoted = false
    var i = 0
    while (i < text.length) {
      val c = text.charAt(i)
      if (quoted && c == '"' && i + 1 < text.length && text.charAt(i + 1) == '"') {
        rows.last.last += '"'
        i += 1
      } else if (c == '"') quoted = !quoted
      else if (!quoted && c == ',') rows.last += new StringBuilder
      else if (!quoted && c == '\n') rows += mutable.ArrayBuffer(new StringBuilder)
      else if (quoted || c != '\r') rows.last.last += c
      i += 1
    }
    rows.toSeq.map(_.toSeq.map(_.toString)).filter(_.size == 3).drop(1)
  }

  for ((name, _, pattern) <- kinds)
    test(s"$name: the ids of every published vector, and back") {
      val ours = tokenizer(name, pattern)
      val vectors = rows(Fixtures.file(s"tokenizer/${name}_encodings.csv"))
      assert(vectors.size > 400)
      val json = new ObjectMapper()
      for (Seq(input, output, _) <- vectors) {
        val expected = json.readValue(output, classOf[Array[Int]])
        assert(ours.encode(input).toSeq == expected.toSeq, input)
        assert(ours.decode(expected) == input)
      }
    }

  for ((name, kind, pattern) <- kinds)
    test(s"$name: the ids of jtokkit on this project's sources and 2,000 random texts") {
      val ours = tokenizer(name, pattern)
      val theirs = Encodings.newDefaultEncodingRegistry().getEncoding(kind)
      def ids(list: IntArrayList): Seq[Int] = list.toArray.toSeq
      val sources = Using.resource(
        Files.walk(Path.of(System.getProperty("moraine.root", ".."), "pipeline/src"))
      ) {
        _.filter(f => f.toString.matches(".*\\.(java|scala)"))
          .iterator()
          .asScala
          .map(Files.readString(_))
          .toSeq
      }
      val random = new Random(3)
      val alphabets = Seq(
        "abc XY'sdl 019\n\t.,/(",
        "\u00e9\u0301\u4e2d\u3042\ud83d\ude00 a1\u0009\u00a0\u2028",
        "  \n\r\n a"
      )
      val texts = Seq.fill(2000) {
        val points = alphabets(random.nextInt(alphabets.size)).codePoints().toArray
        val chosen = Array.fill(random.nextInt(60))(points(random.nextInt(points.length)))
        new String(chosen, 0, chosen.length)
      }
      for (text <- sources ++ texts)
        assert(ours.encode(text).toSeq == ids(theirs.encodeOrdinary(text)), text.take(200))
    }
}
