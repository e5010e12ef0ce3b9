package io.moraine.jobs.train

import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.net.URI
import java.net.http.{HttpClient, HttpRequest, HttpResponse}
import java.nio.file.{Files, Path}
import java.time.Duration
import org.scalatest.funsuite.AnyFunSuite
import scala.util.Try

/** What Prometheus gets from a driver's web server while it trains. */
class ScrapedRunSuite extends AnyFunSuite with SharedSparkSession {

  private val steps = 5000
  private val Line = """metrics_moraine_driver_moraine_(\w+)_Number\{type="gauges"\} (\S+)""".r

  /** The words of the command line that docs/schedule.md gives for Prometheus, behind ./moraine. */
  private def documented: Seq[String] = {
    val docs = Path.of(System.getProperty("moraine.root", ".."), "docs/schedule.md")
    val command = """(?s)\n    \./moraine (train --conf .*?[^\\])\n\n""".r
    val line = command.findFirstMatchIn(Files.readString(docs)).get.group(1).replace("\\\n", " ")
    line.trim.split("\\s+").toSeq.map(_.replace("'", ""))
  }

  test(
    "with the documented command line /metrics/prometheus has the run's step, losses, speed and wire bytes"
  ) {
    val data = TrainJobSparkSuite.dataset(spark)
    val folder = Scratch.folder()
    val run = folder.resolve("run")
    val log = folder.resolve("log")
    val port = Processes.freePort()
    val (conf, command) = documented.foldLeft((Map.empty[String, String], Seq.empty[String])) {
      case ((conf, words :+ "--conf"), setting) =>
        (conf + (setting.takeWhile(_ != '=') -> setting.dropWhile(_ != '=').tail), words)
      case ((conf, words), word) => (conf, words :+ word)
    }
    assert(command == Seq("train", "--data", "data/", "--run", "run/") && conf.size == 3)
    val process = Processes.start(
      log,
      conf ++ Map("spark.master" -> "local[2]", "spark.ui.port" -> port.toString),
      "io.moraine.jobs.Moraine",
      command.map(word => Map("data/" -> data, "run/" -> run).get(word).fold(word)(_.toString)) ++
        Seq("--ranks", "2", "--config", Processes.settingsFile(steps).toString): _*
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
      assert(Processes.exitCode(process, 240) == 0, Processes.text(log))
    } finally process.destroyForcibly()
  }

  private def scrape(port: Int): String = {
    val request =
      HttpRequest
        .newBuilder(URI.create(s"http://127.0.0.1:$port/metrics/prometheus/"))
        .timeout(Duration.ofSeconds(5))
        .build()
    HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body
  }
}
