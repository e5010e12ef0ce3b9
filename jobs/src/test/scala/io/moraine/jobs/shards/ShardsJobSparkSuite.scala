package io.moraine.jobs.shards

import io.moraine.jobs.config.ConfigException
import io.moraine.jobs.prepare.{Manifest, PreparedDataset}
import io.moraine.jobs.train.TrainJobSparkSuite
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.pipeline.document.CorpusException
import io.moraine.pipeline.shard.ShardFormat
import io.moraine.pipeline.tokenizer.{Tokenizer, TokenizerJson}
import java.io.FileNotFoundException
import java.nio.ByteBuffer
import java.nio.ByteOrder.LITTLE_ENDIAN
import java.nio.file.{Files, Path}
import java.util.OptionalLong
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Using

class ShardsJobSparkSuite extends AnyFunSuite with SharedSparkSession {

  private lazy val data: Path = TrainJobSparkSuite.dataset(spark)
  private lazy val manifest: Manifest =
    PreparedDataset.at(data.toString).manifest(spark.sparkContext.hadoopConfiguration)
  private lazy val tokenizer: Tokenizer =
    TokenizerJson.read(Files.readString(data.resolve("tokenizer/tokenizer.json")))

  private def texts(heldOut: Boolean): Seq[String] = spark.read
    .parquet(data.resolve("documents").toString)
    .where(s"held_out = $heldOut")
    .collect()
    .map(_.getAs[String]("text"))
    .toSeq

  private def exported(format: ShardFormat, output: Path, tokens: Long): ShardsManifest =
    new ShardsJob(spark, Scratch.silent)
      .run(format, data.toString, output.toString, OptionalLong.of(tokens))

  private def names(folder: Path): Set[String] = Using.resource(Files.list(folder)) {
    _.iterator().asScala.map(_.getFileName.toString).filterNot(_.endsWith(".crc")).toSet
  }

  /** Tokens behind a header of 256 int32, as llm.c reads them. */
  private def stream(file: Path): Seq[Int] = {
    val in = ByteBuffer.wrap(Files.readAllBytes(file)).order(LITTLE_ENDIAN)
    assert(in.getInt(0) == 20240520 && in.getInt(4) == 1)
    val count = in.getInt(8)
    assert(in.capacity == 1024 + 2 * count)
    (0 until count).map(i => in.getShort(1024 + 2 * i) & 0xffff)
  }

  test("llm.c shards hold the texts of the dataset, train and held-out apart") {
    val output = Scratch.folder().resolve("llmc")
    val written = exported(ShardFormat.LLMC, output, 4000)
    assert(written.train.size > 3 && written.endOfText == 0 && written.vocabularySize == 400)
    assert(written.train.asScala.map(_.tokens).sum == manifest.counts.trainTokens)
    assert(written.`val`.asScala.map(_.tokens).sum == manifest.counts.heldOutTokens)
    for ((shards, heldOut) <- Seq(written.train -> false, written.`val` -> true)) {
      val found = shards.asScala.toSeq.flatMap { shard =>
        val tokens = stream(output.resolve(s"${shard.prefix}.bin"))
        assert(tokens.size == shard.tokens && tokens.head == 0)
        val starts = tokens.indices.filter(tokens(_) == 0) :+ tokens.size
        starts.sliding(2).map { case Seq(from, to) =>
          tokenizer.decode(tokens.slice(from + 1, to).toArray)
        }
      }
      assert(found.sorted == texts(heldOut).sorted)
    }
    val files = (written.train.asScala ++ written.`val`.asScala).map(_.prefix + ".bin")
    assert(names(output) == files.toSet + "shards.json")
  }

  test("Megatron's index has one sequence per document, one shard in the usual size") {
    val output = Scratch.folder().resolve("megatron")
    new ShardsJob(spark, Scratch.silent)
      .run(ShardFormat.MEGATRON, data.toString, output.toString, OptionalLong.empty())
    assert(
      names(output) == Set("train_000000", "val_000000").flatMap(prefix =>
        Set(s"${prefix}_text_document.bin", s"${prefix}_text_document.idx")
      ) + "shards.json"
    )
    val idx = ByteBuffer
      .wrap(Files.readAllBytes(output.resolve("train_000000_text_document.idx")))
      .order(LITTLE_ENDIAN)
    val documents = manifest.counts.documents - manifest.counts.heldOutDocuments
    assert(idx.get(17) == 8 && idx.getLong(18) == documents && idx.getLong(26) == documents + 1)
    val bin = Files.size(output.resolve("train_000000_text_document.bin"))
    assert(bin == 2 * manifest.counts.trainTokens)
  }

  test("a second export replaces the first, a foreign folder is refused and kept") {
    val output = Scratch.folder().resolve("shards")
    exported(ShardFormat.MEGATRON, output, 100000)
    exported(ShardFormat.NANOGPT, output, 100000)
    assert(names(output) == Set("train_000000.bin", "val_000000.bin", "shards.json"))
    assert(names(output.getParent) == Set("shards"))
    val foreign = Scratch.folder()
    Files.writeString(foreign.resolve("thesis.tex"), "precious")
    assert(
      intercept[ConfigException](exported(ShardFormat.LLMC, foreign, 1000)).getMessage ==
        s"--output $foreign exists and is no export (no shards.json). Name another folder or remove it."
    )
    assert(Files.exists(foreign.resolve("thesis.tex")))
  }

  test("what the format cannot hold is refused in one line, before anything is written") {
    val output = Scratch.folder().resolve("shards")
    val large = Scratch.folder().resolve("data")
    Files.createDirectories(large)
    Files.writeString(
      large.resolve("manifest.json"),
      Files
        .readString(data.resolve("manifest.json"))
        .replace("\"vocabulary_size\" : 400", "\"vocabulary_size\" : 129280")
    )
    def message(tokens: Long, from: Path): String = intercept[ConfigException](
      new ShardsJob(spark, Scratch.silent)
        .run(ShardFormat.NANOGPT, from.toString, output.toString, OptionalLong.of(tokens))
    ).getMessage
    assert(
      message(1000, large) == "--format: nanogpt stores tokens in 16 bits: the vocabulary must " +
        "have at most 65,536 ids, got 129,280. Take llmc-u32 or megatron."
    )
    assert(message(0, data) == "--shard-tokens must be at least 1, got 0.")
    assert(
      message(1L << 31, data) == "--shard-tokens: a shard of nanogpt has at most 2,147,483,647 " +
        "tokens, got 2,147,483,648. Ask for smaller ones."
    )
    assert(
      intercept[FileNotFoundException](
        new ShardsJob(spark, Scratch.silent).run(
          ShardFormat.LLMC,
          output.getParent.toString,
          output.toString,
          OptionalLong.empty()
        )
      ).getMessage.contains("is not a prepared dataset")
    )
    assert(names(output.getParent).isEmpty)
  }

  test("a dataset of another format version is refused in one line") {
    val old = Scratch.folder()
    Files.writeString(
      old.resolve("manifest.json"),
      Files
        .readString(data.resolve("manifest.json"))
        .replace("\"format_version\" : 2", "\"format_version\" : 1")
    )
    val error = intercept[CorpusException](
      PreparedDataset.at(old.toString).manifest(spark.sparkContext.hadoopConfiguration)
    )
    assert(
      error.getMessage == "the dataset has format version 1, this program reads version 2. " +
        "Run prepare again."
    )
  }
}
