package io.moraine.jobs.explain

import io.moraine.jobs.config.{PrepareSettings, SettingsFile}
import io.moraine.jobs.prepare.{DatasetPaths, PrepareJob}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy
import io.moraine.pipeline.lsh.{Banding, NearConfig}
import io.moraine.pipeline.spark.{Features, SmallTasks, TableStore}
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import org.apache.hadoop.fs.{Path => HadoopPath}
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** What would run on a GPU, by RAPIDS's own planner: no GPU is needed, but its jar. */
class PrepareExplanationSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val needsJar = "(needs the RAPIDS jar: mvn -Pgpu -pl spark-home package)"

  private def assumeJar(): Unit =
    assume(RapidsJar.file.nonEmpty, "the RAPIDS jar is absent from spark-home/target/gpu")

  private def rapids: Rapids = Rapids.onClassPath.get

  /** Every stage takes place; buckets above the cap too. */
  private lazy val everyStage = Seq[(String, Any)](
    "tokenizer.vocabulary-size" -> 400,
    "sequences.length" -> 32,
    "held-out.fraction" -> 0.1,
    "language.enabled" -> true,
    "pii.enabled" -> true,
    "url.enabled" -> true,
    "near.bucket-cap" -> 4,
    "lines.enabled" -> true,
    "lines.max-copies" -> 2,
    "substring.enabled" -> true,
    "substring.min-words" -> 10,
    "mixture.epochs" -> Map("code" -> 1.5).asJava,
    "sequences.fill-in-the-middle.rate" -> 0.3,
    "decontamination.sets" -> JList.of(sets.toString)
  )

  private val menu = "home news about us contact imprint search"

  /** Copies, near copies, repeated lines and spans, and a family of documents in one bucket. */
  private lazy val corpus: Path = {
    val folder = Files.createDirectories(Scratch.folder().resolve("corpus"))
    write(folder.resolve("corpus.jsonl"), Scratch.corpus(80) ++ family(12))
    folder
  }

  /** Documents that all fall into the same buckets. */
  private def family(size: Int): Seq[(String, String)] =
    (1 to size).map(i => s"family-$i" -> (Scratch.corpus(1).head._2 + s" child $i"))

  private def write(file: Path, documents: Seq[(String, String)]): Unit = {
    val lines = documents.zipWithIndex.map { case ((id, text), i) =>
      val source = Seq("web", "code", "notes")(i % 3)
      s"""{"id":"$id","text":"$text\\n$menu","source":"$source","url":"https://$source.example/${i / 2}"}"""
    }
    Files.write(file, lines.asJava)
  }

  private lazy val sets: Path = {
    val file = Scratch.folder().resolve("quiz.jsonl")
    val question = Scratch.corpus(80)(5)._2.split(' ').take(20).mkString(" ")
    Files.writeString(file, s"""{"question": "$question"}""" + "\n")
  }

  private def settings(options: Seq[(String, Any)]): PrepareSettings = PrepareSettings.of(
    SettingsFile.read(
      "prepare.conf",
      Optional.empty(),
      options.map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
    )
  )

  private lazy val everySetting = settings(everyStage)

  /** A session of its own in which no table is small enough to be sent to all tasks. */
  private def withLargeTables: SparkSession = {
    val session = spark.newSession()
    session.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")
    session
  }

  private def asked(session: SparkSession)(job: => Unit): Seq[ExplainedQuery] =
    RapidsJar.visible {
      val planner = rapids
      PlanRecorder
        .during[Exception](session, () => job)
        .asScala
        .map(query => ExplainedQuery.of(query, planner.explain(session, query.plan)))
        .toSeq
    }

  /** (query, operator, reason) of what should not be on the CPU. */
  private def heavyOnCpu(queries: Seq[ExplainedQuery]): Set[(String, String, String)] = {
    val heavy = ".*(FileSourceScan|Aggregate|Exchange|Join|Sort|Window|Generate|Expand).*"
    queries
      .flatMap(q => q.operators.asScala.map(q.name -> _))
      .collect {
        case (query, o) if o.place == Place.CPU && o.name.matches(heavy) =>
          (query, o.name, o.reason)
      }
      .toSet
  }

  private val fromOurRows = "Columnar exchange without columnar children is inefficient"

  /** Rows that come straight from our functions. */
  private def exchanges(queries: String*): Set[(String, String, String)] =
    queries.map((_, "ShuffleExchange", fromOurRows)).toSet

  /** What docs/gpu.md says that `explain prepare` prints. */
  private def documented: Seq[String] = {
    val page = Files.readString(
      Path.of(System.getProperty("moraine.root", "..")).resolve("docs/gpu.md")
    )
    page.split("<!-- explain prepare -->\n```\n")(1).split("\n```\n")(0).linesIterator.toSeq
  }

  test(s"every stage: each operator and expression is where docs/gpu.md says $needsJar") {
    assumeJar()
    val work = Scratch.folder().resolve("work")
    val queries = RapidsJar.visible {
      new PrepareExplanation(spark.newSession(), rapids, everySetting, Scratch.silent)
        .of(JList.of(corpus.toString), 3, new HadoopPath(work.toString))
    }
    assert(!Files.exists(work))
    val lines = ExplainReport.lines(queries).asScala.toSeq
    for (((line, written), i) <- lines.zip(documented).zipWithIndex)
      assert(line == written, s"line ${i + 1} of:\n${lines.mkString("\n")}")
    assert(lines.size == documented.size)
    assert(
      heavyOnCpu(queries.asScala.toSeq) ==
        exchanges("near-not-kept", "SpanCopies.find")
    )
  }

  test(s"best fit, an increment, tables too large to broadcast: the same is on the GPU $needsJar") {
    assumeJar()
    val folder = Scratch.folder()
    val session = withLargeTables
    val bestFit = settings(everyStage :+ ("sequences.packing" -> "best-fit"))
    def prepare(input: Path, output: String): Unit =
      new PrepareJob(session, bestFit, Scratch.silent).run(
        new DatasetPaths(
          JList.of(input.toString),
          folder.resolve(output).toString,
          Optional.of(folder.resolve("index").toString)
        ),
        Optional.empty(),
        3
      )
    prepare(corpus, "first")
    val day2 = Files.createDirectories(folder.resolve("day-2"))
    write(
      day2.resolve("more.jsonl"),
      (Scratch.corpus(90) ++ family(20)).map { case (id, text) => (id, text + " of another day") }
    )
    assert(
      heavyOnCpu(asked(session)(prepare(day2, "second"))) ==
        exchanges("near-not-kept", "SpanCopies.find") ++
        // The packer's own rows.
        exchanges("sequences", "heldout") ++
        // RAPIDS has no union of binary values, here of the index's sets and the new ones.
        exchanges("near-similar", "near-crowded")
    )
  }

  test(
    s"near duplicates in rounds: every scan, aggregate, join and exchange is on the GPU $needsJar"
  ) {
    assumeJar()
    val session = withLargeTables
    val features = Features.of(
      session.read.schema("id STRING, text STRING").json(corpus.toString),
      5
    )
    val stored = Scratch.folder()
    val tables: TableStore = (name, rows) => {
      val folder = Files.createTempDirectory(stored, "table").resolve(name).toString
      rows.write.parquet(folder)
      session.read.schema(rows.schema).parquet(folder)
    }
    for (policy <- SurvivorPolicy.values) {
      val queries = asked(session) {
        val config = new NearConfig(5, 0.7, new Banding(32, 4), 1, 4, policy)
        val outcome = SmallTasks.search(session, features, config, tables)
        assert(outcome.removed.count() > 0)
      }
      assert(queries.map(_.name).exists(_.startsWith("components-")), policy)
      assert(heavyOnCpu(queries).isEmpty, policy)
    }
  }
}
