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

  test(s"print $needsJar") {
    assumeJar()
    val queries = RapidsJar.visible {
      val work = Scratch.folder().resolve("work")
      new PrepareExplanation(spark.newSession(), rapids, everySetting, Scratch.silent)
        .of(JList.of(corpus.toString), 3, new HadoopPath(work.toString))
    }
    Files.write(Path.of("/tmp/explain-short.txt"), ExplainReport.lines(queries))
    Files.write(Path.of("/tmp/explain-full.txt"), ExplainReport.inFull(queries))
    println(heavyOnCpu(queries.asScala.toSeq).mkString("\n"))
  }

  test(s"increments, best fit, large tables $needsJar") {
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
    Files.writeString(
      corpus.resolve("more.jsonl"),
      """{"id":"doc-0001","text":"one two three four five six"}"""
    )
    val queries = asked(session)(prepare(day2, "second"))
    Files.write(Path.of("/tmp/explain-short2.txt"), ExplainReport.lines(queries.asJava))
    Files.write(Path.of("/tmp/explain-full2.txt"), ExplainReport.inFull(queries.asJava))
    println(heavyOnCpu(queries).mkString("\n"))
  }

  test(s"rounds $needsJar") {
    assumeJar()
    val session = withLargeTables
    val features = Features.of(
      session.read.schema("id STRING, text STRING").json(corpus.toString),
      5
    )
    val stored = Scratch.folder()
    def tables: TableStore = (name, rows) => {
      val folder = Files.createTempDirectory(stored, "table").resolve(name).toString
      rows.write.parquet(folder)
      session.read.schema(rows.schema).parquet(folder)
    }
    val queries = for (policy <- SurvivorPolicy.values.toSeq) yield asked(session) {
      val config = new NearConfig(5, 0.7, new Banding(32, 4), 1, 4, policy)
      val outcome = SmallTasks.search(session, features, config, tables)
      assert(outcome.removed.count() > 0)
    }
    Files.write(Path.of("/tmp/explain-short3.txt"), ExplainReport.lines(queries.flatten.asJava))
    Files.write(Path.of("/tmp/explain-full3.txt"), ExplainReport.inFull(queries.flatten.asJava))
    println(heavyOnCpu(queries.flatten).mkString("\n"))
  }
}
