package io.moraine.model.collective.transport

import io.moraine.model.collective.{Communicator, Ranks}
import java.net.Socket
import java.nio.charset.StandardCharsets
import java.time.Duration
import java.util.List
import java.util.concurrent.{Callable, Executors}
import org.scalatest.funsuite.AnyFunSuite

class MeshSuite extends AnyFunSuite {

  private def connectBoth(
      first: MeshConfig,
      second: MeshConfig,
      before: String => Unit = _ => ()
  ): (Either[Throwable, Mesh], Either[Throwable, Mesh]) = {
    val pool = Executors.newFixedThreadPool(2)
    try {
      val listeners = Seq(Listener.open("127.0.0.1"), Listener.open("127.0.0.1"))
      val addresses = List.of(listeners(0).address, listeners(1).address)
      before(addresses.get(0))
      def join(config: MeshConfig) = pool.submit(new Callable[Either[Throwable, Mesh]] {
        override def call(): Either[Throwable, Mesh] =
          try Right(Mesh.connect(config, listeners(config.rank), addresses))
          catch { case e: TransportException => Left(e) }
      })
      val results = Seq(join(first), join(second)).map(_.get())
      (results(0), results(1))
    } finally pool.shutdownNow()
  }

  private def close(meshes: Either[Throwable, Mesh]*): Unit =
    meshes.foreach(_.foreach(_.close()))

  test("strangers at the port, silent or talking, do not keep the ranks apart") {
    def callers(address: String): Unit = {
      val port = address.split(':')(1).toInt
      new Socket("127.0.0.1", port)
      new Socket("127.0.0.1", port).getOutputStream
        .write("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII))
    }
    val (first, second) = connectBoth(Ranks.config(0, 2), Ranks.config(1, 2), callers)
    assert(first.isRight && second.isRight)
    close(first, second)
  }

  private def other(secret: Array[Byte], runId: String): MeshConfig =
    new MeshConfig(
      1,
      2,
      runId,
      secret,
      Duration.ofMillis(1500),
      Duration.ofMillis(1500),
      () => false
    )

  test("a rank with another secret is not let in, and both sides say who is missing") {
    val wrong = "fedcba9876543210".getBytes(StandardCharsets.US_ASCII)
    val (first, second) = connectBoth(Ranks.config(0, 2, 1500), other(wrong, "test"))
    assert(first.left.toOption.get.getMessage == "rank [1] did not connect")
    assert(second.left.toOption.get.getMessage.startsWith("rank 0 cannot be reached at 127.0.0.1:"))
    assert(second.left.toOption.get.getMessage.endsWith("rank 0 does not know the run's secret"))
  }

  test("a rank of another run with the same secret is not let in") {
    val (first, second) = connectBoth(Ranks.config(0, 2, 1500), other(Ranks.secret, "another run"))
    assert(first.isLeft && second.isLeft)
  }

  test("a wait is ended when the task is cancelled") {
    @volatile var cancelled = false
    val config = new MeshConfig(
      0,
      2,
      "test",
      Ranks.secret,
      Duration.ofSeconds(60),
      Duration.ofSeconds(60),
      () => cancelled
    )
    val (first, second) = connectBoth(config, Ranks.config(1, 2))
    cancelled = true
    val error = intercept[TransportException](first.toOption.get.receive(1))
    assert(error.getMessage == "cancelled while waiting for rank 1")
    close(first, second)
  }

  test("a mesh of one rank sends nothing and every collective is its own") {
    val communicator = new Communicator(Mesh.alone(Ranks.config(0, 1)))
    assert(communicator.allReduceSum(Array(2.5)).toSeq == Seq(2.5))
    assert(communicator.sentBytes == 0)
  }
}
