package io.moraine.jobs.prepare

import io.moraine.jobs.config.{ConfigException, PrepareSettings, SettingsFile}
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.document.CorpusException
import io.moraine.pipeline.sequence.FimMarkers
import io.moraine.pipeline.tokenizer.{Tokenizer, TokenizerException, TokenizerJson}
import java.io.FileNotFoundException
import java.nio.file.{Files, Path}
import java.util.{Base64, List => JList, Optional}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** tokenizer train and tokenizer encode. */
class TokenizerJobsSparkSuite extends AnyFunSuite with SharedSparkSession {

  private def settingsWith(options: (String, Object)*) = PrepareSettings.of(
    SettingsFile.read(
      "prepare.conf",
      Optional.empty(),
      (Map[String, Object](
        "tokenizer.vocabulary-size" -> Int.box(400),
        "tokenizer.special-tokens" -> JList.of("<|endoftext|>", "<|pad|>"),
        "held-out.fraction" -> Double.box(0.2)
      ) ++ options).asJava
    )
  )

  private val settings = settingsWith()

  private val documents = Scratch.corpus(60)

  private lazy val corpus: Path = {
    val folder = Scratch.folder()
    Scratch.writeJsonLines(folder.resolve("corpus.jsonl"), documents)
    Files.writeString(folder.resolve("bad.jsonl"), "no json")
    folder
  }

  /** What a file of `ranks` does not say itself. */
  private val rankFile = Seq(
    "tokenizer.rank-file.pattern" -> "cl100k",
    "tokenizer.rank-file.special-tokens" -> JList.of("<|endoftext|>=1000", "<|fim|>=1002")
  )

  /** The ordinary tokens of a tokenizer as OpenAI publishes them. */
  private def ranks(tokenizer: Tokenizer): Path = {
    val file = Scratch.folder().resolve("ranks.tiktoken")
    val tokens = tokenizer.model.tokens.asScala.toSeq.drop(tokenizer.model.addedTokens.size)
    val base64 = Base64.getEncoder
    Files.write(
      file,
      tokens.zipWithIndex.map { case (t, i) => base64.encodeToString(t) + " " + i }.asJava
    )
  }

  private def encode(settings: PrepareSettings, file: Path): Path = {
    val output = Scratch.folder().resolve("tokens")
    new EncodeJob(spark, settings, Scratch.silent)
      .run(JList.of(corpus.toString), output.toString, file.toString, 2)
    output
  }

  private def prepare(settings: PrepareSettings, file: Option[Path]): (Path, Manifest) = {
    val output = Scratch.folder().resolve("data")
    val paths = new DatasetPaths(JList.of(corpus.toString), output.toString)
    val name = file.map(_.toString).fold(Optional.empty[String])(Optional.of(_))
    output -> new PrepareJob(spark, settings, Scratch.silent).run(paths, name, 2)
  }

  private def ids(output: Path): Map[String, Seq[Int]] = spark.read
    .parquet(output.resolve("documents").toString)
    .select("id", "tokens")
    .collect()
    .map(row => row.getString(0) -> row.getSeq[Int](1).toSeq)
    .toMap

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

  test("a given tokenizer.json is copied byte for byte, with what is not used here") {
    val published = Scratch.folder().resolve("published.json")
    val processor = """"post_processor":{"type":"ByteLevel","add_prefix_space":true,
      "trim_offsets":false, "use_regex":true}"""
    val text = Files.readString(train(2)._1)
    val changed = text.replaceFirst("\"post_processor\" : null", processor)
    assert(changed != text)
    Files.writeString(published, s"  $changed\r\n\r\n")
    val expected = Files.readAllBytes(published).toSeq
    val output = encode(settings, published)
    val (data, manifest) = prepare(settings, Some(published))
    for (folder <- Seq(output, data))
      assert(Files.readAllBytes(folder.resolve("tokenizer/tokenizer.json")).toSeq == expected)
    assert(manifest.tokenizerDigest == TokenizerJson.digest(Files.readString(published)))
    val tokenizer = TokenizerJson.read(text)
    for ((id, tokens) <- ids(output))
      assert(tokens == tokenizer.encode(documents.toMap.apply(id)).toSeq)
  }

  test("a rank file: the ids of its tokens, and a tokenizer.json that gives the same") {
    val tokenizer = TokenizerJson.read(Files.readString(train(2)._1))
    val file = ranks(tokenizer)
    val output = encode(settingsWith(rankFile: _*), file)
    val written = TokenizerJson.read(Files.readString(output.resolve("tokenizer/tokenizer.json")))
    assert(written.vocabularySize == 1003 && written.endOfText.get == 1000)
    assert(written.specialId("<|fim|>").get == 1002)
    assert(written.preTokenizer.expressions == tokenizer.preTokenizer.expressions)
    for ((id, tokens) <- ids(output)) {
      val text = documents.toMap.apply(id)
      assert(tokens == tokenizer.encode(text).map(_ - 2).toSeq)
      assert(tokens == written.encode(text).toSeq)
    }
    val (data, manifest) = prepare(settingsWith(rankFile: _*), Some(file))
    assert(manifest.vocabularySize == 1003)
    val name = "tokenizer/tokenizer.json"
    assert(Files.readString(data.resolve(name)) == Files.readString(output.resolve(name)))
  }

