package io.moraine.jobs.report

import io.moraine.jobs.SharedSparkSession
import io.moraine.jobs.figures.Example
import java.awt.Color
import java.nio.charset.StandardCharsets.ISO_8859_1
import java.nio.file.{Files, Path}
import java.util.Optional
import java.util.concurrent.TimeUnit
import javax.imageio.ImageIO
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.sys.process.{ProcessLogger, _}

class HtmlReportSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def render(): String = HtmlReport.of(
    spark,
    Optional.of(Example.data(spark).toString),
    Seq(Example.run(spark).toString, Example.otherRun(spark).toString).asJava
  )

  private lazy val page = render()

  private lazy val file: Path = {
    val root = Path.of(System.getProperty("moraine.root", ".."))
    val folder = Files.createDirectories(root.resolve("jobs/target/report-example"))
    Files.writeString(folder.resolve("report.html"), page).toRealPath()
  }

  test("the same dataset and runs give the same bytes") {
    assert(render() == page)
  }

  test("nothing is loaded, and texts of documents are texts") {
    assert(!"(?i)<(script|img|link|iframe)[^>]*\\s(src|href)=".r.findFirstIn(page).isDefined)
    assert("<script".r.findAllIn(page).size == 3)
    assert(page.contains("default-src 'none'"))
    assert(page.contains("&lt;b&gt;hostile&lt;/b&gt;") && !page.contains("<b>hostile"))
    assert(page.contains("&lt;/script&gt;&lt;script&gt;document.title"))
    assert(!page.contains("\u202e"))
    assert(page.contains("Permission to use, copy, modify"), "the library's licence")
  }

  test("every table has a caption and heads of columns; every section is in the contents") {
    def count(what: String) = page.split(what, -1).length - 1
    assert(count("<table") == count("<caption>") && count("<table") == count("<thead>"))
    assert(count("<section ") == count("<a href=\"#section-"))
    assert(count("<section ") == 5)
  }

  test("clusters stand by powers of two, items of evaluation sets by what became of them") {
    val rows = page.split("\"rows\":").toSeq.tail.map(_.takeWhile(_ != '}'))
    assert(rows.exists(_.contains("[2,\"clusters\",")))
    assert(!rows.exists(_.contains("[3,\"clusters\",")))
    assert(rows.exists(one => one.contains("\"not found\",") && one.contains("\"too short\",0]")))
  }

  private def chromium(arguments: String*): (String, String) = {
    val errors = Files.createTempFile("chromium", ".log")
    val command = Seq("chromium", "--headless", "--no-sandbox", "--disable-gpu") ++
      Seq("--enable-logging=stderr", "--virtual-time-budget=10000") ++ arguments
    val process = new java.lang.ProcessBuilder(command: _*).redirectError(errors.toFile).start()
    val out = new String(process.getInputStream.readAllBytes())
    assert(
      process.waitFor(60, TimeUnit.SECONDS) && process.exitValue == 0,
      Files.readString(errors)
    )
    (out, Files.readString(errors))
  }

  private def needChromium(): Unit =
    if (Seq("sh", "-c", "command -v chromium").!(ProcessLogger(_ => ())) != 0)
      cancel("there is no chromium on the path; it is Debian's package chromium")

  test("in chromium, if it is on the path: every chart has marks, and the console stays clean") {
    needChromium()
    val (dom, log) = chromium("--dump-dom", file.toUri.toString)
    assert(!log.contains("CONSOLE"), log.linesIterator.filter(_.contains("CONSOLE")).toSeq)
    assert(dom.contains("<title>Moraine report</title>"))
    val figures = dom.split("<figure ", -1).toSeq.tail.map(_.split("</figure>").head)
    assert(figures.size == page.split("<figure ", -1).length - 1 && figures.size > 20)
    for (figure <- figures) {
      val heading = "<h3>([^<]*)".r.findFirstMatchIn(figure).get.group(1)
      assert(figure.contains("<svg"), heading)
      assert(figure.split("class=\"mark\"", -1).length > 1, s"$heading has no marks")
      assert(!figure.contains("NaN") && !figure.contains("Infinity"), heading)
    }
  }

  test("in chromium, if it is on the path: on a phone nothing is wider than the screen") {
    needChromium()
    // In a frame as wide as a phone: a window may not be that small. The page forbids scripts but
    // its own: this copy has no such rule, and one script more.
    val measure =
      "<script>parent.postMessage([document.documentElement.scrollWidth, innerWidth], '*')</script>"
    Files.writeString(
      file.resolveSibling("measured.html"),
      page.replaceFirst("<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "") + measure
    )
    val phone = Files.writeString(
      file.resolveSibling("phone.html"),
      "<script>onmessage = event => document.title = event.data.join(' of ')</script>" +
        "<iframe width=390 height=844 style='border: 0' src=measured.html></iframe>"
    )
    val (dom, _) = chromium("--dump-dom", phone.toUri.toString)
    val Seq(needed, there) =
      "\\d+".r.findAllIn("<title>[^<]*".r.findFirstIn(dom).get).map(_.toInt).toSeq
    assert(there == 390 && needed <= there)
  }

  private def background(arguments: String*): Int = {
    val picture = file.resolveSibling("picture.png")
    val all =
      arguments ++ Seq("--window-size=800,600", s"--screenshot=$picture", file.toUri.toString)
    chromium(all: _*)
    new Color(ImageIO.read(picture.toFile).getRGB(2, 2)).getGreen
  }

  test("in chromium, if it is on the path: light by itself, dark for who prefers dark") {
    needChromium()
    assert(background() > 230)
    assert(background("--blink-settings=preferredColorScheme=0") < 50)
  }

  test("in chromium, if it is on the path: printed on some twenty pages, not on hundreds") {
    needChromium()
    val pdf = file.resolveSibling("report.pdf")
    chromium(s"--print-to-pdf=$pdf", file.toUri.toString)
    val pages = "/Type /Page\\b".r.findAllIn(Files.readString(pdf, ISO_8859_1)).size
    assert(pages > 5 && pages < 40)
  }
}
