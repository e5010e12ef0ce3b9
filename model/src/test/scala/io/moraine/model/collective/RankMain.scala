package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.collective.transport.{Listener, Mesh, MeshConfig, Rendezvous}
import io.moraine.model.reduction.{GradientReduction, Gradients, OwnedGradients, ReductionConfig}
import io.moraine.model.tensor.Slice
import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.zip.CRC32

import scala.jdk.CollectionConverters._

/** One rank as a process: arguments rank, ranks, run id, deadline, meeting place, work, file. */
object RankMain {

  def main(args: Array[String]): Unit = {
    val Array(rank, worldSize, runId, silence, place, work, file) = args
    val config = new MeshConfig(
      rank.toInt,
      worldSize.toInt,
      runId,
      Ranks.secret,
      Duration.ofMillis(silence.toLong),
      Duration.ofMillis(10 * silence.toLong),
      () => false
    )
    val hierarchy = if (work == "hosts") Hierarchy.HOSTS else Hierarchy.FLAT
    val communicator = new Communicator(mesh(config, place), hierarchy)
    val said =
      try
        work match {
          case "all"     => all(communicator, runId.length)
          case "hosts"   => byHosts(communicator)
          case "forever" => forever(communicator, Path.of(file))
        }
      catch { case e: CollectiveException => e.getMessage }
      finally communicator.close()
    println(said)
  }

  private def mesh(config: MeshConfig, place: String): Mesh = place.split('=') match {
    case Array("tls", folder, keys, trusted) =>
      val tls = Certificates.tls(Path.of(keys), Path.of(trusted))
      Rendezvous.inFolder(config.withTls(tls), Path.of(folder), Listener.open("127.0.0.1"))
    case Array("tcp", folder) =>
      Rendezvous.inFolder(config, Path.of(folder), Listener.open("127.0.0.1"))
    case Array("host", folder, address) =>
      Rendezvous.inFolder(config, Path.of(folder), Listener.open(address))
    case Array("unix", folder) =>
      val listener = Listener.withUnixSocket("127.0.0.1")
      Rendezvous.inFolder(config, Path.of(folder), listener)
    case Array("list", addresses) => Rendezvous.at(config, addresses.split(',').toList.asJava)
  }

  /** A line for each collective and codec, and a digest of what this rank gets. */
  private def all(communicator: Communicator, seed: Int): String =
    (cases(seed).map { case (name, one) => s"$name ${digest(one.run(communicator))}" } :+
      s"powersgd ${digest(powerSgd(communicator))}").mkString("\n")

  /** A line for each codec, and a digest of a sum by hosts. */
  private def byHosts(communicator: Communicator): String = {
    assert(communicator.isByHosts)
    val digests = for (codec <- Case.codecs) yield {
      val values = Expected.values(communicator.rank, hostsLength)
      communicator.allReduce(values, codec)
      s"${codec.name} ${digest(values)}"
    }
    digests.mkString("\n")
  }

  val hostsLength: Int = 5 * 65536 + 700

  /** Every collective with every codec, with names. */
  def cases(seed: Int): Seq[(String, Case)] = {
    val length = 3 * 65536 + 700
    val ofFloats =
      for (codec <- Case.codecs; one <- Case.ofFloats(codec, length, seed.toLong))
        yield s"${codec.name}, ${one.name}" -> one
    val ofRows = Case.ofRows(192, seed.toLong).map(one => s"fp8, ${one.name}" -> one)
    ofFloats ++ ofRows ++ Case.ofBytes(5 * length).map(one => one.name -> one)
  }

  /** Three steps of a matrix and a vector, what all owners have in the end. */
  def powerSgd(communicator: Communicator): Array[Float] = {
    val slices = List(
      new Slice("matrix", 0, List(300L, 200L).map(Long.box).asJava),
      new Slice("vector", 60160, List(Long.box(77)).asJava)
    )
    val length = ReductionConfig.length(slices.asJava)
    val buckets = Buckets.of(length, communicator.worldSize, 256, length)
    var step = 0L
    val gradients: Gradients = (from, dst, offset, count) => {
      val values = Expected.values(communicator.rank, length.toInt, step)
      System.arraycopy(values, from.toInt, dst, offset, count)
    }
    val config = new ReductionConfig.PowerSgd(4, true)
    val reduction =
      GradientReduction.of(config, communicator, buckets, slices.asJava, gradients, 7)
    val shard = new Array[Float](buckets.size(communicator.rank))
    while (step < 3) {
      step += 1
      reduction.reduce(0, OwnedGradients.of(shard))
    }
    val all = new Array[Float](length.toInt)
    communicator.allGather(
      shard,
      buckets.get(0),
      GradientCodec.of("fp32"),
      (to, src, offset, count) => System.arraycopy(src, offset, all, to.toInt, count)
    )
    all
  }

  def digest(values: Array[Float]): Long = {
    val crc = new CRC32
    for (value <- values) {
      val bits = java.lang.Float.floatToRawIntBits(value)
      for (shift <- 0 until 32 by 8) crc.update(bits >>> shift)
    }
    crc.getValue
  }

  /** Sums until somebody stops it; the file says when it is under way. */
  private def forever(communicator: Communicator, file: Path): String = {
    val values = new Array[Float](3 * 65536 + 700)
    var step = 0L
    while (true) {
      step += 1
      communicator.beginStep(step)
      communicator.allReduce(values, GradientCodec.of("fp32"))
      if (step == 20) Files.createFile(file)
    }
    "unreachable"
  }
}
