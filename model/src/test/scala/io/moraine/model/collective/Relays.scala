package io.moraine.model.collective

import java.io.IOException
import java.net.{InetAddress, ServerSocket, Socket}
import java.util.concurrent.ConcurrentLinkedQueue

/** Connections that go through this process and can be cut at any moment, without a goodbye. */
class Relays extends AutoCloseable {

  private val servers = new ConcurrentLinkedQueue[ServerSocket]
  private val sockets = new ConcurrentLinkedQueue[Socket]

  /** An address whose callers reach the target, `host:port`. */
  def to(target: String): String = {
    val server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))
    servers.add(server)
    daemon {
      while (true) {
        val caller = server.accept()
        val Array(host, port) = target.split(':')
        val callee = new Socket(host, port.toInt)
        sockets.add(caller)
        sockets.add(callee)
        daemon(pump(caller, callee))
        daemon(pump(callee, caller))
      }
    }
    s"127.0.0.1:${server.getLocalPort}"
  }

  /** Ends all connections at once. */
  def cut(): Unit = sockets.forEach(_.close())

  override def close(): Unit = {
    servers.forEach(_.close())
    cut()
  }

  private def pump(from: Socket, to: Socket): Unit = {
    from.getInputStream.transferTo(to.getOutputStream)
    to.shutdownOutput()
  }

  private def daemon(work: => Unit): Unit = {
    val thread = new Thread(() =>
      try work
      catch { case _: IOException => () }
    )
    thread.setDaemon(true)
    thread.start()
  }
}
