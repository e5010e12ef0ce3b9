package io.moraine.jobs.figures

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.json.JsonMapper
import io.moraine.jobs.SharedSparkSession
import io.moraine.jobs.train.Processes
import java.io.{BufferedReader, ByteArrayOutputStream, PrintWriter, StringReader, StringWriter}
import java.net.URI
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.net.http.{HttpClient, HttpRequest}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import org.apache.spark.repl.SparkILoop
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.tools.nsc.GenericRunnerSettings
import scala.tools.nsc.interpreter.Results

/** The notes of notebooks/: what stands in their files, and every paragraph run in order. */
class NotebooksSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val folder = Path.of(System.getProperty("moraine.root", ".."), "notebooks")
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
        assert(paragraph.get("settings").toString == """{"params":{},"forms":{}}""")
        assert(paragraph.get("text").asText.matches("(?s)%(md|spark|spark\\.sql)\n.+"))
      }
    }
    val ids = notes.flatMap(one => one.get("id") +: paragraphs(one).map(_.get("id")))
    assert(ids.distinct == ids)
    // As Zeppelin's serializer escapes: a note that is saved unchanged does not change.
    for (name <- names)
      assert("[<>&=']".r.findFirstIn(Files.readString(folder.resolve(s"$name.zpln"))).isEmpty)
  }

  private def repl(z: ZeppelinStandIn): SparkILoop = {
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
    loop
  }

  /** Runs a Scala paragraph; what it printed. */
  private def interpret(repl: SparkILoop, text: String): String = {
    val out = new ByteArrayOutputStream
    val result = Console.withOut(out)(repl.intp.interpret(text))
    assert(result == Results.Success, s"$text\n${out.toString(UTF_8)}")
    out.toString(UTF_8)
  }

  /** Runs an SQL paragraph: the columns that its chart is of are in its result, where it says. */
  private def query(paragraph: JsonNode, text: String): Int = {
    val table = spark.sql(text)
    val graph = paragraph.get("config").get("results").get("0").get("graph")
    val chart = Seq("keys", "groups", "values").flatMap(kind => graph.path(kind).asScala)
    for (column <- chart)
      assert(table.columns.indexOf(column.get("name").asText) == column.get("index").asInt, text)
    val mode = graph.get("mode").asText
    assert(Set("table", "multiBarChart", "lineChart")(mode))
    assert(mode == "table" || !graph.get("keys").isEmpty && !graph.get("values").isEmpty, text)
    val types = table.schema.map(field => field.name -> field.dataType.typeName).toMap
    for (value <- graph.path("values").asScala)
      assert(Set("integer", "long", "double")(types(value.get("name").asText)), text)
    table.collect().length
  }

  /** Runs all paragraphs; the titles of SQL ones without rows, and what each Scala one printed. */
  private def run(name: String, forms: Map[String, String]): (Seq[String], Map[String, String]) = {
    val z = new ZeppelinStandIn(forms)
    val loop = repl(z)
    try {
      val results = paragraphs(note(name)).map { paragraph =>
        val Array(kind, text) = paragraph.get("text").asText.split("\n", 2)
        val title = paragraph.get("title").asText
        kind match {
          case "%spark"     => (title, Some(interpret(loop, text)), true)
          case "%spark.sql" => (title, None, query(paragraph, text) > 0)
          case "%md"        => (title, None, true)
        }
      }
      assert(forms.keySet.forall(z.asked.contains), z.asked)
      val printed = results.collect { case (title, Some(text), _) => title -> text }.toMap
      (results.collect { case (title, _, false) => title }, printed)
    } finally loop.intp.close()
  }

  test("corpus: every paragraph runs, every chart has its columns and rows") {
    val (empty, printed) =
      run("corpus", Map("dataset" -> Example.data(spark).toString, "search" -> "hostile"))
    assert(empty.isEmpty)
    val pairs = printed.find(_._1.startsWith("Pairs")).get._2
    assert(pairs.startsWith("%html <div") && pairs.contains("<mark>") && !pairs.contains("<script"))
    assert(printed.find(_._1.startsWith("Removed")).get._2.contains("\nhostile\tnear\t"))
  }

  test("training: every paragraph runs, every chart has its columns and rows") {
    val runs = s"${Example.run(spark)}, ${Example.otherRun(spark)}"
    val (empty, printed) = run("training", Map("runs" -> runs, "prompt" -> "word1 <b>"))
    assert(empty == Seq("Bad steps"))
    assert(printed("Let the first run write").startsWith("%html <pre"))
    assert(printed("Let the first run write").contains("word1 &lt;b&gt;"))
    val load = printed.find(_._1.startsWith("Expert load")).get._2
    assert(load.split("<table>", -1).length == 3 && load.contains("layer 0"))
    assert(printed("Settings in which the runs differ").contains("train.steps\t12\t8"))
  }

  test("compare: two runs, then two datasets; charts of the other kind stay empty") {
    val (run1, run2) = (Example.run(spark).toString, Example.otherRun(spark).toString)
    val (ofRuns, _) = run("compare", Map("first" -> run1, "second" -> run2))
    assert(ofRuns.nonEmpty && ofRuns.forall(_.startsWith("Datasets: ")))
    val data = Example.data(spark).toString
    val (ofData, _) = run("compare", Map("first" -> data, "second" -> data))
    assert(
      ofData.head == "Settings that differ" && ofData.tail.size == 3 &&
        ofData.tail.forall(_.startsWith("Runs: "))
    )
  }

  // By hand: ZEPPELIN_URL=http://localhost:8080, a server with our jar (conf/zeppelin) that sees this machine's files.
  for (name <- names) test(s"$name on the server that ZEPPELIN_URL names") {
    val server = sys.env.getOrElse("ZEPPELIN_URL", cancel("ZEPPELIN_URL is not set"))
    val client = HttpClient.newHttpClient()
    def send(method: String, path: String, body: String): JsonNode = {
      val request = HttpRequest
        .newBuilder(URI.create(s"$server/api/notebook$path"))
        .header("Content-Type", "application/json")
        .method(method, BodyPublishers.ofString(body))
        .build()
      val response = client.send(request, BodyHandlers.ofString())
      assert(response.statusCode / 100 == 2, s"$method $path: ${response.body}")
      json.readTree(response.body).path("body")
    }
    val text = Files
      .readString(folder.resolve(s"$name.zpln"))
      .replace("demo-work/data", Example.data(spark).toString)
      .replace("demo-work/run", Example.run(spark).toString)
    val id = send("POST", "/import", text).asText
    try {
      send("POST", s"/job/$id?blocking=true", "")
      for (paragraph <- paragraphs(send("GET", s"/$id", ""))) {
        val title = paragraph.path("title").asText
        assert(paragraph.get("status").asText == "FINISHED", title)
        assert(paragraph.path("results").path("code").asText == "SUCCESS", s"$title: $paragraph")
      }
    } finally send("DELETE", s"/$id", "")
  }
}
