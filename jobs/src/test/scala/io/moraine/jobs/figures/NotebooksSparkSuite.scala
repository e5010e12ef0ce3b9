package io.moraine.jobs.figures

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.json.JsonMapper
import io.moraine.jobs.SharedSparkSession
import io.moraine.jobs.train.{Processes, TrainJobSparkSuite}
import java.io.{BufferedReader, PrintWriter, StringReader, StringWriter}
import java.net.URLClassLoader
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import org.apache.spark.repl.SparkILoop
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.tools.nsc.GenericRunnerSettings
import scala.tools.nsc.interpreter.Results

/** The notes of notebooks/: what stands in their files, and every paragraph run in order. */
class NotebooksSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val root = Path.of(System.getProperty("moraine.root", ".."))
  private val folder = root.resolve("notebooks")
  private val json = new JsonMapper()

  private def note(name: String): JsonNode =
    json.readTree(Files.readString(folder.resolve(s"$name.zpln")))

  private def keys(node: JsonNode): Seq[String] = node.fieldNames.asScala.toSeq

  private def paragraphs(note: JsonNode): Seq[JsonNode] = note.get("paragraphs").asScala.toSeq

  private val names = Seq("corpus", "training", "compare")

  test("the files are what Zeppelin 0.12 writes: fields in its order, ids, no results, no user") {
    val notes = names.map(note)
    for (one <- notes) {
      assert(
        keys(one) == Seq("paragraphs", "name", "id", "defaultInterpreterGroup", "version") ++
          Seq("noteParams", "noteForms", "angularObjects", "config", "info")
      )
      assert(one.get("version").asText == "0.12.1")
      assert(one.get("defaultInterpreterGroup").asText == "spark")
      assert(one.get("id").asText.matches("2[0-9A-Z]{8}"))
      assert(keys(one.get("config")) == Seq("isZeppelinNotebookCronEnable"))
      for (paragraph <- paragraphs(one)) {
        assert(
          keys(paragraph) == Seq(
            "title",
            "text",
            "dateUpdated",
            "progress",
            "config",
            "settings"
          ) ++
            Seq("apps", "runtimeInfos", "progressUpdateIntervalMs", "jobName", "id") ++
            Seq("dateCreated", "status")
        )
        assert(paragraph.get("id").asText.matches("paragraph_\\d{13}_\\d+"))
        assert(paragraph.get("jobName") == paragraph.get("id"))
        assert(paragraph.get("status").asText == "READY")
        assert(
          paragraph
            .get("dateCreated")
            .asText
            .matches("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d.\\d{3}")
        )
        assert(keys(paragraph.get("settings")) == Seq("params", "forms"))
        assert(paragraph.get("text").asText.matches("(?s)%(md|spark|spark\\.sql)\n.+"))
      }
    }
    val ids = notes.flatMap(one => one.get("id") +: paragraphs(one).map(_.get("id")))
    assert(ids.distinct == ids)
    // As Zeppelin's serializer escapes: a note that is saved unchanged does not change.
    for (name <- names)
      assert("[<>&=']".r.findFirstIn(Files.readString(folder.resolve(s"$name.zpln"))).isEmpty)
  }

  test("the notes are what Zeppelin's server writes of them when it reads them") {
    val folders = Files.list(root.resolve("jobs/target/zeppelin"))
    val jars = folders.iterator.asScala.map(_.toUri.toURL).toSeq
    val others = Processes.classPath
      .split(java.io.File.pathSeparator)
      .filterNot(_.contains("/org/apache/zeppelin/"))
      .map(Path.of(_).toUri.toURL)
    val loader = new URLClassLoader((jars ++ others).toArray, ClassLoader.getPlatformClassLoader)
    val thread = Thread.currentThread
    val before = thread.getContextClassLoader
    thread.setContextClassLoader(loader)
    try {
      val noteClass = loader.loadClass("org.apache.zeppelin.notebook.Note")
      val text = classOf[String]
      for (name <- names) {
        val file = Files.readString(folder.resolve(s"$name.zpln"))
        val read = noteClass.getMethod("fromJson", text, text).invoke(null, s"/$name", file)
        val written = noteClass.getMethod("toJson").invoke(read).toString
        assert(written.replace("      \"user\": \"anonymous\",\n", "") == file)
      }
    } finally {
      thread.setContextClassLoader(before)
      loader.close()
    }
  }

  private def repl(z: ZeppelinStandIn): (SparkILoop, StringWriter) = {
    val said = new StringWriter
    val loop = new SparkILoop(new BufferedReader(new StringReader("")), new PrintWriter(said))
    val settings = new GenericRunnerSettings(message => throw new AssertionError(message))
    settings.classpath.value = Processes.classPath
    loop.createInterpreter(settings)
    loop.intp.initializeCompiler()
    assert(
      loop.intp.bind("spark", "org.apache.spark.sql.SparkSession", spark) == Results.Success &&
        loop.intp.bind("z", "io.moraine.jobs.figures.ZeppelinStandIn", z) == Results.Success,
      said
    )
    (loop, said)
  }

  /** What Zeppelin shows of a table, cell by cell; what would show another one is found. */
  private def cells(data: String, about: String): Seq[Seq[String]] = {
    val Seq(head, rows @ _*) =
      data.stripSuffix("\n").split("\n", -1).toSeq.map(_.split("\t", -1).toSeq)
    assert(!data.contains('\r') && rows.forall(_.size == head.size), about)
    for (cell <- head ++ rows.flatten)
      assert(!"\"%".exists(mark => cell.startsWith(s"$mark")), about)
    assert(rows.size <= ZeppelinStandIn.Rows && !data.contains("Results are limited"), about)
    head +: rows
  }

  /** Runs an SQL paragraph: the columns that its chart is of are in its result, where it says, and
    * Zeppelin draws all of it.
    */
  private def query(z: ZeppelinStandIn, paragraph: JsonNode, text: String): Int = {
    val table = spark.sql(text)
    val graph = paragraph.get("config").get("results").get("0").get("graph")
    val Seq(keys, groups, values) =
      Seq("keys", "groups", "values").map(kind => graph.path(kind).asScala.toSeq)
    for (column <- keys ++ groups ++ values)
      assert(table.columns.indexOf(column.get("name").asText) == column.get("index").asInt, text)
    val mode = graph.get("mode").asText
    assert(Set("table", "multiBarChart", "lineChart")(mode))
    assert(mode == "table" || keys.nonEmpty && values.nonEmpty, text)
    val types = table.schema.map(field => field.name -> field.dataType.typeName).toMap
    for (value <- values)
      assert(Set("integer", "long", "double")(types(value.get("name").asText)), text)
    val (Seq((kind, data)), _) =
      z.paragraph("{}")(z.show(table)): @unchecked
    assert(kind == "TABLE" && bytes(data) < ZeppelinStandIn.Bytes, text)
    val rows = cells(data, text).tail
    def of(columns: Seq[JsonNode])(row: Seq[String]) =
      columns.map(one => row(one.get("index").asInt))
    for (row <- rows) {
      assert(!of(keys ++ groups ++ values)(row).contains("null"), text)
      for (label <- of(groups)(row))
        assert(!label.matches("\\s*[-+.]?([0-9.]|Infinity|NaN).*"), s"$text: $label is a number")
    }
    assert(mode == "table" || rows.map(of(keys ++ groups)).distinct.size == rows.size, text)
    if (mode == "lineChart") {
      val lines = rows.groupMap(of(groups))(of(keys)(_).head.toDouble)
      val xs = lines.values.flatten.toSeq.distinct.sorted
      for ((line, own) <- lines)
        assert(
          own == xs.filter(x => x >= own.head && x <= own.last) && own.size > 1,
          s"$text: $line"
        )
    }
    rows.size
  }

  private def bytes(text: String): Int = text.getBytes(UTF_8).length

  private type Shown = Map[String, Seq[(String, String)]]

  /** Runs all paragraphs; the titles of SQL ones without rows, and what each Scala one showed. */
  private def run(name: String, forms: Map[String, String]): (Seq[String], Shown) = {
    val z = new ZeppelinStandIn(forms)
    val (loop, said) = repl(z)
    try {
      val results = paragraphs(note(name)).map { paragraph =>
        val Array(kind, text) = paragraph.get("text").asText.split("\n", 2)
        val title = paragraph.get("title").asText
        kind match {
          case "%spark" =>
            val settings = paragraph.get("settings").toString
            val (shown, after) = z.paragraph(settings) {
              assert(loop.intp.interpret(text) == Results.Success, s"$text\n$said")
            }
            assert(shown.map(one => bytes(one._2)).sum < ZeppelinStandIn.Bytes, title)
            shown.collect { case ("TABLE", data) => cells(data, title) }
            assert(
              json.readTree(after).get("forms") == paragraph.get("settings").get("forms"),
              "the forms stand there before it was run"
            )
            (title, Some(shown), true)
          case "%spark.sql" => (title, None, query(z, paragraph, text) > 0)
          case "%md"        => (title, None, true)
        }
      }
      assert(forms.keySet.forall(z.asked), z.asked)
      val shown = results.collect { case (title, Some(some), _) => title -> some }.toMap
      (results.collect { case (title, _, false) => title }, shown)
    } finally loop.intp.close()
  }

  private def of(shown: Shown, title: String): Seq[(String, String)] =
    shown.find(_._1.startsWith(title)).get._2

  private def only(shown: Shown, title: String): (String, String) = {
    val Seq(one) = of(shown, title): @unchecked
    one
  }

  for ((name, form) <- Seq("corpus" -> "dataset", "training" -> "runs"))
    test(s"$name, imported and run as it is: one line names the form") {
      val first = paragraphs(note(name)).find(_.get("text").asText.startsWith("%spark\n")).get
      val z = new ZeppelinStandIn(Map.empty)
      val (loop, said) = repl(z)
      try {
        said.getBuffer.setLength(0)
        val text = first.get("text").asText.stripPrefix("%spark\n")
        val (shown, _) = z.paragraph(first.get("settings").toString) {
          assert(loop.intp.interpret(text) == Results.Error)
        }
        val lines =
          (said.toString +: shown.map(_._2)).flatMap(_.linesIterator).filter(_.trim.nonEmpty)
        assert(lines.count(_.contains(s"form \"$form\": file:/")) == 1, lines)
        assert(lines.forall(!_.trim.startsWith("at ")) && lines.size <= 2, lines)
      } finally loop.intp.close()
    }

  test("corpus: every paragraph runs, every chart has its columns and rows") {
    val (empty, shown) =
      run("corpus", Map("dataset" -> Example.data(spark).toString, "search" -> "hostile"))
    assert(empty.isEmpty)
    val (kind, pairs) = only(shown, "Pairs")
    assert(kind == "HTML" && pairs.startsWith("<div"))
    assert(pairs.contains("<mark>") && !pairs.contains("<script"))
    val Seq((_, counted), (_, found)) = of(shown, "Removed"): @unchecked
    assert(counted.trim == "4 found:" && found.contains("\nhostile\tnear\t"))
  }

  test("training: every paragraph runs, every chart has its columns and rows") {
    val runs = s"${Example.run(spark)}, ${Example.otherRun(spark)}"
    val (empty, shown) = run("training", Map("runs" -> runs, "prompt" -> "word1 <b>"))
    assert(empty == Seq("Bad steps"))
    val (kind, written) = only(shown, "Let the first run write")
    assert(kind == "HTML" && written.startsWith("<pre") && written.contains("word1 &lt;b&gt;"))
    val load = only(shown, "Expert load")._2
    assert(load.split("<table", -1).length == 3 && load.contains("layer 0"))
    assert(only(shown, "Settings in which the runs differ")._2.contains("train.steps\t12\t8"))
  }

  test("training: runs of other lengths and batches, and too much of everything, are drawn") {
    val runs = Seq(
      Example.run(spark),
      Example.longRun(spark, "2026-11-30", 2000, 128),
      Example.longRun(spark, "\u8bed\u6599" * 30, 1500, 96)
    )
    val (empty, _) = run("training", Map("runs" -> runs.mkString(", "), "prompt" -> "a"))
    assert(empty.isEmpty)
  }

  test("compare: two runs, then two datasets; charts of the other kind stay empty") {
    val run1 = Example.run(spark).toString
    for (run2 <- Seq(Example.otherRun(spark), Example.longRun(spark, "2026-11-30", 700, 96))) {
      val (ofRuns, _) = run("compare", Map("first" -> run1, "second" -> run2.toString))
      assert(ofRuns.filterNot(_ == "Settings that differ").forall(_.startsWith("Datasets: ")))
      assert(ofRuns.count(_.startsWith("Datasets: ")) == 3)
    }
    val other = TrainJobSparkSuite.dataset(spark).toString
    val (ofData, _) =
      run("compare", Map("first" -> Example.data(spark).toString, "second" -> other))
    assert(ofData.size == 4 && ofData.forall(_.startsWith("Runs: ")))
  }

  // By hand: ZEPPELIN_URL=http://localhost:8080, a server with our jar (conf/zeppelin) that sees this machine's files.
  for (name <- names) test(s"$name on the server that ZEPPELIN_URL names") {
    val server = sys.env.getOrElse("ZEPPELIN_URL", cancel("ZEPPELIN_URL is not set"))
    val text = Files
      .readString(folder.resolve(s"$name.zpln"))
      .replace("demo-work/data", Example.data(spark).toString)
      .replace("demo-work/run", Example.run(spark).toString)
    LiveNote.run(server, text)
  }
}
