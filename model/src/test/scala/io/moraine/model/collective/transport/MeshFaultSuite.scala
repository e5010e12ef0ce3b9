package io.moraine.model.collective.transport

import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.collective.{CollectiveException, Communicator, Ranks, ShardLayout}
import java.io.IOException
import java.net.{InetSocketAddress, StandardProtocolFamily, UnixDomainSocketAddress}
import java.nio.ByteBuffer
import java.nio.channels.{ServerSocketChannel, SocketChannel}
import java.nio.file.Files
import java.util.concurrent.{Executors, TimeUnit}
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.{Seconds, Span}

import scala.concurrent.{Await, ExecutionContext, Future}
import scala.concurrent.duration.{Duration => ScalaDuration}
import scala.jdk.CollectionConverters._
import scala.util.Try

/** Ranks, and somebody who does harm to what rank 1 sends to rank 0. */
class MeshFaultSuite extends AnyFunSuite with Eventually {

  implicit override val patienceConfig: PatienceConfig = PatienceConfig(Span(20, Seconds))

  private val deadlineMillis = 6000L
  private val handshakeBytes = Seq(4 + 4 + 4 + 16, 32)
  private val harmedFrame = 3
  private val sequenceAt = 4 + 1 + 1 + 4 + 8
  private val lengthAt = sequenceAt + 8

  /** What is forwarded of the harmed frame; the stream goes on behind it, or ends, or stands. */
  private sealed trait Fate
  private case class GoesOn(bytes: Array[Byte]) extends Fate
  private case class Ends(bytes: Array[Byte]) extends Fate
  private case object Stands extends Fate

  private def daemon(work: => Unit): Unit = {
    val thread = new Thread(() =>
      try work
      catch { case _: IOException => () }
    )
    thread.setDaemon(true)
    thread.start()
  }

