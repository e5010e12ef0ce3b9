package io.moraine.jobs.cli

import io.moraine.jobs.figures.Example
import io.moraine.jobs.train.{Processes, TrainJobSparkSuite}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import org.scalatest.funsuite.AnyFunSuite
import picocli.CommandLine

import scala.jdk.CollectionConverters._

/** Every command of the guides, the schedule, the README and the notebooks' README is one of ours;
  * those of the guides are run, in the order in which they stand, by this machine instead of a
  * cluster.
  */
class GuidesSuite extends AnyFunSuite with SharedSparkSession {

  private val root = Path.of(System.getProperty("moraine.root", "..")).toAbsolutePath.normalize

  private def text(file: String) = Files.readString(root.resolve(file)).replace("\\\n", " ")

  /** The command lines of a document, without what is said behind them, each as its words. */
  private def commands(file: String): Seq[Seq[String]] = text(file).linesIterator
    .map(_.trim)
    .collect {
      case line if line.startsWith("./moraine ") => line.stripPrefix("./moraine ")
      case line if line.startsWith("spark-submit ") && line.contains("io.moraine.jobs.Moraine") =>
        line.replaceFirst(".*\\.jar +", "")
    }
    .map(line => words(line.replaceFirst(" {2,}#.*", "").replaceFirst(" && .*", "")))
    .toSeq

  private def words(line: String): Seq[String] =
    "('[^']*'|\"[^\"]*\"|[^\\s'\"])+".r.findAllIn(line).map(_.replaceAll("['\"]", "")).toSeq

  /** Spark's options are taken by the launcher. */
  private def withoutSparkOptions(words: Seq[String]): Seq[String] = {
    val ofSpark = "--(master|conf|executor-memory|executor-cores|driver-memory|deploy-mode)"
    words.zipWithIndex.collect {
      case (word, i) if !word.matches(ofSpark) && (i == 0 || !words(i - 1).matches(ofSpark)) => word
    }
  }

  private val guides = Seq("cluster", "deduplicate", "report", "tokenizer", "export")
  private val documents =
    guides.map(guide => s"docs/guides/$guide.md") ++
      Seq("docs/schedule.md", "docs/bigdl.md", "README.md", "notebooks/README.md")

  for (document <- documents) test(s"$document: every command of ours is known and complete") {
    val found = commands(document).map(withoutSparkOptions)
    assert(found.nonEmpty)
    for (words <- found if !words.contains("COMMAND")) {
      val command = new CommandLine(new MoraineCommand()).setCaseInsensitiveEnumValuesAllowed(true)
      try command.parseArgs(words: _*)
      catch {
        case e: CommandLine.ParameterException => fail(s"${words.mkString(" ")}: ${e.getMessage}")
      }
    }
  }

  test("links of the guides lead somewhere") {
    for (
      document <- documents.filter(_.contains("/"));
      link <- "\\]\\(([^)#\"]+)".r.findAllMatchIn(text(document))
    ) {
      val target = root.resolve(document).getParent.resolve(link.group(1))
      assert(link.group(1).startsWith("http") || Files.exists(target), s"$document: $link")
    }
  }

  /** What a reader has: a corpus, a second one, settings, a run of before. */
  private lazy val folder: Path = {
    val folder = Scratch.folder()
    for ((name, documents) <- Seq("corpus" -> 60, "more" -> 90)) {
      val corpus = Files.createDirectories(folder.resolve(name))
      Scratch.writeJsonLines(corpus.resolve("part.jsonl"), Scratch.corpus(documents))
    }
    Files.writeString(folder.resolve("prepare.conf"), "held-out.fraction = 0.1\n")
    Files.writeString(
      folder.resolve("dedup.conf"),
      "lines.enabled = true\nsubstring.enabled = true\n"
    )
    val settings = TrainJobSparkSuite.settings(
      2,
      "model.vocabulary-size" -> 32768,
      "model.max-sequence-length" -> 256
    )
    Files.writeString(folder.resolve("train.conf"), settings.rendered)
    Files.createSymbolicLink(folder.resolve("other-run"), Example.otherRun(spark))
    folder
  }

  /** All but those that want a file of somebody else's; a tokenizer is trained before it is used.
    */
  private def inOrder(guide: String): Seq[Seq[String]] =
    commands(s"docs/guides/$guide.md")
      .map(withoutSparkOptions(_).map(_.replace("hdfs:///store/", "")))
      .filterNot(_.contains("cl100k_base.tiktoken"))
      .sortBy(!_.startsWith(Seq("tokenizer", "train")))

  test("the guides' commands do what they say, one after the other, on a small corpus") {
    val all = guides.flatMap(inOrder).distinct
    val file = folder.resolve("commands")
    Files.write(file, all.map(_.mkString("\t")).asJava)
    val log = folder.resolve("commands.log")
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString
    val options = Seq("-Xmx1g", s"@${root.resolve("conf/java-module-options")}") ++
      Processes.RankOptions.split(' ') ++
      Seq("-Dspark.master=local[4]", "-Dspark.ui.enabled=false", "-Dspark.sql.shuffle.partitions=2")
    val main = Seq("-cp", Processes.classPath, "io.moraine.jobs.cli.Commands", file.toString)
    val builder = new ProcessBuilder(((java +: options) ++ main).asJava).directory(folder.toFile)
    builder.environment.put("SPARK_LOCAL_IP", "127.0.0.1")
    builder.environment.put("OPENBLAS_NUM_THREADS", "1")
    val process = builder.redirectErrorStream(true).redirectOutput(log.toFile).start()
    if (!process.waitFor(600, TimeUnit.SECONDS)) process.destroyForcibly()
    assert(!process.isAlive && process.exitValue == 0, Processes.text(log).takeRight(3000))
    Processes.text(log).linesIterator.filter(_.startsWith("COMMAND ")).foreach(info(_))
    for (page <- Seq("small.html", "unique.html", "report.html", "runs.html"))
      assert(Files.readString(folder.resolve(page)).contains("<figure "), page)
    val made =
      Seq("data/sequences", "run/checkpoints", "unique/documents", "unique-2/manifest.json") ++
        Seq("data-own/sequences", "tokens/documents", "shards/shards.json") ++
        Seq("model/config.json", "model-bf16/config.json", "imported/settings.json")
    for (one <- made) assert(Files.exists(folder.resolve(one)), one)
  }
}
