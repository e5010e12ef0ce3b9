package io.moraine.pipeline.document

import com.github.luben.zstd.Zstd
import io.moraine.pipeline.hash.Murmur3
import java.io.{ByteArrayInputStream, ByteArrayOutputStream}
import java.net.URI
import java.nio.channels.Channels
import java.nio.charset.Charset
import java.nio.charset.StandardCharsets.UTF_8
import java.time.Instant
import java.util.UUID
import java.util.zip.GZIPOutputStream
import org.netpreserve.jwarc._
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class WarcRecordsSuite extends AnyFunSuite {

  private val limit = 20000
  private val reader = new DocumentReader(new ReadConfig("text", "id", "source", "url", limit))
  private val date = Instant.parse("2024-02-03T04:05:06Z")

  private def read(bytes: Array[Byte], name: String): Seq[Part] =
    reader.read(new ByteArrayInputStream(bytes), name).asScala.toSeq

  private def texts(parts: Seq[Part]): Seq[String] = parts.collect { case d: Document => d.text }

  private def errors(parts: Seq[Part]): Seq[(Long, String)] =
    parts.collect { case u: Unreadable => (u.offsetBytes, u.error) }

  private def passedOver(parts: Seq[Part]): Map[String, Long] =
    parts.collect { case p: PassedOver => p.reason.label -> p.count }.toMap

  private def id(n: Int) = new UUID(0, n.toLong)

  private def answer(
      n: Int,
      body: Array[Byte],
      contentType: String = "text/html; charset=utf-8",
      status: Int = 200,
      encoding: Option[String] = None
  ): WarcRecord = {
    val http = new HttpResponse.Builder(status, "OK").addHeader("Content-Type", contentType)
    encoding.foreach(http.addHeader("Content-Encoding", _))
    new WarcResponse.Builder(s"https://WWW.Example-$n.org:8443/page?q=$n")
      .recordId(id(n))
      .date(date)
      .body(MediaType.HTTP_RESPONSE, http.build().serializeHeader() ++ body)
      .build()
  }

  private def page(n: Int, words: String): WarcRecord =
    answer(n, s"<title>Page $n</title><p>$words</p>".getBytes(UTF_8))

  private def conversion(n: Int, text: String): WarcRecord =
    new WarcConversion.Builder()
      .recordId(id(n))
      .date(date)
      .setHeader("WARC-Target-URI", s"http://user@wet_$n.example/")
      .setHeader("WARC-Identified-Content-Language", "deu")
      .body(MediaType.PLAIN_TEXT, text.getBytes(UTF_8))
      .build()

  private def written(record: WarcRecord, compression: WarcCompression): Array[Byte] = {
    val out = new ByteArrayOutputStream
    new WarcWriter(Channels.newChannel(out), compression).write(record)
    out.toByteArray
  }

  private def plain(record: WarcRecord): Array[Byte] = written(record, WarcCompression.NONE)
  private def zipped(record: WarcRecord): Array[Byte] = written(record, WarcCompression.GZIP)

  private def gzip(bytes: Array[Byte]): Array[Byte] = {
    val out = new ByteArrayOutputStream
    val gzip = new GZIPOutputStream(out)
    gzip.write(bytes)
    gzip.close()
    out.toByteArray
  }

  private def others: Seq[WarcRecord] = Seq(
    new Warcinfo.Builder()
      .recordId(id(90))
      .date(date)
      .fields(java.util.Map.of("a", java.util.List.of("b")))
      .build(),
    new WarcRequest.Builder(URI.create("http://a/"))
      .recordId(id(91))
      .date(date)
      .body(new HttpRequest.Builder("GET", "/").build())
      .build(),
    new WarcMetadata.Builder().recordId(id(92)).date(date).fields(java.util.Map.of()).build(),
    answer(93, "<p>not found</p>".getBytes(UTF_8), status = 404),
    answer(94, Array.fill(limit + 1)(7.toByte), contentType = "image/png")
  )

  test("pages and conversions are documents, other records are counted; any compression") {
    val records = others.take(2) ++ Seq(page(1, "one"), conversion(2, "zwei\nZeilen\n")) ++
      others.drop(2) :+ page(3, "three")
    val bytes = records.map(plain)
    val parts = read(bytes.reduce(_ ++ _), "crawl/x.warc")
    assert(errors(parts).isEmpty)
    val passed = passedOver(parts)
    val reasons = Seq("info", "request", "metadata", "not-200", "not-html")
    assert(passed == reasons.map(reason => s"warc-$reason" -> 1L).toMap)
    val documents = parts.take(3).map(_.asInstanceOf[Document])
    assert(parts.drop(3).forall(_.isInstanceOf[PassedOver]))
    assert(documents.map(_.text) == Seq("Page 1\none", "zwei\nZeilen\n", "Page 3\nthree"))
    assert(
      documents.map(_.source) == Seq("www.example-1.org", "wet_2.example", "www.example-3.org")
    )
    assert(documents.head.url == "https://WWW.Example-1.org:8443/page?q=1")
    assert(documents.head.id == Murmur3.hash128(s"<urn:uuid:${id(1)}>").hex)
    assert(documents.head.metadata == """{"WARC-Date":"2024-02-03T04:05:06Z"}""")
    assert(documents(1).metadata.endsWith(""","WARC-Identified-Content-Language":"deu"}"""))
    assert(documents.head.offsetBytes == bytes.take(2).map(_.length).sum)
    def renamed(name: String) = parts.map {
      case d: Document =>
        new Document(d.id, d.source, name, d.offsetBytes, d.text, d.url, d.metadata)
      case p: PassedOver => new PassedOver(name, p.reason, p.count)
      case other         => other
    }
    for (name <- Seq("x.warc.gz", "y.WARC.WET.gz"))
      assert(read(bytes.map(gzip).reduce(_ ++ _), name) == renamed(name))
    val zst = bytes.map(Zstd.compress(_)).reduce(_ ++ _)
    assert(read(zst, "x.wet.zst") == renamed("x.wet.zst"))
    assert(errors(read(Array(), "x.warc.gz")) == Seq((0L, "empty file")))
    assert(passedOver(read(plain(others.head), "x.warc")) == Map("warc-info" -> 1L))
  }

  private def record(kind: String, contentType: String, body: String): Array[Byte] =
    (s"WARC/1.0\r\nWARC-Type: $kind\r\nWARC-Record-ID: <urn:uuid:${id(5)}>\r\n" +
      "WARC-Date: 2024-02-03T04:05:06Z\r\nWARC-Target-URI: http://a/\r\n" +
      s"Content-Type: $contentType\r\nContent-Length: ${body.length}\r\n\r\n$body\r\n\r\n")
      .getBytes(UTF_8)

  test("every record that is no page is counted once by its reason, a damaged one is not") {
    val http = "application/http; msgtype=response"
    val moved = "HTTP/1.1 301 Moved\r\nContent-Type: text/html\r\n\r\n"
    val page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>page"
    val untyped = "HTTP/1.1 200 OK\r\n\r\n<p>page"
    val records = Seq(
      "warc-info" -> record("warcinfo", "application/warc-fields", "a: b"),
      "warc-request" -> record("request", "application/http; msgtype=request", "GET /"),
      "warc-metadata" -> record("metadata", "application/warc-fields", ""),
      "warc-revisit" -> record("revisit", http, page.takeWhile(_ != '<')),
      "warc-resource" -> record("resource", "text/html", "<p>page"),
      "warc-other-type" -> record("continuation", "text/html", "e</p>"),
      "warc-other-type" -> record("screenshot", "image/png", "x"),
      "warc-not-http" -> record("response", "text/dns", "a. 60 IN A 127.0.0.1"),
      "warc-not-200" -> record("response", http, moved),
      "warc-not-200" -> record("response", http, moved.replace("301 Moved", "404 Not Found")),
      "warc-not-html" -> record("response", http, page.replace("text/html", "application/pdf")),
      "warc-not-html" -> record("response", http, untyped),
      "warc-not-text" -> record("conversion", "text/html", "<p>page"),
      "" -> record("response", http, page),
      "" -> record("conversion", "text/plain", "page")
    )
    val expected =
      records.map(_._1).filter(_.nonEmpty).groupBy(identity).map { case (reason, all) =>
        reason -> all.size.toLong * 3
      }
    val bytes = Seq.fill(3)(records.map(_._2)).flatten
    for (name <- Seq("x.warc", "x.warc.gz")) {
      val parts = read(bytes.map(if (name == "x.warc") identity else gzip).reduce(_ ++ _), name)
      assert(texts(parts) == Seq.fill(6)("page") && errors(parts).isEmpty)
      assert(passedOver(parts) == expected && parts.size == 6 + expected.size, name)
    }
    assert(
      expected.keySet == PassedOver.Reason.values.map(_.label).filter(_.startsWith("warc")).toSet
    )
    val request = records(1)._2
    val long = new String(request, UTF_8).replace("GET /", "GET /longer").getBytes(UTF_8)
    for (damaged <- Seq(request.dropRight(6), long)) {
      val parts = read(request ++ damaged, "x.warc")
      assert(errors(parts).size == 1 && passedOver(parts) == Map("warc-request" -> 1L))
    }
  }

  test("pages in the encodings of their header, of their meta element and of HTTP's compression") {
    val umlauts =
      "<meta charset=windows-1252><p>Käse – gut</p>".getBytes(Charset.forName("windows-1252"))
    val records = Seq(
      answer(1, "<p>Ğ</p>".getBytes("ISO-8859-9"), contentType = "Text/HTML; charset=ISO-8859-9"),
      answer(2, umlauts, contentType = "text/html"),
      answer(3, umlauts, contentType = "text/html; charset=nonsense!"),
      answer(4, "<p>ü</p>".getBytes(UTF_8), contentType = "application/xhtml+xml"),
      answer(5, gzip("<p>packed</p>".getBytes(UTF_8)), encoding = Some("gzip"))
    )
    val parts = read(records.map(plain).reduce(_ ++ _), "x.warc")
    assert(texts(parts) == Seq("Ğ", "Käse – gut", "Käse – gut", "ü", "packed"))
  }

  test(
    "records that are too large, not decodable or not UTF-8 go to quarantine, the next ones not"
  ) {
    val latin = new WarcConversion.Builder()
      .recordId(id(7))
      .date(date)
      .body(MediaType.PLAIN_TEXT, Array[Byte]('a', -28))
      .build()
    val records = Seq(
      page(1, "x " * limit),
      conversion(2, "y" * (limit + 1)),
      answer(3, gzip(new Array[Byte](10_000_000)), encoding = Some("gzip")),
      answer(4, "no gzip at all".getBytes(UTF_8), encoding = Some("gzip")),
      latin,
      page(6, "good")
    ).map(plain)
    val parts = read(records.reduce(_ ++ _), "x.warc")
    assert(texts(parts) == Seq("Page 6\ngood"))
    val found = errors(parts)
    assert(found.map(_._1) == (0 to 4).map(i => records.take(i).map(_.length.toLong).sum))
    assert(found(0)._2.matches(s"\\d+ bytes, more than max-document-bytes = $limit"))
    assert(found(1)._2 == s"${limit + 1} bytes, more than max-document-bytes = $limit")
    assert(found(2)._2 == s"decoded, more than max-document-bytes = $limit")
    assert(found(3)._2.startsWith("payload cannot be read: "))
    assert(found(4)._2 == "invalid UTF-8")
    assert(parts.collect { case u: Unreadable => u.raw }.forall(_.startsWith("WARC/1.")))
  }

  test("a record that is cut off, and a file that ends behind a record's last byte") {
    val two = plain(page(1, "one")) ++ plain(page(2, "two"))
    for (missing <- 0 to 4)
      assert(texts(read(two.dropRight(missing), "x.warc")) == Seq("Page 1\none", "Page 2\ntwo"))
    val start = plain(page(1, "one")).length.toLong
    for (missing <- 5 until (two.length - start.toInt)) {
      val parts = read(two.dropRight(missing), "x.warc")
      assert(texts(parts) == Seq("Page 1\none"))
      assert(errors(parts).map(_._1) == Seq(start), s"$missing bytes missing")
    }
    val cut = errors(read(two.dropRight(10), "x.warc")).head._2
    assert(cut == "record is cut off: Expected to read 6 more bytes")
  }

  test("a truncated gzip file, a damaged member: its record is lost, the others are not") {
    val members = (1 to 6).map(i => zipped(page(i, s"words of page $i " * 50)))
    val starts =
      (1 to 6).scanLeft(0L)((at, i) => at + plain(page(i, s"words of page $i " * 50)).length)
    val bytes = members.reduce(_ ++ _)
    val cut = read(bytes.dropRight(20), "x.warc.gz")
    assert(texts(cut).size == 5)
    assert(errors(cut).map(_._1) == Seq(starts(5)))
    assert(errors(cut).head._2.startsWith("gzip stream is damaged or cut off: "))
    for (inside <- Seq(0, 40, members(2).length / 2, members(2).length - 7)) {
      val at = members.take(2).map(_.length).sum + inside
      val parts = read(bytes.updated(at, (bytes(at) ^ 0x55).toByte), "x.warc.gz")
      assert(errors(parts).map(_._1) == Seq(starts(2)), s"byte $inside damaged")
      assert(texts(parts).map(_.take(6)) == Seq("Page 1", "Page 2", "Page 4", "Page 5", "Page 6"))
    }
    val records = (1 to 6).map(i => plain(page(i, s"words of page $i " * 50))).reduce(_ ++ _)
    assert(texts(read(gzip(records), "x.warc.gz")).size == 6)
  }

  test("behind bytes that are no record reading goes on with the next one") {
    val Seq(one, two, three) = (1 to 3).map(i => plain(page(i, "x"))): @unchecked
    val junk = "junk, WARC/1.0 within a line\r\n".getBytes(UTF_8)
    val parts = read(one ++ junk ++ two, "x.warc")
    assert(texts(parts).size == 2)
    assert(errors(parts) == Seq((one.length.toLong, "not a WARC record")))
    for (
      (from, to) <- Seq(
        "Length: " -> "Length: x",
        "Length: " -> "Length: -",
        "Length: " -> "Length "
      )
    ) {
      val broken = new String(two, UTF_8).replaceFirst(from, to).getBytes(UTF_8)
      val around = read(one ++ broken ++ three, "x.warc")
      assert(texts(around) == Seq("Page 1\nx", "Page 3\nx"))
      assert(errors(around).map(_._1) == Seq(one.length.toLong))
    }
    val short = new String(two, UTF_8).replaceFirst("Length: \\d+", "Length: 70").getBytes(UTF_8)
    val around = read(one ++ short ++ three, "x.warc")
    assert(texts(around) == Seq("Page 1\nx", "Page 3\nx"))
    assert(
      errors(around) ==
        Seq((one.length.toLong, "the record does not end where its Content-Length says"))
    )
  }

  test("the text of a page: title, blocks as lines, no navigation, forms or scripts") {
    val html =
      """<html><head><title> The
        | title </title><style>p {}</style></head><body>
        |<header><h1>Site</h1></header><nav><a href=x>Home</a></nav>
        |<article><h1>Head<br>line</h1><p>Some <b>bold</b>&nbsp; and
        |  <i>ital</i>ic text &amp; more.</p><ul><li>one<li>two</ul>
        |<table><tr><th>a<td>b</tr><tr><td>c<td>d</table>
        |<pre>  if x:
        |    y</pre>after<script>var a = "<p>no</p>";</script></article>
        |<aside>Ads</aside><form>Name <input></form><noscript>Turn on</noscript>
        |<footer>Imprint</footer></body></html>""".stripMargin
    assert(
      HtmlText.of(html.getBytes(UTF_8), java.util.Optional.empty()) ==
        """The title
          |Head
          |line
          |Some bold and italic text & more.
          |one
          |two
          |a b
          |c d
          |  if x:
          |    y
          |after""".stripMargin
    )
    assert(HtmlText.of(Array(), java.util.Optional.empty()) == "")
    val deep = ("<div>" * 100000 + "deep").getBytes(UTF_8)
    assert(HtmlText.of(deep, java.util.Optional.empty()) == "deep")
  }
}