  /** Somebody who listens where rank 1 takes it for rank 0. */
  private class Link(sockets: Ranks.Sockets) {
    private val folder = Files.createTempDirectory("moraine-link")
    private val file = folder.resolve("socket")
    val server: ServerSocketChannel = sockets match {
      case Ranks.Unix =>
        ServerSocketChannel
          .open(StandardProtocolFamily.UNIX)
          .bind(UnixDomainSocketAddress.of(file))
      case _ => ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0))
    }

    def address: String = server.getLocalAddress match {
      case internet: InetSocketAddress => s"127.0.0.1:${internet.getPort}"
      case _                           => s"127.0.0.1:1 unix:$file"
    }

    def close(): Unit = {
      server.close()
      Files.deleteIfExists(file)
      Files.delete(folder)
    }
  }

  private def call(target: Address): SocketChannel =
    if (target.unix.isPresent) SocketChannel.open(target.unix.get)
    else SocketChannel.open(target.internet)

  /** Forwards what rank 1 sends to the target frame by frame, and all that comes back. */
  private def linkTo(target: String, sockets: Ranks.Sockets, fate: Array[Byte] => Fate): Link = {
    val link = new Link(sockets)
    daemon {
      val caller = link.server.accept()
      val callee = call(Address.parse(target))
      daemon {
        pump(callee, Some(caller))
        caller.shutdownOutput()
      }
      forward(caller, callee, fate)
    }
    link
  }

  private def forward(in: SocketChannel, out: SocketChannel, fate: Array[Byte] => Fate): Unit = {
    for (length <- handshakeBytes) write(out, read(in, length))
    for (_ <- 0 until harmedFrame) write(out, nextData(in, out))
    fate(nextData(in, out)) match {
      case GoesOn(bytes) =>
        write(out, bytes)
        pump(in, Some(out))
      case Ends(bytes) =>
        write(out, bytes)
        out.shutdownOutput()
      case Stands => pump(in, None)
    }
  }

  /** The next frame with data; heartbeats before it are forwarded. */
  private def nextData(in: SocketChannel, out: SocketChannel): Array[Byte] = {
    val header = read(in, Frame.HEADER_BYTES)
    val frame = header ++ read(in, ByteBuffer.wrap(header).getInt(lengthAt))
    if (frame(4) == Frame.Kind.DATA.code) frame
    else {
      write(out, frame)
      nextData(in, out)
    }
  }

  private def pump(in: SocketChannel, out: Option[SocketChannel]): Unit = {
    val bytes = ByteBuffer.allocate(10000)
    while (in.read(bytes) >= 0) {
      bytes.flip()
      out.foreach { channel => while (bytes.hasRemaining) channel.write(bytes) }
      bytes.clear()
    }
  }

  private def read(in: SocketChannel, length: Int): Array[Byte] = {
    val bytes = ByteBuffer.allocate(length)
    while (bytes.hasRemaining) if (in.read(bytes) < 0) throw new IOException("rank 1 is gone")
    bytes.array
  }

  private def write(out: SocketChannel, bytes: Array[Byte]): Unit = {
    val left = ByteBuffer.wrap(bytes)
    while (left.hasRemaining) out.write(left)
  }

  /** All ranks' failures while they do the same again and again until one of them notices. */
  private def failures(
      worldSize: Int,
      sockets: Ranks.Sockets,
      fate: Array[Byte] => Fate,
      work: Communicator => Unit
  ): Seq[String] = {
    val pool = Executors.newFixedThreadPool(worldSize)
    implicit val context: ExecutionContext = ExecutionContext.fromExecutor(pool)
    val listeners = Seq.fill(worldSize)(sockets.listen())
    val link = linkTo(listeners.head.address, sockets, fate)
    try {
      val addresses = listeners.map(_.address)
      val ranks = listeners.zipWithIndex.map { case (listener, rank) =>
        Future {
          val mesh = Mesh.connect(
            Ranks.config(rank, worldSize, deadlineMillis, 5 * deadlineMillis),
            listener,
            (if (rank == 1) link.address +: addresses.tail else addresses).asJava
          )
          val communicator = new Communicator(mesh)
          try
            for (step <- 1 to 1000000) {
              communicator.beginStep(step)
              work(communicator)
            }
          finally communicator.close()
        }
      }
      ranks.map { rank =>
        val failure = Try(Await.result(rank, ScalaDuration(60, TimeUnit.SECONDS))).failed.get
        assert(failure.isInstanceOf[CollectiveException], failure)
        failure.getMessage
      }
    } finally {
      link.close()
      pool.shutdownNow()
    }
  }

  private def threads: Int =
    Thread.getAllStackTraces.keySet.asScala.count(_.getName.startsWith("moraine "))

  private def flipped(frame: Array[Byte], place: Int): Array[Byte] =
    frame.updated(place, (frame(place) ^ 16).toByte)

  private val faults: Seq[(String, Array[Byte] => Fate, String)] = Seq(
    ("a flipped bit in the data", f => GoesOn(flipped(f, 90)), "frame \\d+ is damaged: checksum"),
    (
      "a flipped bit in the sequence number",
      f => GoesOn(flipped(f, sequenceAt + 7)),
      "frame \\d+ is damaged"
    ),
    ("a flipped bit in the magic", f => GoesOn(flipped(f, 1)), "no frame: magic"),
    (
      "a flipped bit in the version",
      f => GoesOn(flipped(f, 3)),
      "a frame of version %, this rank has 5"
    ),
    ("a flipped bit in the step", f => GoesOn(flipped(f, 11)), "frame \\d+ is damaged"),
    ("a length that grew", f => GoesOn(flipped(f, lengthAt)), "frame \\d+ is damaged"),
    ("a frame that comes twice", f => GoesOn(f ++ f), "frame \\d+ came where \\d+ was due"),
    ("a frame that is lost", _ => GoesOn(Array.empty[Byte]), "frame \\d+ came where \\d+ was due"),
    ("half a frame, then the end", f => Ends(f.take(50)), "connection lost"),
    ("a connection closed in one direction", _ => Ends(Array.empty[Byte]), "connection lost"),
    ("a connection that stands still", _ => Stands, "gives no sign of life for 6000 ms")
  )

  private val int8 = GradientCodec.of("int8")

  /** Several chunks, so that faults come in the middle of what is encoded and sent ahead. */
  private val elements = 20 * 65536

  private val collectives: Seq[(String, Communicator => Unit)] = Seq(
    "all-reduce" -> (_.allReduce(new Array[Float](elements), int8)),
    "all-to-all" -> { communicator =>
      val counts = Array.fill(communicator.worldSize)(elements / communicator.worldSize)
      val dst = new Array[Float](counts.sum)
      communicator.allToAll(new Array[Float](counts.sum), counts, int8, dst, counts)
    },
    "reduce-scatter" -> { communicator =>
      val layout = new ShardLayout(elements.toLong, communicator.worldSize, 256)
      val shard = new Array[Float](layout.size(communicator.rank))
      communicator.reduceScatter((_, _, _, _) => (), layout, int8, shard)
    },
    "all-gather" -> { communicator =>
      val layout = new ShardLayout(elements.toLong, communicator.worldSize, 256)
      val shard = new Array[Float](layout.size(communicator.rank))
      communicator.allGather(shard, layout, int8, (_, _, _, _) => ())
    },
    "broadcast" -> { communicator =>
      val values = new Array[Float](elements)
      for (root <- 0 until communicator.worldSize) communicator.broadcast(root, values, int8)
    }
  )

  private def endsOnAll(
      worldSize: Int,
      sockets: Ranks.Sockets,
      fault: (String, Array[Byte] => Fate, String),
      operation: String,
      work: Communicator => Unit
  ): Unit = {
    val (name, fate, expected) = fault
    test(
      s"${sockets.name}, $worldSize ranks: $name ends the $operation on all ranks, which name operation, step, rank and peer"
    ) {
      val messages = failures(worldSize, sockets, fate, work)
      assert(
        s"rank 1: .*$expected|rank 1 $expected".r.findFirstIn(messages.head).nonEmpty,
        messages
      )
      for ((message, rank) <- messages.zipWithIndex)
        assert(message.matches(s"$operation at step \\d+ on rank $rank of $worldSize: .+"), message)
      for (message <- messages.tail)
        assert(message.matches(s".*: rank \\d: gave up: .*$expected.*"), messages)
      eventually(assert(threads == 0, "no thread is left"))
    }
  }

  for (fault <- faults; sockets <- Ranks.allSockets)
    endsOnAll(
      2,
      sockets,
      fault,
      "all-gather of bytes",
      communicator => communicator.allGatherBytes(new Array[Byte](100 + communicator.rank))
    )

  for ((fault, i) <- faults.zipWithIndex; worldSize <- Seq(3, 4)) {
    val (operation, work) = collectives((i + worldSize) % collectives.size)
    endsOnAll(worldSize, Ranks.allSockets(i % 2), fault, operation, work)
  }
}