  test("what does not fit the file given by --tokenizer is refused in one line") {
    val json = train(2)._1
    val tokenizer = TokenizerJson.read(Files.readString(json))
    val file = ranks(tokenizer)
    def refused(action: => Any) = intercept[ConfigException](action).getMessage
    val noPattern = s"--tokenizer $file is a rank file, which does not say how texts are cut: " +
      "add --tokenizer-pattern, such as cl100k, and --tokenizer-special-tokens."
    assert(refused(encode(settings, file)) == noPattern)
    assert(refused(prepare(settings, Some(file))) == noPattern)
    val noRankFile = s"--tokenizer $json is a tokenizer.json, which has a pattern and special " +
      "tokens itself: leave out --tokenizer-pattern and --tokenizer-special-tokens " +
      "(tokenizer.rank-file)."
    assert(refused(encode(settingsWith(rankFile: _*), json)) == noRankFile)
    val noEnd = s"--tokenizer $file has no special token to end documents with, such as " +
      "<|endoftext|>. Those of a rank file are given by --tokenizer-special-tokens."
    assert(refused(prepare(settingsWith(rankFile.head), Some(file))) == noEnd)
    val trained = Seq[() => Any](
      () => prepare(settingsWith(rankFile: _*), None),
      () =>
        new TokenizerJob(spark, settingsWith(rankFile: _*), Scratch.silent)
          .run(JList.of(corpus.toString), Scratch.folder().resolve("t").toString, 1)
    )
    for (action <- trained)
      assert(
        refused(action()) == "tokenizer.rank-file says how to read the rank file of --tokenizer, " +
          "but there is none: the tokenizer is trained."
      )
    Files.write(file, Array(0xff.toByte))
    val noText = intercept[TokenizerException](encode(settings, file)).getMessage
    assert(
      noText == s"--tokenizer $file: neither a tokenizer.json nor a rank file, it is not UTF-8"
    )
    assert(
      refused(settingsWith("tokenizer.rank-file.pattern" -> "cl200k")) ==
        "tokenizer.rank-file.pattern must be one of gpt2, cl100k, o200k, qwen2, deepseek-v3, " +
        "got cl200k (the command line)."
    )
    assert(
      refused(settingsWith("tokenizer.rank-file.special-tokens" -> JList.of("<|x|>"))).startsWith(
        "tokenizer.rank-file: special-tokens must be NAME=ID with ids below 16777216, got <|x|> ("
      )
    )
  }

  test("train with fill-in-the-middle: the markers are in the vocabulary") {
    val output = Scratch.folder().resolve("tokenizer")
    val manifest = new TokenizerJob(
      spark,
      settingsWith("sequences.fill-in-the-middle.rate" -> Double.box(0.1)),
      Scratch.silent
    ).run(JList.of(corpus.toString), output.toString, 2)
    val trained = TokenizerJson.read(Files.readString(output.resolve("tokenizer.json")))
    assert(FimMarkers.of(trained).get == new FimMarkers(2, 3, 4))
    assert(manifest.vocabularySize == 400)
  }

  test("a file that is no tokenizer and an empty corpus are refused in one line") {
    val file = Scratch.folder().resolve("tokenizer.json")
    Files.writeString(file, "{}")
    val error = intercept[TokenizerException](
      new EncodeJob(spark, settings, Scratch.silent)
        .run(JList.of(corpus.toString), Scratch.folder().resolve("t").toString, file.toString, 1)
    ).getMessage
    assert(error.startsWith(s"--tokenizer $file: ") && !error.contains("\n"))
    val missing = file.resolveSibling("missing.json")
    for (action <- Seq(() => encode(settings, missing), () => prepare(settings, Some(missing))))
      assert(
        intercept[FileNotFoundException](action()).getMessage ==
          s"--tokenizer $missing: there is no such file."
      )
    val folder = missing.getParent
    assert(
      intercept[ConfigException](encode(settings, folder)).getMessage ==
        s"--tokenizer $folder is a folder: name the tokenizer.json in it."
    )
    assert(
      intercept[ConfigException](
        settingsWith("tokenizer.special-tokens" -> JList.of("<|endoftext|>", "a"))
      ).getMessage.startsWith("tokenizer: special-tokens must not be empty and not the character ")
    )
    val bad = Scratch.folder()
    Files.writeString(bad.resolve("bad.jsonl"), "no json")
    val nothing = intercept[CorpusException](
      new TokenizerJob(spark, settings, Scratch.silent)
        .run(JList.of(bad.toString), Scratch.folder().resolve("t").toString, 1)
    )
    assert(nothing.getMessage == "the input holds no document to train a tokenizer on.")
  }

  test("no result replaces one of another kind, and none but a dataset is taken for one") {
    def manifest(folder: Path) = Files.readString(folder.resolve("manifest.json"))
    val (dataset, _) = prepare(settings, None)
    val before = manifest(dataset)
    assert(
      intercept[ConfigException](train(1, dataset)).getMessage ==
        s"--output file:$dataset holds a prepared dataset, which a tokenizer would replace. " +
        "Name another folder or remove it."
    )
    assert(manifest(dataset) == before)
    val foreign = Scratch.folder()
    Files.writeString(foreign.resolve("manifest.json"), """{"name": "a web page's"}""")
    assert(
      intercept[ConfigException](train(1, foreign)).getMessage
        .contains(" holds something else, which a tokenizer would replace. ")
    )

    val tokenizer = Scratch.folder().resolve("tokenizer")
    train(1, tokenizer)
    val refusal = s"$tokenizer holds a tokenizer, not a prepared dataset. " +
      "Name a folder that moraine prepare wrote."
    val hadoop = spark.sparkContext.hadoopConfiguration
    val there = PreparedDataset.at(tokenizer.toString)
    for (read <- Seq(() => there.manifest(hadoop), () => there.manifestTree(hadoop)))
      assert(intercept[FileNotFoundException](read()).getMessage == refusal)
    train(1, tokenizer) // its like
  }
}
