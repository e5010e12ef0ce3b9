package io.moraine.pipeline.spark

import io.moraine.pipeline.sequence.{PackConfig, PackingStrategy}
import io.moraine.pipeline.shard.{ShardFormat, ShardReaders}
import java.nio.file.{Files, Path}
import org.apache.spark.sql.{Dataset, Row}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.{Random, Using}

class ShardsSparkSuite extends AnyFunSuite with SharedSparkSession {

  private val documents: Map[(String, Int), Seq[Int]] = {
    val random = new Random(2)
    (0 until 400).flatMap { i =>
      val tokens = Seq.fill(random.nextInt(70))(1 + random.nextInt(99)) :+ 0
      (0 to i % 2).map(copy => (s"d$i", copy) -> tokens)
    }.toMap
  }

  private def sequences(packing: PackingStrategy, partitions: Int): Dataset[Row] = {
    import spark.implicits._
    val table = documents.toSeq
      .map { case ((id, copy), tokens) => (id, copy, tokens.init, tokens.size - 1) }
      .toDF("id", "copy", "tokens", "n_tokens")
      .repartition(partitions)
    Packing.pack(table, new PackConfig(16, packing, 1), 0).sequences.repartition(partitions)
  }

  private def files(folder: Path): Map[String, Array[Byte]] =
    Using.resource(Files.list(folder)) { found =>
      found
        .iterator()
        .asScala
        .filterNot(_.getFileName.toString.endsWith(".crc"))
        .map(file => file.getFileName.toString -> Files.readAllBytes(file))
        .toMap
    }

  for (packing <- PackingStrategy.values) {
    test(s"$packing: packing undone gives every copy of every document, and its length alone") {
      val packed = sequences(packing, 3)
      val found = PackedDocuments.of(packed).collect().map { r =>
        (r.getString(2), r.getInt(3)) -> r.getSeq[Int](4).toSeq
      }
      assert(found.length == documents.size && found.toMap == documents)
      val lengths = PackedDocuments.lengths(packed).collect().map { r =>
        (r.getString(2), r.getInt(3)) -> r.getLong(4)
      }
      assert(lengths.toMap == documents.map { case (key, tokens) => key -> tokens.size.toLong })
    }

    for (format <- ShardFormat.values)
      test(s"$packing, $format: shards hold each document once, the same bytes for 1, 2, 7 parts") {
        val written = Seq(1, 2, 7).map { partitions =>
          val folder = Files.createTempDirectory("shards")
          val target = new Shards.Target(folder.toString, "train", format, 100, 0, 300)
          val shards = Shards.write(sequences(packing, partitions), target).asScala
          val bytes = files(folder)
          val expected = shards.map(_.prefix).flatMap { prefix =>
            if (format == ShardFormat.MEGATRON)
              Seq(s"${prefix}_text_document.bin", s"${prefix}_text_document.idx")
            else Seq(s"$prefix.bin")
          }
          assert(shards.size > 3 && bytes.keySet == expected.toSet)
          val read = shards.map { shard =>
            val found =
              if (format == ShardFormat.MEGATRON) {
                val Seq(bin, idx) =
                  Seq("bin", "idx").map(end => bytes(s"${shard.prefix}_text_document.$end"))
                ShardReaders.megatron(bin, idx)
              } else {
                val tokens = ShardReaders.stream(bytes(s"${shard.prefix}.bin"))
                assert(tokens.head == 0)
                val starts = tokens.indices.filter(tokens(_) == 0) :+ tokens.size
                starts.sliding(2).map { case Seq(a, b) => tokens.slice(a + 1, b) :+ 0 }.toSeq
              }
            assert(found.size == shard.documents && found.map(_.size).sum == shard.tokens)
            found
          }
          assert(
            read.flatten.groupBy(identity).map { case (k, v) => k -> v.size } ==
              documents.values.groupBy(identity).map { case (k, v) => k -> v.size }
          )
          (shards, bytes.map { case (name, content) => name -> content.toSeq })
        }
        assert(written(0) == written(1) && written(1) == written(2))
      }
  }

  test("no sequences are no shards") {
    val folder = Files.createTempDirectory("shards")
    val target = new Shards.Target(folder.toString, "val", ShardFormat.LLMC, 100, 0, 300)
    val none = sequences(PackingStrategy.CONCAT, 1).where("sequence_id < 0")
    assert(Shards.write(none, target).isEmpty && files(folder).isEmpty)
  }
}
