package io.moraine.jobs.prepare

import io.moraine.jobs.config.{PrepareSettings, SettingsFile}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.document.CorpusException
import io.moraine.pipeline.tokenizer.{TokenizerException, TokenizerJson}
import java.nio.file.{Files, Path}
import java.util.{List => JList, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** tokenizer train and tokenizer encode. */
class TokenizerJobsSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val settings = PrepareSettings.of(
    SettingsFile.read(
      "prepare.conf",
      Optional.empty(),
      Map[String, Object](
        "tokenizer.vocabulary-size" -> Int.box(400),
        "tokenizer.special-tokens" -> JList.of("<|endoftext|>", "<|pad|>"),
        "held-out.fraction" -> Double.box(0.2)
      ).asJava
    )
  )

  private val documents = Scratch.corpus(60)

  private lazy val corpus: Path = {
    val folder = Scratch.folder()
    Scratch.writeJsonLines(folder.resolve("corpus.jsonl"), documents)
    Files.writeString(folder.resolve("bad.jsonl"), "no json")
    folder
  }

  private def train(tasks: Int, output: Path = Scratch.folder().resolve("tokenizer")) = {
    val manifest =
      new TokenizerJob(spark, settings, Scratch.silent)
        .run(JList.of(corpus.toString), output.toString, tasks)
    (output.resolve("tokenizer.json"), manifest)
  }

  test("train: the same tokenizer and manifest for 1 and 5 tasks, the counts are the corpus's") {
    val (file, manifest) = train(1)
    val (again, otherManifest) = train(5)
    assert(Files.readString(file) == Files.readString(again) && manifest == otherManifest)
    val tokenizer = TokenizerJson.read(Files.readString(file))
    assert(manifest.vocabularySize == 400 && tokenizer.vocabularySize == 400)
    assert(tokenizer.specialId("<|endoftext|>").get == 0 && tokenizer.specialId("<|pad|>").get == 1)
    assert(manifest.documents == documents.size && manifest.quarantined == 1)
    val heldOut = documents.filter { case (id, _) => settings.heldOut.contains(id) }.map(_._2)
    assert(heldOut.nonEmpty && manifest.heldOutBytes == heldOut.map(_.getBytes("UTF-8").length).sum)
    assert(manifest.heldOutTokens == heldOut.map(tokenizer.encode(_).length).sum)
  }

  test("encode: every document's ids are those of the tokenizer alone, texts are not stored") {
    val (file, _) = train(2)
    val tokenizer = TokenizerJson.read(Files.readString(file))
    val output = Scratch.folder().resolve("tokens")
    val manifest = new EncodeJob(spark, settings, Scratch.silent)
      .run(JList.of(corpus.toString), output.toString, file.toString, 3)
    val rows = spark.read.parquet(output.resolve("documents").toString).collect()
    val texts = documents.toMap
    assert(rows.map(_.getAs[String]("id")).toSeq == texts.keys.toSeq.sorted)
    for (row <- rows) {
      val text = texts(row.getAs[String]("id"))
      val tokens = row.getAs[scala.collection.Seq[Int]]("tokens")
      assert(tokens == tokenizer.encode(text).toSeq && row.getAs[Int]("n_tokens") == tokens.size)
      assert(row.getAs[Int]("n_bytes") == text.getBytes("UTF-8").length)
    }
    assert(!rows.head.schema.fieldNames.contains("text"))
    assert(manifest.tokens == rows.map(_.getAs[Int]("n_tokens").toLong).sum)
    assert(manifest.documents == rows.length && manifest.quarantined == 1)
  }

  test("a file that is no tokenizer and an empty corpus are refused in one line") {
    val file = Scratch.folder().resolve("tokenizer.json")
    Files.writeString(file, "{}")
    val error = intercept[TokenizerException](
      new EncodeJob(spark, settings, Scratch.silent)
        .run(JList.of(corpus.toString), Scratch.folder().resolve("t").toString, file.toString, 1)
    ).getMessage
    assert(error.startsWith(s"--tokenizer $file: ") && !error.contains("\n"))
    val bad = Scratch.folder()
    Files.writeString(bad.resolve("bad.jsonl"), "no json")
    val nothing = intercept[CorpusException](
      new TokenizerJob(spark, settings, Scratch.silent)
        .run(JList.of(bad.toString), Scratch.folder().resolve("t").toString, 1)
    )
    assert(nothing.getMessage == "the input holds no document to train a tokenizer on.")
  }
}
