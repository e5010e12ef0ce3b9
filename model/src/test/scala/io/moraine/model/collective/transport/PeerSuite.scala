package io.moraine.model.collective.transport

import java.nio.ByteBuffer
import java.nio.channels.{ServerSocketChannel, SocketChannel}
import java.net.{InetAddress, InetSocketAddress, StandardProtocolFamily, UnixDomainSocketAddress}
import java.nio.charset.StandardCharsets.ISO_8859_1
import java.nio.file.Files
import java.util.{Collections, LinkedHashMap, Optional}
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.{Seconds, Span}

import scala.jdk.CollectionConverters._
import scala.util.Try

/** One end of a connection, and what its other end makes of it. */
class PeerSuite extends AnyFunSuite with Eventually {

  implicit override val patienceConfig: PatienceConfig = PatienceConfig(Span(10, Seconds))

  private val pool = new PayloadPool
  private val queuedFrames = 64

  /** Two ends of a Unix-domain socket, which holds little. */
  private def pair(): (Connection, SocketChannel) = {
    val folder = Files.createTempDirectory("moraine-pair")
    val file = folder.resolve("socket")
    val server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)
    server.bind(UnixDomainSocketAddress.of(file))
    val other = SocketChannel.open(UnixDomainSocketAddress.of(file))
    val own = server.accept()
    server.close()
    Files.delete(file)
    Files.delete(folder)
    (new Connection(own, true, Optional.empty()), other)
  }

  /** Two ends of a TCP connection: what one has not read yet is dropped if the other resets it. */
  private def tcpPair(): (Connection, SocketChannel) = {
    val server = ServerSocketChannel.open()
    server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress, 0))
    val other = SocketChannel.open(server.getLocalAddress)
    val own = server.accept()
    server.close()
    (new Connection(own, false, Optional.empty()), other)
  }

  private def peer(connection: Connection): Peer =
    Peer.ofAll(Collections.singletonMap(1, connection), pool).get(1)

  private def close(peer: Peer): Unit = Peer.closeAll(Seq(peer).asJava)

  private def data(length: Int): Frame =
    Frame.of(
      Frame.Kind.DATA,
      new Tag(Operation.ALL_TO_ALL, 1, 0),
      pool.wrap(new Array[Byte](length))
    )

  /** The bytes that arrive beside a frame and the farewell, at an end that takes long. */
  private def restOfWhatLeaves(): Long = {
    val (connection, other) = pair()
    val frame = data(3 << 20)
    val closing = peer(connection)
    assert(closing.offer(frame, 1000))
    val end = new Thread(() => close(closing))
    end.start()
    val piece = ByteBuffer.allocate(1 << 18)
    var count = 0L
    while (other.read(piece.clear()) >= 0) {
      count += piece.position()
      Thread.sleep(250)
    }
    other.close()
    end.join()
    count - frame.bytes - Frame.goodbye().bytes
  }

  // What these wait for is a second or two, which may pass on a machine that stands still: so thrice.

  test("what is queued leaves when it closes, however long that takes, as long as bytes leave") {
    val rests = LazyList.fill(3)(restOfWhatLeaves())
    // Heartbeats: one wakes a sender that waits for something to send.
    assert(rests.exists(rest => rest > 0 && rest % Frame.heartbeat().bytes == 0), rests.toList)
  }

  test("a rank that gives up reads on, so that its reason reaches a peer that has sent more") {
    val said = LazyList.fill(3)(lastBytes())
    assert(said.exists(_.contains("why it ends")), said.toList)
  }

  private def lastBytes(): String = {
    val (connection, other) = tcpPair()
    val closing = peer(connection)
    val writer = new FrameWriter(other)
    for (_ <- 1 to 4 * queuedFrames) writer.append(data(1000))
    writer.flush()
    assert(closing.offer(data(5 << 20), 1000))
    val piece = ByteBuffer.allocate(1 << 16)
    var said = ""
    def read(): Int = {
      val count = other.read(piece.clear())
      said = (said + new String(piece.array, 0, math.max(0, count), ISO_8859_1)).takeRight(200)
      count
    }
    assert(read() > 0, "it sends")
    closing.abort("why it ends")
    val end = new Thread(() => close(closing))
    end.start()
    while (!said.contains("why it ends") && Try(read()).getOrElse(-1) >= 0) Thread.sleep(5)
    other.close()
    end.join()
    said
  }

  /** What a rank says of a peer that told why it ends, behind frames that nobody has taken yet, and
    * closed, so that sending to it fails.
    */
  private def lastWords(): String = {
    val (connection, other) = pair()
    val own = peer(connection)
    val writer = new FrameWriter(other)
    for (_ <- 1 to queuedFrames + 1) writer.append(data(10))
    writer.append(Frame.abort("its reason"))
    writer.flush()
    assert(own.offer(data(5 << 20), 1000), "more than a socket holds")
    other.close()
    Thread.sleep(100)
    while (own.poll(100) != null) {}
    eventually(assert(own.failure.nonEmpty))
    close(own)
    own.failure
  }

  test("what a peer said last is heard, though sending to it has failed already") {
    val words = LazyList.fill(3)(lastWords())
    assert(words.contains("gave up: its reason"), words.toList)
  }

  test("a peer that dies while its frames wait to be taken is missed once they are taken") {
    val (connection, other) = pair()
    val receiving = peer(connection)
    val writer = new FrameWriter(other)
    for (_ <- 1 to queuedFrames + 2) writer.append(data(10))
    writer.flush()
    Thread.sleep(2500) // a peer's first sign may take a second
    // It is not known what else there is.
    eventually(assert(receiving.silentNanos < 1000000000L))
    for (_ <- 1 to queuedFrames + 2) assert(receiving.poll(1000) != null)
    eventually(assert(receiving.silentNanos > 2000000000L))
    other.close()
    close(receiving)
  }

  test("if one of several peers cannot be made, those before it are told why and closed") {
    val (connection, other) = pair()
    val (unmade, third) = pair()
    val connections = new LinkedHashMap[Integer, Connection]
    connections.put(1, connection)
    connections.put(null, unmade) // which is no rank
    val teller = new Thread(() => {
      val frame = new FrameReader(other, pool).read()
      assert(frame.kind == Frame.Kind.ABORT)
      other.close()
    })
    teller.start()
    intercept[NullPointerException](Peer.ofAll(connections, pool))
    teller.join()
    assert(!other.isOpen, "it was told")
    assert(!connection.socket.isOpen && !unmade.socket.isOpen)
    third.close()
  }
}
