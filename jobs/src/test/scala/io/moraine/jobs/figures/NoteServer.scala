package io.moraine.jobs.figures

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.json.JsonMapper
import com.fasterxml.jackson.databind.node.ObjectNode
import com.sun.net.httpserver.{HttpExchange, HttpServer}
import java.net.{InetAddress, InetSocketAddress}
import java.nio.charset.StandardCharsets.UTF_8

import scala.collection.mutable
import scala.jdk.CollectionConverters._

/** What answers as Zeppelin's REST API does and runs nothing: it refuses a note of a name that it
  * has, and says that a note ran, whatever became of its paragraphs.
  */
class NoteServer {

  private val json = new JsonMapper()
  private val notes = mutable.LinkedHashMap.empty[String, String]
  private val ran = mutable.Set.empty[String]
  private var ids = 0

  /** Titles of paragraphs that fail. */
  @volatile var failing: Set[String] = Set.empty

  private val server =
    HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress, 0), 0)
  // all paths: what has no context is refused before its body is read, and the client's write fails
  server.createContext("/", exchange => synchronized(answer(exchange)))
  server.start()

  def port: Int = server.getAddress.getPort

  def url: String = s"http://127.0.0.1:$port"

  /** The notes that are there, as they were sent. */
  def imported: Seq[String] = synchronized(notes.values.toSeq)

  /** Takes a note as its REST API does. */
  def take(note: String): Unit = synchronized(assert(add(note)._1 == 200))

  def close(): Unit = server.stop(0)

  private def answer(exchange: HttpExchange): Unit = {
    val text = new String(exchange.getRequestBody.readAllBytes(), UTF_8)
    val path = exchange.getRequestURI.toString.stripPrefix("/").split('/').toSeq
    val isJson = exchange.getRequestHeaders.getFirst("Content-Type") == "application/json"
    val (code, body) = (exchange.getRequestMethod, path) match {
      case ("GET", Seq("api", "version"))                       => (200, "{}")
      case ("POST", Seq("api", "notebook", "import")) if isJson => add(text)
      case ("POST", Seq("api", "notebook", "job", run)) if run.endsWith("?blocking=true") =>
        ran += run.stripSuffix("?blocking=true")
        (200, "{}")
      case ("GET", Seq("api", "notebook", id)) if notes.contains(id) => (200, shown(id))
      case ("DELETE", Seq("api", "notebook", id)) if notes.contains(id) =>
        notes -= id
        (200, "{}")
      case _ => (404, "{}")
    }
    val said =
      s"""{"status":"${if (code == 200) "OK" else "ERROR"}","body":$body}""".getBytes(UTF_8)
    exchange.sendResponseHeaders(code, said.length.toLong)
    exchange.getResponseBody.write(said)
    exchange.close()
  }

  private def name(note: String): String = json.readTree(note).get("name").asText

  private def add(note: String): (Int, String) =
    if (notes.values.exists(name(_) == name(note))) (500, s"\"Note '/${name(note)}' existed\"")
    else {
      ids += 1
      notes += s"2MXXXXXX$ids" -> note
      (200, s"\"2MXXXXXX$ids\"")
    }

  private def shown(id: String): String = {
    val note = json.readTree(notes(id))
    for (paragraph <- note.get("paragraphs").asScala.toSeq if ran(id)) finish(paragraph)
    note.toString
  }

  private def finish(paragraph: JsonNode): Unit = {
    val isFailing = failing(paragraph.get("title").asText)
    val own = paragraph.asInstanceOf[ObjectNode]
    own.put("status", if (isFailing) "ERROR" else "FINISHED")
    own.putObject("results").put("code", if (isFailing) "ERROR" else "SUCCESS")
  }
}
