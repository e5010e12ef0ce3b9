package io.moraine.pipeline.document

import java.io.{ByteArrayInputStream, ByteArrayOutputStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.zip.GZIPOutputStream
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class DocumentReaderSuite extends AnyFunSuite {

  private val limit = 1 << 16
  private val reader = new DocumentReader(new ReadConfig("text", "id", "source", limit))

  private def read(bytes: Array[Byte], name: String): Seq[Part] =
    reader.read(new ByteArrayInputStream(bytes), name).asScala.toSeq

  private def texts(parts: Seq[Part]): Seq[String] =
    parts.collect { case d: Document => d.text }

  private def errors(parts: Seq[Part]): Seq[(Long, String)] =
    parts.collect { case u: Unreadable => (u.offsetBytes, u.error) }

  private def gzip(bytes: Array[Byte]): Array[Byte] = {
    val out = new ByteArrayOutputStream
    val gzip = new GZIPOutputStream(out)
    gzip.write(bytes)
    gzip.close()
    out.toByteArray
  }

  test("lines of JSON give documents with their own ids and sources, or ones of file and offset") {
    val lines =
      """{"id":"a","text":"one","source":"s"}""" + "\r\n\n" + """{"id":7,"text":"two"}""" +
        "\n" + """{"text":"three"}"""
    val parts = read(lines.getBytes(UTF_8), "books/x.jsonl").map(_.asInstanceOf[Document])
    assert(
      parts.map(d => (d.id, d.source, d.text)) == Seq(
        ("a", "s", "one"),
        ("7", "books", "two"),
        (DocumentReader.idOf("books/x.jsonl", 61), "books", "three")
      )
    )
    assert(parts.map(_.offsetBytes) == Seq(0, 39, 61))
  }

  test("bad lines go to quarantine with their offset, good ones around them are kept") {
    val good = """{"text":"good"}"""
    val bad = Seq(
      "not json",
      """{"text":5}""",
      """{"title":"x"}""",
      "[1]",
      "{\"text\":\"" + "\\" + "ud800\"}",
      """{"text":"a"} trailing"""
    )
    val lines = good +: bad.flatMap(line => Seq(line, good))
    val parts = read(lines.mkString("\n").getBytes(UTF_8), "x.jsonl")
    assert(texts(parts).size == 7)
    val found = errors(parts)
    assert(found.map(_._1) == bad.indices.map(i => lines.take(2 * i + 1).map(_.length + 1L).sum))
    assert(found(0)._2.startsWith("not JSON: "))
    assert(found(1)._2 == "field \"text\" must be a text, found no text")
    assert(found(2)._2 == "field \"text\" must be a text, found no such field")
    assert(found(3)._2 == "field \"text\" must be a text, found no object")
    assert(found(4)._2 == "text has a surrogate without its partner")
  }

  test("invalid UTF-8 in one line leaves the others alone") {
    val bytes = """{"text":"a"}""".getBytes(UTF_8) ++ Array[Byte]('\n', '{', -1, '}', '\n') ++
      """{"text":"b"}""".getBytes(UTF_8)
    val parts = read(bytes, "x.jsonl")
    assert(texts(parts) == Seq("a", "b"))
    assert(errors(parts) == Seq((13L, "invalid UTF-8")))
  }

  test("a line of 50 MB is read over, with its length in the message") {
    val bytes =
      ("""{"text":"a"}""" + "\n" + "x" * 50_000_000 + "\n" + """{"text":"b"}""").getBytes(UTF_8)
    val parts = read(bytes, "x.jsonl")
    assert(texts(parts) == Seq("a", "b"))
    assert(errors(parts) == Seq((13L, s"50000000 bytes, more than max-document-bytes = $limit")))
    assert(parts.collect { case u: Unreadable => u.raw.length } == Seq(1024))
  }

  test("a gzip stream that is cut off keeps the documents before the break") {
    val lines =
      (1 to 20000).map(i => s"""{"text":"document $i ${i * 7919L % 104729}"}""").mkString("\n")
    val whole = gzip(lines.getBytes(UTF_8))
    val parts = read(whole.take(whole.length / 2), "x.jsonl.gz")
    assert(texts(parts).size > 5000 && texts(parts).size < 15000)
    assert(errors(parts).size == 1)
    assert(errors(parts).head._2.startsWith("gzip stream is damaged or cut off: "))
    assert(errors(parts).head._1 > 100000)
    assert(texts(read(whole, "x.jsonl.gz")).size == 20000)
  }

  test("empty files, empty gzip, files that are no gzip: one row in quarantine each") {
    for (name <- Seq("x.jsonl", "x.txt", "x.jsonl.gz", "x.txt.gz"))
      assert(errors(read(Array(), name)) == Seq((0L, "empty file")))
    assert(errors(read(Array[Byte](1, 2, 3), "x.txt.gz")).head._2.startsWith("gzip stream"))
  }

  test("a text file is one document; its source is its first folder, else its name") {
    val Seq(a: Document) = read("class A {}".getBytes(UTF_8), "guava/33/A.java"): @unchecked
    assert(
      (a.source, a.text, a.id) == ((
        "guava",
        "class A {}",
        DocumentReader.idOf("guava/33/A.java", 0)
      ))
    )
    val Seq(b: Document) = read(gzip("text".getBytes(UTF_8)), "notes.txt.gz"): @unchecked
    assert((b.source, b.text) == (("notes", "text")))
  }

  test("binary, too large and malformed text files go to quarantine") {
    assert(errors(read(Array[Byte]('a', 0, 'b'), "x.bin")) == Seq((0L, "binary: contains NUL")))
    assert(errors(read(Array[Byte](-1, -2), "x.txt")) == Seq((0L, "invalid UTF-8")))
    assert(
      errors(read(Array.fill(limit + 5)('a'.toByte), "x.txt")) ==
        Seq((0L, s"${limit + 5} bytes, more than max-document-bytes = $limit"))
    )
  }

  test("a byte order mark is no part of the text") {
    val mark = Array[Byte](0xef.toByte, 0xbb.toByte, 0xbf.toByte)
    assert(texts(read(mark ++ "a".getBytes(UTF_8), "x.txt")) == Seq("a"))
    assert(texts(read(mark ++ """{"text":"a"}""".getBytes(UTF_8), "x.jsonl")) == Seq("a"))
  }
}
