package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.net.URI
import java.net.http.{HttpClient, HttpRequest, HttpResponse}
import java.nio.file.Files
import org.scalatest.funsuite.AnyFunSuite
import scala.util.Try

/** What Prometheus gets from a driver's web server while it trains. */
class ScrapedRunSuite extends AnyFunSuite with SharedSparkSession {

  private val steps = 5000
  private val Line = """metrics_night_driver_moraine_(\w+)_Number\{type="gauges"\} (\S+)""".r

  test("the driver's /metrics/prometheus has the run's step, losses, speed and wire bytes") {
    val data = TrainJobSparkSuite.dataset(spark)
    val folder = Scratch.folder()
    val run = folder.resolve("run")
    val log = folder.resolve("log")
    val port = Processes.freePort()
    val sink = "spark.metrics.conf.*.sink.prometheusServlet"
    val process = Processes.start(
      log,
      Map(
        "spark.master" -> "local[2]",
        "spark.ui.port" -> port.toString,
        "spark.metrics.namespace" -> "night",
        s"$sink.class" -> "org.apache.spark.metrics.sink.PrometheusServlet",
        s"$sink.path" -> "/metrics/prometheus"
      ),
      "io.moraine.jobs.Moraine",
      "train",
      "--data",
      data.toString,
      "--run",
      run.toString,
      "--ranks",
      "2",
      "--config",
      Processes.settingsFile(steps).toString
    )
    try {
      def gauges: Map[String, Double] =
        scrape(port).linesIterator.collect { case Line(name, value) =>
          name -> value.toDouble
        }.toMap
      var seen = Map.empty[String, Double]
      Processes.await("a scraped held-out loss", 120) {
        seen = Try(gauges).getOrElse(Map.empty)
        seen.get("held_out_loss").exists(_ > 0) || !process.isAlive
      }
      assert(process.isAlive, Processes.text(log))
      assert(
        seen.keySet == Set(
          "step",
          "steps",
          "loss",
          "held_out_loss",
          "tokens_seen",
          "tokens_per_second",
          "seconds_to_go",
          "max_violation",
          "wire_bytes",
          "bad_steps",
          "last_checkpoint"
        )
      )
      assert(seen("steps") == steps && seen("step") >= 5 && seen("step") <= steps)
      assert(seen("tokens_seen") == seen("step") * 4 * 32)
      for (loss <- Seq("loss", "held_out_loss")) assert(seen(loss) > 0 && seen(loss) < 7)
      assert(seen("tokens_per_second") > 0 && seen("seconds_to_go") > 0)
      assert(seen("wire_bytes") > 0 && seen("last_checkpoint") % 5 == 0)

      Files.createFile(run.resolve("stop"))
      assert(Processes.exitCode(process, 60) == 0, Processes.text(log))
    } finally process.destroyForcibly()
  }

  private def scrape(port: Int): String = {
    val request =
      HttpRequest.newBuilder(URI.create(s"http://127.0.0.1:$port/metrics/prometheus/")).build()
    HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body
  }
}
