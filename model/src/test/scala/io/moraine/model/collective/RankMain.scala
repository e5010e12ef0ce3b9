package io.moraine.model.collective

import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.collective.transport.{Listener, Mesh, MeshConfig, Rendezvous}
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
    val communicator = new Communicator(mesh(config, place))
    val said =
      try
        work match {
          case "sum"     => sums(communicator, runId.length)
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
    case Array("unix", folder) =>
      val listener = Listener.withUnixSocket("127.0.0.1")
      Rendezvous.inFolder(config, Path.of(folder), listener)
    case Array("list", addresses) => Rendezvous.at(config, addresses.split(',').toList.asJava)
  }

  /** A digest of what each codec gives. */
  private def sums(communicator: Communicator, seed: Int): String = {
    val digests = for (codec <- GradientCodec.all().asScala) yield {
      val values = Expected.values(communicator.rank, length, seed.toLong)
      communicator.allReduce(values, codec)
      s"${codec.name} ${digest(values)}"
    }
    digests.mkString("; ")
  }

  val length: Int = 3 * 65536 + 700

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
    val values = new Array[Float](length)
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
