package io.moraine.pipeline.document

import com.github.luben.zstd.Zstd
import java.io.{ByteArrayInputStream, ByteArrayOutputStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.zip.GZIPOutputStream
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class DocumentReaderSuite extends AnyFunSuite {

  private val limit = 1 << 16
  private val reader = new DocumentReader(new ReadConfig("text", "id", "source", "url", limit))

  private def read(bytes: Array[Byte], name: String): Seq[Part] =
    reader.read(new ByteArrayInputStream(bytes), name).asScala.toSeq

  private def texts(parts: Seq[Part]): Seq[String] =
    parts.collect { case d: Document => d.text }

  private def errors(parts: Seq[Part]): Seq[(Long, String)] =
    parts.collect { case u: Unreadable => (u.offsetBytes, u.error) }

  private def blank(file: String, lines: Long): Seq[Part] =
    Seq(new PassedOver(file, PassedOver.Reason.BLANK_LINE, lines))

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
    val all = read(lines.getBytes(UTF_8), "books/x.jsonl")
    assert(all.drop(3) == blank("books/x.jsonl", 1))
    val parts = all.take(3).map(_.asInstanceOf[Document])
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
      """{"text":"a"} trailing""",
      """{"text":"a","text":"b"}"""
    )
    val lines = good +: bad.flatMap(line => Seq(line, good))
    val parts = read(lines.mkString("\n").getBytes(UTF_8), "x.jsonl")
    assert(texts(parts).size == 8)
    val found = errors(parts)
    assert(found.map(_._1) == bad.indices.map(i => lines.take(2 * i + 1).map(_.length + 1L).sum))
    assert(found(0)._2.startsWith("not JSON: "))
    assert(found(1)._2 == "field \"text\" must be a text, found no text")
    assert(found(2)._2 == "field \"text\" must be a text, found no such field")
    assert(found(3)._2 == "field \"text\" must be a text, found no object")
    assert(found(6)._2 == "not JSON: Duplicate field 'text'")
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

  test("blank lines are passed over, how many there are is told last; also where a file breaks") {
    val good = "{\"text\":\"a\"}"
    val lines = s"\n$good\n \t\r\n\r\n$good\n\u2003\nbad\n\n".getBytes(UTF_8)
    val files = Seq("x.jsonl" -> lines, "x.json.gz" -> gzip(lines)) :+
      ("x.ndjson.zst" -> Zstd.compress(lines))
    for ((name, bytes) <- files) {
      val parts = read(bytes, name)
      assert(texts(parts) == Seq("a", "a") && errors(parts).size == 1)
      assert(parts.drop(3) == blank(name, 5))
    }
    assert(read("\n\n".getBytes(UTF_8), "x.jsonl") == blank("x.jsonl", 2))
    assert(read(s"$good\n".getBytes(UTF_8), "x.jsonl").size == 1)
    val broken = read(gzip(lines).dropRight(4), "x.json.gz")
    assert(errors(broken).size == 2 && broken.drop(4) == blank("x.json.gz", 5))
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

  test("gzip members are read one after the other, whatever the stream says is available") {
    val members = (1 to 3).map(i => gzip(s"""{"text":"$i"}\n""".getBytes(UTF_8))).reduce(_ ++ _)
    val in = new ByteArrayInputStream(members ++ new Array[Byte](100)) {
      override def available(): Int = 0
      override def read(bytes: Array[Byte], offset: Int, length: Int): Int =
        super.read(bytes, offset, length.min(7))
    }
    assert(texts(reader.read(in, "x.jsonl.gz").asScala.toSeq) == Seq("1", "2", "3"))
    val wrong = members.updated(members.length - 8, 1.toByte)
    assert(texts(read(wrong, "x.jsonl.gz")) == Seq("1", "2", "3"))
    assert(
      errors(read(wrong, "x.jsonl.gz")).map(_._2) ==
        Seq("gzip stream is damaged or cut off: wrong checksum")
    )
  }

  test(
    "zstd: lines and texts, several frames; one that is cut off keeps what is before the break"
  ) {
    val lines =
      (1 to 20000).map(i => s"""{"text":"document $i ${i * 7919L % 104729}"}""").mkString("\n")
    val whole = Zstd.compress(lines.getBytes(UTF_8))
    assert(texts(read(whole, "x.jsonl.zst")).size == 20000)
    assert(texts(read(Zstd.compress("text".getBytes(UTF_8)), "a.txt.ZST")) == Seq("text"))
    val frames =
      Seq("{\"text\":\"a\"}\n", "{\"text\":\"b\"}").map(s => Zstd.compress(s.getBytes(UTF_8)))
    assert(texts(read(frames.reduce(_ ++ _), "x.json.zst")) == Seq("a", "b"))
    val parts = read(whole.take(whole.length * 3 / 4), "x.jsonl.zst")
    assert(texts(parts).size > 2000 && texts(parts).size < 19000)
    assert(errors(parts).map(_._2.takeWhile(_ != ':')) == Seq("zstd stream is damaged or cut off"))
    assert(errors(parts).head._1 > 50000)
    assert(errors(read(Array(), "x.jsonl.zst")) == Seq((0L, "empty file")))
    assert(errors(read(Array[Byte](1, 2, 3, 4, 5), "x.txt.zst")).head._2.startsWith("zstd stream"))
  }

  test("url and all other fields of a line are carried") {
    def only(line: String): Document =
      read(line.getBytes(UTF_8), "x.jsonl").head.asInstanceOf[Document]
    val full = only(
      """{"b":1.50,"id":1,"text":"t","url":"http://a/","n":12345678901234567890,"a":{"x":null},"source":"s"}"""
    )
    assert(full.url == "http://a/")
    assert(full.metadata == """{"b":1.50,"n":12345678901234567890,"a":{"x":null}}""")
    val bare = only("""{"text":"t"}""")
    assert((bare.url, bare.metadata) == (("", "")))
    val odd = only("""{"text":"t","id":[1],"url":null,"k":"X"}""".replace("X", "\\" + "ud800ä"))
    assert(odd.url == "" && odd.id == DocumentReader.idOf("x.jsonl", 0))
    assert(odd.metadata == """{"id":[1],"url":null,"k":"XuD800Xu00E4"}""".replace('X', '\\'))
    val byUrl = new DocumentReader(new ReadConfig("body", "link", "site", "link", limit))
    val line = """{"body":"t","link":"u","site":"w","text":"x"}"""
    val Seq(d: Document) =
      byUrl.read(new ByteArrayInputStream(line.getBytes(UTF_8)), "x.json").asScala.toSeq: @unchecked
    assert((d.id, d.url, d.source, d.metadata) == (("u", "u", "w", """{"text":"x"}""")))
  }

  test("ranges of any size give the parts of the whole file, each once") {
    val lines = "\ufeff" + Seq(
      """{"text":"ä€😀"}""",
      "",
      """{"id":"x","text":"a longer line than some of the ranges, with 日本語"}""",
      "no json",
      """{"text":"c"}"""
    ).mkString("\r\n") + "\n\n" + """{"text":"the last, unended"}"""
    def split(parts: Seq[Part]): (Seq[Part], Long) = {
      val (passedOver, others) = parts.partition(_.isInstanceOf[PassedOver])
      (others, passedOver.collect { case p: PassedOver => p.count }.sum)
    }
    for ((end, blanks) <- Seq("" -> 2, "\n" -> 2, "\r\n" -> 2, "\n\n\r\n" -> 4)) {
      val bytes = (lines + end).getBytes(UTF_8)
      val whole = read(bytes, "x.jsonl")
      assert(whole.size == 6 && errors(whole).size == 1)
      assert(whole.drop(5) == blank("x.jsonl", blanks))
      for (size <- 1 to bytes.length + 1) {
        val ranges = (0 until bytes.length by size).flatMap { from =>
          val in = new ByteArrayInputStream(bytes)
          in.skip((from - 1).max(0).toLong)
          reader.readRange(in, "x.jsonl", from.toLong, (from + size).toLong).asScala
        }
        assert(split(ranges) == split(whole), s"ranges of $size bytes")
      }
    }
    assert(DocumentReader.isSplittable("a/X.JSONL"))
    for (name <- Seq("x.jsonl.gz", "x.json.zst", "x.txt", "x.warc"))
      assert(!DocumentReader.isSplittable(name))
  }
}
