package io.moraine.jobs.report

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.json.JsonMapper
import io.moraine.jobs.config.{DedupSettings, SettingsFile}
import io.moraine.jobs.figures.Example
import io.moraine.jobs.prepare.{DatasetPaths, DedupJob}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.awt.Color
import java.nio.charset.StandardCharsets.ISO_8859_1
import java.nio.file.{Files, Path}
import java.util.{List => JList, Map => JMap, Optional}
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

  private def headings(page: String): Seq[String] =
    "<h3>([^<]*)".r.findAllMatchIn(page).map(_.group(1).replace("&#39;", "'")).toSeq

  test("docs/guides/report.md has a row for each picture and table, and no other row") {
    // With bad steps, which runs that went well have not.
    val runs = Seq(Example.otherRun(spark), Example.longRun(spark, "long", 60, 96))
    val all = HtmlReport.of(
      spark,
      Optional.of(Example.data(spark).toString),
      runs.map(_.toString).asJava
    )
    val root = Path.of(System.getProperty("moraine.root", ".."))
    val guide = Files.readAllLines(root.resolve("docs/guides/report.md")).asScala.toSeq
    val table = guide.dropWhile(!_.startsWith("| picture ")).drop(2).takeWhile(_.startsWith("| "))
    val rows = table.map(_.split('|')(1).trim)
    def isOf(row: String, heading: String) = heading == row || heading.startsWith(s"$row, ")
    for (heading <- headings(all))
      assert(rows.count(isOf(_, heading)) == 1, s"rows of the guide for: $heading")
    for (row <- rows) assert(headings(all).exists(isOf(row, _)), s"no heading of the report: $row")
  }

  test("of many removed documents it is said how many of how many stand there") {
    assert(headings(page).contains("All removed documents"))
    val folder = Scratch.folder()
    val documents = Scratch.corpus(10)
    val copies = (1 to 305).map(i => f"copy-$i%03d" -> documents.head._2)
    Scratch.writeJsonLines(folder.resolve("corpus.jsonl"), documents ++ copies)
    val unique = folder.resolve("unique").toString
    val settings = DedupSettings.of(SettingsFile.read("dedup.conf", Optional.empty(), JMap.of()))
    new DedupJob(spark, settings, Scratch.silent)
      .run(new DatasetPaths(JList.of(folder.resolve("corpus.jsonl").toString), unique), 3)
    val many = HtmlReport.of(spark, Optional.of(unique), JList.of())
    val removed = spark.read.parquet(s"$unique/removed").count()
    assert(removed > 300 && headings(many).last == s"300 of $removed removed documents")
    assert(many.split("<h3>300 of").last.split("<tr>").length - 2 == 300)
  }

  private def charts(page: String): Seq[JsonNode] = {
    val begin = page.indexOf("id=\"charts\">") + "id=\"charts\">".length
    new JsonMapper().readTree(page.substring(begin, page.indexOf("</script>", begin))).asScala.toSeq
  }

  test("pictures of experts have the same scale for all runs, and it begins at no expert's load") {
    def ends(kind: String) =
      charts(page).filter(_.get("kind").asText == kind).map(_.get("most").asDouble)
    assert(ends("HEAT").size == 2 && ends("AROUND_ONE").size == 2)
    assert(ends("HEAT").distinct.size == 1 && ends("HEAT").head >= 1)
    assert(ends("AROUND_ONE").distinct.size == 1 && ends("AROUND_ONE").head >= 2)
  }

  test("no table is empty, of a run without held-out losses neither") {
    val run = Files.createTempDirectory("moraine-report").resolve("run")
    Files.createDirectories(run)
    for (file <- Seq("settings.json", "data.json"))
      Files.copy(Example.run(spark).resolve(file), run.resolve(file))
    spark
      .range(1, 5)
      .selectExpr("id as step", "double(id) as loss", "8L as tokens", "id * 8 as tokens_seen")
      .write
      .parquet(run.resolve("metrics").toString)
    val short = HtmlReport.of(spark, Optional.empty(), Seq(run.toString).asJava)
    assert(short.contains("Loss by operations"))
    for (one <- Seq(page, short)) assert(!one.contains("<tbody>\n</tbody>"))
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

  private def written(name: String, html: String) =
    Files.writeString(file.resolveSibling(name), html).toUri.toString

  test("in chromium, if it is on the path: no two stages of a chart have one colour") {
    needChromium()
    val stages = Seq("kept") ++ (1 to 12).map(i => s"stage $i")
    val rows = stages.map(stage => Seq[Object]("all", stage, Long.box(1)).asJava)
    val table = new Table(Seq("label", "by", "value").asJava, rows.asJava)
    val made = new ReportPage("colours", "")
    made.section("Colours", "")
    made.figure("Stages", "", Chart.bars(table, "documents"), table)
    val (dom, _) = chromium("--dump-dom", written("colours.html", made.rendered))
    val fills =
      "class=\"mark\"[^>]* style=\"fill: ([^\"]*)".r.findAllMatchIn(dom).map(_.group(1)).toSeq
    assert(fills.size == 13 && fills.distinct.size == 13, fills)
  }

  test("in chromium, if it is on the path: an even load is grey, none has no cell") {
    needChromium()
    val rows = Seq[(Any, Any)](0L -> 1.0, 1L -> null, 2L -> 0.0, 3L -> 2.0).map { case (x, value) =>
      java.util.Arrays
        .asList[Object](x.asInstanceOf[Object], Long.box(0), value.asInstanceOf[Object])
    }
    val table = new Table(Seq("expert", "layer", "load").asJava, rows.asJava)
    val made = new ReportPage("load", "")
    made.section("Load", "")
    made.figure("Load", "", Chart.aroundOne(table, "expert", "MoE layer", 2), table)
    val (dom, _) = chromium("--dump-dom", written("load.html", made.rendered))
    val fills =
      "class=\"mark\"[^>]* style=\"fill: ([^\"]*)".r.findAllMatchIn(dom).map(_.group(1)).toSeq
    assert(fills == Seq("rgb(201, 201, 201);", "rgb(84, 39, 136);", "rgb(230, 97, 1);"))
    assert(dom.contains("0 to 2, grey 1"))
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

  test("in chromium, if it is on the path with pdftotext: printed tables keep their last column") {
    needChromium()
    if (Seq("sh", "-c", "command -v pdftotext").!(ProcessLogger(_ => ())) != 0)
      cancel("there is no pdftotext on the path; it is in Debian's package poppler-utils")
    val pdf = file.resolveSibling("columns.pdf")
    chromium(s"--print-to-pdf=$pdf", file.toUri.toString)
    val text = Seq("pdftotext", "-bbox", pdf.toString, "-").!!
    // A page's width, then its words with their places.
    val pages = text.split("<page ").toSeq.tail
    val page = pages.find(_.contains(">parameters</word>")).get
    val width = "width=\"([0-9.]+)\"".r.findFirstMatchIn(page).get.group(1).toDouble
    def rightEnds(word: String) =
      s"""xMax="([0-9.]+)" yMax="[0-9.]+">$word</word>""".r
        .findAllMatchIn(page)
        .map(_.group(1).toDouble)
        .toSeq
    for (word <- Seq("parameters", "bad", "steps"))
      assert(rightEnds(word).nonEmpty && rightEnds(word).forall(_ < width), s"$word: $page")
  }
}
