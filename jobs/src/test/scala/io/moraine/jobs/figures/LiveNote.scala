package io.moraine.jobs.figures

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.json.JsonMapper
import com.fasterxml.jackson.databind.node.ObjectNode
import java.net.URI
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.net.http.{HttpClient, HttpRequest}
import java.util.UUID
import org.scalatest.Assertions

import scala.jdk.CollectionConverters._

/** A note on a Zeppelin server, through its REST API. */
object LiveNote extends Assertions {

  private val json = new JsonMapper()

  /** Imports a note under a name of its own, since Zeppelin refuses one that it has, runs it, looks
    * at each paragraph's own status (a note in which one failed ran all the same), and deletes it.
    *
    * @param server
    *   its URL, without a slash at the end
    */
  def run(server: String, note: String): Unit = {
    val renamed = json.readTree(note).asInstanceOf[ObjectNode]
    renamed.put("name", s"${renamed.get("name").asText} ${UUID.randomUUID}")
    val id = send(server, "POST", "/import", renamed.toString).asText
    try {
      send(server, "POST", s"/job/$id?blocking=true", "")
      val paragraphs = send(server, "GET", s"/$id", "").path("paragraphs").asScala.toSeq
      assert(paragraphs.size == renamed.get("paragraphs").size)
      for (paragraph <- paragraphs) {
        val title = paragraph.path("title").asText
        assert(paragraph.path("status").asText == "FINISHED", s"$title: $paragraph")
        assert(paragraph.at("/results/code").asText == "SUCCESS", s"$title: $paragraph")
      }
    } finally send(server, "DELETE", s"/$id", "")
  }

  private def send(server: String, method: String, path: String, body: String): JsonNode = {
    val request = HttpRequest
      .newBuilder(URI.create(s"$server/api/notebook$path"))
      .header("Content-Type", "application/json")
      .method(method, BodyPublishers.ofString(body))
      .build()
    val response = HttpClient.newHttpClient().send(request, BodyHandlers.ofString())
    assert(response.statusCode / 100 == 2, s"$method $path: ${response.body}")
    json.readTree(response.body).path("body")
  }
}
