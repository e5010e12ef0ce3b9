package io.moraine.jobs.cli

import io.moraine.jobs.figures.Example
import io.moraine.jobs.prepare.PreparedDataset
import io.moraine.jobs.train.Processes
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.StandardCopyOption.COPY_ATTRIBUTES
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import java.util.jar.{JarOutputStream, Manifest}
import org.scalatest.funsuite.AnyFunSuite
import picocli.CommandLine

import scala.jdk.CollectionConverters._
import scala.util.Random

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
    for (
      document <- documents;
      link <- "\\]\\(([^)#\"]*)#([^)]+)\\)".r.findAllMatchIn(text(document))
      if !link.group(1).startsWith("http")
    ) {
      val file =
        if (link.group(1).isEmpty) document
        else s"${document.replaceFirst("[^/]*$", "")}${link.group(1)}"
      assert(anchors(file)(link.group(2)), s"$document: $link")
    }
  }

  /** What links may name of a document: its headings, as GitHub calls them. */
  private def anchors(file: String): Set[String] = text(file).linesIterator
    .filter(_.matches("#+ .*"))
    .map(
      _.replaceFirst("#+ ", "").toLowerCase.replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-')
    )
    .toSet

  test("messages that the guides quote are those of the sources") {
    val sources = Seq("jobs", "model", "pipeline").flatMap { module =>
      val files = Files.walk(root.resolve(s"$module/src/main/java"))
      files.iterator.asScala.filter(_.toString.endsWith(".java")).map(Files.readString(_)).toSeq
    }
    // Literals that go on in the next line as one.
    val literals = sources.mkString("\n").replaceAll("\"\\s*\\+\\s*\"", "").replaceAll("%,?d", "N")
    val messages = for {
      guide <- guides
      row <- text(s"docs/guides/$guide.md").linesIterator
        .dropWhile(!_.startsWith("| what is said "))
        .filter(_.startsWith("| "))
      quoted <- "`([^`]+)`".r.findAllMatchIn(row.split('|')(1)).map(_.group(1))
    } yield quoted
    assert(messages.size >= 3)
    assert(messages.filterNot(literals.contains(_)).isEmpty)
  }

  /** The settings files that the guides show, by name. */
  private lazy val settingsFiles: Map[String, String] = guides.flatMap { guide =>
    text(s"docs/guides/$guide.md")
      .split("\n\\s*\n")
      .map(_.linesIterator.filter(_.nonEmpty).toSeq)
      .filter(block => block.headOption.exists(_.matches("    # \\S+\\.conf")))
      .map(block =>
        block.head.trim.stripPrefix("# ") -> block.map(_.drop(4)).mkString("", "\n", "\n")
      )
  }.toMap

  /** Prose that the guides' rules keep, each document of other words. */
  private def prose(documents: Int): Seq[(String, String)] = {
    val random = new Random(2)
    val nouns =
      "river miller garden letter window harbour teacher winter bridge doctor village engine"
    val verbs = "carry follow repair remember watch describe build answer measure sell"
    val adjectives = "quiet heavy narrow patient bright distant careful ordinary"
    def one(words: String) = { val all = words.split(' '); all(random.nextInt(all.length)) }
    (0 until documents).map { i =>
      val sentences = Seq.fill(9)(
        s"The ${one(nouns)} of the ${one(adjectives)} ${one(nouns)} and that ${one(nouns)} have to " +
          s"${one(verbs)} the ${one(nouns)} with a ${one(adjectives)} ${one(nouns)} to be ${one(adjectives)}."
      )
      f"prose-$i%04d" -> sentences.mkString(" ")
    }
  }

  /** What a reader has: a corpus, a second one, settings, a run of before. */
  private lazy val folder: Path = {
    val folder = Scratch.folder()
    for ((name, documents) <- Seq("corpus" -> 60, "more" -> 90)) {
      val corpus = Files.createDirectories(folder.resolve(name))
      Scratch.writeJsonLines(
        corpus.resolve("part.jsonl"),
        Scratch.corpus(documents) ++ prose(documents)
      )
    }
    // As the guides have them, and behind that what makes them fit so few documents.
    val smaller = Map(
      "prepare.conf" -> "held-out.fraction = 0.1\n",
      "train.conf" -> Seq(
        "model { dim = 32, layers = 2, dense-feed-forward-dim = 64, attention.heads = 2 }",
        "model.experts.feed-forward-dim = 16",
        "train { steps = 2, sequences-per-step = 4, micro-batch = 2, checkpoint-every = 5 }",
        "train.learning-rate.warm-up-steps = 2\n"
      ).mkString("\n")
    )
    assert(settingsFiles.keySet == Set("prepare.conf", "dedup.conf", "train.conf"))
    for ((name, block) <- settingsFiles)
      Files.writeString(folder.resolve(name), block + smaller.getOrElse(name, ""))
    Files.createSymbolicLink(folder.resolve("other-run"), Example.otherRun(spark))
    if (Files.exists(cl100k)) Files.copy(cl100k, folder.resolve("cl100k_base.tiktoken"))
    folder
  }

  /** OpenAI's ranks, which .ci/fetch-tokenizers gets. */
  private val cl100k = root.resolve("target/tokenizers/cl100k_base.tiktoken")

  /** Those that want cl100k's file if it is there; a tokenizer is trained before it is used. */
  private def inOrder(guide: String): Seq[Seq[String]] =
    commands(s"docs/guides/$guide.md")
      .map(withoutSparkOptions(_).map(_.replace("hdfs:///store/", "")))
      .filter(Files.exists(cl100k) || !_.contains("cl100k_base.tiktoken"))
      .sortBy(!_.startsWith(Seq("tokenizer", "train")))

  test("the guides' commands do what they say, one after the other, on a small corpus") {
    val all = guides.flatMap(inOrder).distinct
    val file = folder.resolve("commands")
    Files.write(file, all.map(_.mkString("\t")).asJava)
    val log = folder.resolve("commands.log")
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString
    val options = Seq("-Xmx1g", s"@${root.resolve("conf/java-module-options")}") ++
      Processes.RankOptions.split(' ') ++
      Seq("-Dspark.master=local[4]", "-Dspark.ui.enabled=false") ++
      Seq("-Dspark.sql.shuffle.partitions=2", "-Dspark.sql.codegen.cache.maxEntries=5000")
    val main = Seq("-cp", Processes.classPath, "io.moraine.jobs.cli.Commands", file.toString)
    val builder = new ProcessBuilder(((java +: options) ++ main).asJava).directory(folder.toFile)
    builder.environment.put("SPARK_LOCAL_IP", "127.0.0.1")
    builder.environment.put("OPENBLAS_NUM_THREADS", "1")
    val process = builder.redirectErrorStream(true).redirectOutput(log.toFile).start()
    if (!process.waitFor(1200, TimeUnit.SECONDS)) process.destroyForcibly()
    assert(!process.isAlive && process.exitValue == 0, Processes.text(log).takeRight(3000))
    Processes.text(log).linesIterator.filter(_.startsWith("COMMAND ")).foreach(info(_))
    for (page <- Seq("small.html", "unique.html", "report.html", "runs.html"))
      assert(Files.readString(folder.resolve(page)).contains("<figure "), page)
    val made =
      Seq("data/sequences", "run/checkpoints", "unique/documents", "unique-2/manifest.json") ++
        Seq("data-own/sequences", "tokens/documents", "shards/shards.json") ++
        Seq("model/config.json", "model-bf16/config.json", "imported/settings.json")
    for (one <- made) assert(Files.exists(folder.resolve(one)), one)
    assert(named("unique-jsonl/documents", ".json.gz").nonEmpty)
    assert(
      named("unique/documents", ".parquet").nonEmpty && !Files.exists(folder.resolve("unique/cuts"))
    )
    assert(named("unique-spans/cuts", ".parquet").nonEmpty)
    assert(Files.exists(folder.resolve("model-best/config.json")))
    val Seq(whole, half) =
      Seq("model", "model-bf16").map(named(_, ".safetensors").map(Files.size(_)).sum)
    assert(half > 0.45 * whole && half < 0.6 * whole, s"$half of $whole bytes")
  }

  private def named(within: String, end: String): Seq[Path] =
    Files.list(folder.resolve(within)).iterator.asScala.filter(_.toString.endsWith(end)).toSeq

  test("with OpenAI's ranks, if .ci/fetch-tokenizers got them, a dataset has ids of cl100k") {
    assume(Files.exists(cl100k), "no " + cl100k)
    val manifest = PreparedDataset
      .at(folder.resolve("data-cl100k").toString)
      .manifest(spark.sparkContext.hadoopConfiguration)
    assert(manifest.vocabularySize == 100258)
    assert(manifest.counts.documents == 120, manifest.counts)
  }

  /** The launcher in a checkout where nothing is to be built, with a Spark whose spark-submit is
    * these lines.
    */
  private def launcher(sparkSubmit: String*): ProcessBuilder = {
    val checkout = Scratch.folder().toRealPath()
    for (name <- Seq("moraine", "pom.xml"))
      Files.copy(root.resolve(name), checkout.resolve(name), COPY_ATTRIBUTES)
    Files.createSymbolicLink(checkout.resolve("conf"), root.resolve("conf"))
    val jar = Files.createDirectories(checkout.resolve("jobs/target")).resolve("moraine.jar")
    new JarOutputStream(Files.newOutputStream(jar), new Manifest()).close()
    Files.createFile(
      Files.createDirectories(checkout.resolve("spark-home/target")).resolve("complete")
    )
    val bin = Files.createDirectories(checkout.resolve("spark/bin"))
    val submit = Files.write(bin.resolve("spark-submit"), ("#!/bin/sh" +: sparkSubmit).asJava)
    assert(submit.toFile.setExecutable(true))
    val builder = new ProcessBuilder().directory(folder.toFile).redirectErrorStream(true)
    builder.environment.put("SPARK_HOME", checkout.resolve("spark").toString)
    builder.environment.put("SPARK_LOCAL_IP", "127.0.0.1")
    builder.command(checkout.resolve("moraine").toString)
  }

  private def said(builder: ProcessBuilder, words: Seq[String], seconds: Int): String = {
    val process = new ProcessBuilder((builder.command.asScala ++ words).asJava)
    process.directory(builder.directory).redirectErrorStream(true)
    process.environment.putAll(builder.environment)
    val running = process.start()
    val text = new String(running.getInputStream.readAllBytes())
    assert(running.waitFor(seconds, TimeUnit.SECONDS) && running.exitValue == 0, s"$words: $text")
    text
  }

  test("the launcher gives Spark its options and us ours, of every command of the guides") {
    val builder = launcher("printf '%s\\n' \"$@\"")
    for (words <- guides.flatMap(guide => commands(s"docs/guides/$guide.md"))) {
      val got = said(builder, words, 60).linesIterator.toSeq
      val at = got.indexWhere(_.endsWith("/moraine.jar"))
      assert(got.slice(at - 2, at) == Seq("--class", "io.moraine.jobs.Moraine"), words)
      assert(got.drop(at + 1) == withoutSparkOptions(words))
      val ofSpark = words.diff(withoutSparkOptions(words))
      assert(got.take(at).containsSlice(ofSpark), s"$words: $got")
    }
  }

  test("the launcher itself plans, deduplicates and reports as the guides say") {
    val builder = launcher(
      s"exec '${Path.of(System.getProperty("java.home"), "bin", "java")}' -Xmx1g '@${root.resolve("conf/java-module-options")}' " +
        s"--add-modules=jdk.incubator.vector ${Processes.RankOptions} -cp '${Processes.classPath}' " +
        "org.apache.spark.deploy.SparkSubmit \"$@\""
    )
    def of(guide: String, kind: String) = commands(s"docs/guides/$guide.md")
      .find(_.startsWith(kind.split(' ').toSeq))
      .get
      .map(_.replace("unique/", "launched/"))
    assert(said(builder, of("deduplicate", "plan dedup"), 120).contains("bands"))
    said(builder, of("deduplicate", "dedup"), 300)
    assert(Files.exists(folder.resolve("launched/manifest.json")))
    said(builder, of("deduplicate", "report"), 300)
    assert(Files.readString(folder.resolve("unique.html")).contains("<figure "))
  }
}
