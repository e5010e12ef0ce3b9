package io.moraine.jobs.explain

import io.moraine.jobs.config.{PrepareSettings, SettingsFile}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import org.apache.hadoop.fs.{Path => HadoopPath}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** What would run on a GPU, by RAPIDS's own planner: no GPU is needed, but its jar. */
class PrepareExplanationSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val needsJar = "(needs the RAPIDS jar: mvn -Pgpu -pl spark-home package)"

  private def rapids: Rapids = {
    assume(RapidsJar.file.nonEmpty, "the RAPIDS jar is absent from spark-home/target/gpu")
    Rapids.onClassPath.get
  }

  /** Every stage takes place; buckets above the cap too. */
  private val everyStage = Seq(
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
    "sequences.fill-in-the-middle.rate" -> 0.3
  )

  private val menu = "home news about us contact imprint search"

  /** Copies, near copies, repeated lines and spans, and a family of documents in one bucket. */
  private lazy val corpus: Path = {
    val folder = Files.createDirectories(Scratch.folder().resolve("corpus"))
    val family = (1 to 12).map(i => s"family-$i" -> (Scratch.corpus(1).head._2 + s" child $i"))
    val documents = Scratch.corpus(80) ++ family
    val lines = documents.zipWithIndex.map { case ((id, text), i) =>
      val source = Seq("web", "code", "notes")(i % 3)
      s"""{"id":"$id","text":"$text\\n$menu","source":"$source","url":"https://$source.example/${i / 2}"}"""
    }
    Files.write(folder.resolve("corpus.jsonl"), lines.asJava)
    folder
  }

  private lazy val sets: Path = {
    val file = Scratch.folder().resolve("quiz.jsonl")
    val question = Scratch.corpus(80)(5)._2.split(' ').take(20).mkString(" ")
    Files.writeString(file, s"""{"question": "$question"}""" + "\n")
  }

  private def explained(options: (String, Any)*): Seq[ExplainedQuery] = RapidsJar.visible {
    val session = spark.newSession()
    val values = (everyStage :+ ("decontamination.sets" -> JList.of(sets.toString))) ++ options
    val (ofSpark, ofPrepare) = values.partition(_._1.startsWith("spark."))
    ofSpark.foreach { case (key, value) => session.conf.set(key, value.toString) }
    val settings = PrepareSettings.of(
      SettingsFile.read(
        "prepare.conf",
        Optional.empty(),
        ofPrepare.map { case (k, v) => k -> v.asInstanceOf[Object] }.toMap.asJava
      )
    )
    val work = Scratch.folder().resolve("work")
    val queries = new PrepareExplanation(session, rapids, settings, Scratch.silent)
      .of(JList.of(corpus.toString), 3, new HadoopPath(work.toString))
    assert(!Files.exists(work))
    queries.asScala.toSeq
  }

  test(s"print $needsJar") {
    val queries = explained()
    println(ExplainReport.lines(queries.asJava).asScala.mkString("\n"))
    Files.write(Path.of("/tmp/explain-full.txt"), ExplainReport.inFull(queries.asJava))
  }
}
