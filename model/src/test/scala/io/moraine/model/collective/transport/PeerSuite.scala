package io.moraine.model.collective.transport

import java.nio.ByteBuffer
import java.nio.channels.{ServerSocketChannel, SocketChannel}
import java.net.{StandardProtocolFamily, UnixDomainSocketAddress}
import java.nio.file.Files
import java.util.{Collections, LinkedHashMap, Optional}
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.{Seconds, Span}

import scala.jdk.CollectionConverters._

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

  private def peer(connection: Connection): Peer =
    Peer.ofAll(Collections.singletonMap(1, connection), pool).get(1)

  private def close(peer: Peer): Unit = Peer.closeAll(Seq(peer).asJava)

  private def data(length: Int): Frame =
    Frame.of(
      Frame.Kind.DATA,
      new Tag(Operation.ALL_TO_ALL, 1, 0),
      pool.wrap(new Array[Byte](length))
    )

  test("what is queued leaves when it closes, however long that takes, as long as bytes leave") {
    val (connection, other) = pair()
    val closing = peer(connection)
    val frame = data(5 << 20)
    assert(closing.offer(frame, 1000))
    val end = new Thread(() => close(closing))
    end.start()
    val piece = ByteBuffer.allocate(1 << 18)
    var count = 0L
    while (other.read(piece.clear()) >= 0) {
      count += piece.position()
      Thread.sleep(250)
    }
    // The heartbeat wakes a sender that waits for something to send.
    assert(count == frame.bytes + Frame.heartbeat().bytes + Frame.goodbye().bytes)
    other.close()
    end.join()
  }

  test("a peer that dies while its frames wait to be taken is missed once they are taken") {
    val (connection, other) = pair()
    val receiving = peer(connection)
    val writer = new FrameWriter(other)
    for (_ <- 1 to queuedFrames + 2) writer.append(data(10))
    writer.flush()
    Thread.sleep(2500) // a peer's first sign may take a second
    assert(receiving.silentNanos < 1000000000L, "it is not known what else there is")
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
