package io.moraine.model.collective.transport

import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.collective.{
  CollectiveException,
  Communicator,
  Hierarchy,
  Ranks,
  ShardLayout
}
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

  /** What a busy machine of two cores may take longer. */
  private val marginMillis = 20000L
  private val handshakeBytes = Seq(4 + 4 + 4 + 16, 32)
  private val harmedFrame = 3

  /** Behind what TLS needs to begin, in the middle of a record. */
  private val harmedByte = 300000
  private val sequenceAt = 4 + 1 + 1 + 4 + 8
  private val lengthAt = sequenceAt + 8

  /** What is forwarded of the harmed frame; the stream goes on behind it, or ends, or stands. */
  private sealed trait Fate
  private case class GoesOn(bytes: Array[Byte]) extends Fate
  private case class Ends(bytes: Array[Byte]) extends Fate
  private case object Stands extends Fate
  private case object Killed extends Fate

  /** What goes wrong.
    *
    * @param fate
    *   of the harmed frame; with TLS, of some bytes
    * @param expected
    *   what is said of it
    * @param isHeard
    *   whether rank 1 hears of it, or sees it itself
    */
  private case class Fault(
      name: String,
      fate: Array[Byte] => Fate,
      expected: String,
      isHeard: Boolean = true
  )

  /** Ranks and how they are connected. */
  private case class Group(
      name: String,
      worldSize: Int,
      sockets: Ranks.Sockets,
      hosts: Option[Seq[Int]] = None
  ) {
    def listen(): Seq[Listener] =
      hosts.fold(Seq.fill(worldSize)(sockets.listen()))(
        _.map(host => Listener.open(s"127.0.0.${1 + host}"))
      )
    def hierarchy: Hierarchy = if (hosts.isDefined) Hierarchy.HOSTS else Hierarchy.FLAT
  }

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

    @volatile var harmedNanos = Long.MaxValue

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
      val harmed = if (sockets == Ranks.Tls) someBytes(caller, callee) else frame(caller, callee)
      link.harmedNanos = System.nanoTime()
      forward(caller, callee, fate(harmed))
    }
    link
  }

  /** The frame that is harmed, when all before it is forwarded. */
  private def frame(in: SocketChannel, out: SocketChannel): Array[Byte] = {
    for (length <- handshakeBytes) write(out, read(in, length))
    for (_ <- 0 until harmedFrame) write(out, nextData(in, out))
    nextData(in, out)
  }

  /** The same with TLS, in which nobody sees where frames begin. */
  private def someBytes(in: SocketChannel, out: SocketChannel): Array[Byte] = {
    val bytes = ByteBuffer.allocate(1000)
    var left = harmedByte
    while (left > 0) {
      bytes.clear().limit(math.min(bytes.capacity, left))
      if (in.read(bytes) < 0) throw new IOException("rank 1 is gone")
      left -= bytes.flip().remaining
      while (bytes.hasRemaining) out.write(bytes)
    }
    read(in, 100)
  }

  private def forward(in: SocketChannel, out: SocketChannel, fate: Fate): Unit =
    fate match {
      case GoesOn(bytes) =>
        write(out, bytes)
        pump(in, Some(out))
      case Ends(bytes) =>
        write(out, bytes)
        out.shutdownOutput()
      case Stands => pump(in, None)
      case Killed =>
        in.close()
        out.close()
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

  /** All ranks' failures, and the milliseconds from the harm until they have ended, while they do
    * the same again and again until one of them notices.
    */
  private def failures(
      group: Group,
      fate: Array[Byte] => Fate,
      work: Communicator => Unit
  ): Seq[(String, Long)] = {
    val pool = Executors.newFixedThreadPool(group.worldSize)
    implicit val context: ExecutionContext = ExecutionContext.fromExecutor(pool)
    val listeners = group.listen()
    val link = linkTo(listeners.head.address, group.sockets, fate)
    try {
      val addresses = listeners.map(_.address)
      val ranks = listeners.zipWithIndex.map { case (listener, rank) =>
        Future {
          val mesh = Mesh.connect(
            group.sockets.configured(
              Ranks.config(rank, group.worldSize, deadlineMillis, 5 * deadlineMillis)
            ),
            listener,
            (if (rank == 1) link.address +: addresses.tail else addresses).asJava
          )
          val communicator = new Communicator(mesh, group.hierarchy)
          val failure =
            try
              Try {
                for (step <- 1 to 1000000) {
                  communicator.beginStep(step)
                  work(communicator)
                }
              }
            finally communicator.close()
          (failure.failed.get, (System.nanoTime() - link.harmedNanos) / 1000000)
        }
      }
      ranks.map { rank =>
        val (failure, millis) = Await.result(rank, ScalaDuration(90, TimeUnit.SECONDS))
        assert(failure.isInstanceOf[CollectiveException], failure)
        (failure.getMessage, millis)
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

  private val truncated =
    Fault("half a frame, then the end", f => Ends(f.take(50)), "connection lost")
  private val stalled =
    Fault("a connection that stands still", _ => Stands, "gives no sign of life for 6000 ms")
  private val killed =
    Fault("a connection that is cut", _ => Killed, "connection lost", isHeard = false)

  private val faults: Seq[Fault] = Seq(
    Fault(
      "a flipped bit in the data",
      f => GoesOn(flipped(f, 90)),
      "frame \\d+ is damaged: checksum"
    ),
    Fault(
      "a flipped bit in the sequence number",
      f => GoesOn(flipped(f, sequenceAt + 7)),
      "frame \\d+ is damaged"
    ),
    Fault("a flipped bit in the magic", f => GoesOn(flipped(f, 1)), "no frame: magic"),
    Fault(
      "a flipped bit in the version",
      f => GoesOn(flipped(f, 3)),
      "a frame of version %, this rank has 5"
    ),
    Fault("a flipped bit in the step", f => GoesOn(flipped(f, 11)), "frame \\d+ is damaged"),
    Fault("a length that grew", f => GoesOn(flipped(f, lengthAt)), "frame \\d+ is damaged"),
    Fault("a frame that comes twice", f => GoesOn(f ++ f), "frame \\d+ came where \\d+ was due"),
    Fault(
      "a frame that is lost",
      _ => GoesOn(Array.empty[Byte]),
      "frame \\d+ came where \\d+ was due"
    ),
    truncated,
    Fault("a connection closed in one direction", _ => Ends(Array.empty[Byte]), "connection lost"),
    stalled,
    killed
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
      group: Group,
      fault: Fault,
      operation: String,
      work: Communicator => Unit
  ): Unit = {
    import fault.expected
    test(
      s"${group.name}, ${group.worldSize} ranks: ${fault.name} ends the $operation on all ranks in time, which name operation, step, rank and peer"
    ) {
      val (messages, millis) = failures(group, fault.fate, work).unzip
      assert(millis.forall(_ <= deadlineMillis + marginMillis), millis)
      assert(
        s"rank 1: .*$expected|rank 1 $expected".r.findFirstIn(messages.head).nonEmpty,
        messages
      )
      for ((message, rank) <- messages.zipWithIndex)
        assert(
          message.matches(s"$operation at step \\d+ on rank $rank of ${group.worldSize}: .+"),
          message
        )
      val said = if (fault.isHeard) "gave up: .*" else ".*"
      for (message <- messages.tail)
        assert(message.matches(s".*: rank \\d: $said$expected.*"), messages)
      eventually(assert(threads == 0, "no thread is left"))
    }
  }

  for (fault <- faults; sockets <- Ranks.allSockets)
    endsOnAll(
      Group(sockets.name, 2, sockets),
      fault,
      "all-gather of bytes",
      communicator => communicator.allGatherBytes(new Array[Byte](100 + communicator.rank))
    )

  for ((fault, i) <- faults.zipWithIndex; worldSize <- Seq(3, 4)) {
    val (operation, work) = collectives((i + worldSize) % collectives.size)
    val sockets = Ranks.allSockets(i % 2)
    endsOnAll(Group(sockets.name, worldSize, sockets), fault, operation, work)
  }

  private val (reduction, reduce) = collectives.head
  private val hosts = Seq(
    Group("by hosts, within one", 4, Ranks.Tcp, Some(Seq(0, 0, 1, 1))),
    Group("by hosts, between two", 4, Ranks.Tcp, Some(Seq(0, 1, 1, 0)))
  )
  for (fault <- Seq(faults.head, truncated, stalled, killed); group <- hosts)
    endsOnAll(group, fault, reduction, reduce)

  for (fault <- Seq(truncated, stalled, killed); worldSize <- Seq(2, 3))
    endsOnAll(Group("TLS", worldSize, Ranks.Tls), fault, reduction, reduce)
}
