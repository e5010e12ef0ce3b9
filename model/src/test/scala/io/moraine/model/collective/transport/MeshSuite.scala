package io.moraine.model.collective.transport

import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.collective.{CollectiveException, Communicator, Ranks}
import java.lang.management.ManagementFactory
import java.net.InetSocketAddress
import java.nio.ByteBuffer
import java.nio.channels.SocketChannel
import java.nio.charset.StandardCharsets
import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermissions
import java.time.Duration
import java.util.List
import java.util.concurrent.locks.LockSupport
import java.util.concurrent.{Callable, Executors}
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.{Seconds, Span}

import scala.jdk.CollectionConverters._

class MeshSuite extends AnyFunSuite with Eventually {

  implicit override val patienceConfig: PatienceConfig = PatienceConfig(Span(10, Seconds))

  private def connectBoth(
      first: MeshConfig,
      second: MeshConfig,
      sockets: Ranks.Sockets = Ranks.Tcp,
      before: String => Unit = _ => (),
      addresses: Seq[String] => Seq[String] = identity
  ): (Either[Throwable, Mesh], Either[Throwable, Mesh]) = {
    val pool = Executors.newFixedThreadPool(2)
    try {
      val listeners = Seq(sockets.listen(), sockets.listen())
      val told = addresses(listeners.map(_.address)).asJava
      before(told.get(0))
      def join(config: MeshConfig) = pool.submit(new Callable[Either[Throwable, Mesh]] {
        override def call(): Either[Throwable, Mesh] =
          try Right(Mesh.connect(config, listeners(config.rank), told))
          catch { case e: TransportException => Left(e) }
      })
      val results = Seq(join(first), join(second)).map(_.get())
      (results(0), results(1))
    } finally pool.shutdownNow()
  }

  private def close(meshes: Either[Throwable, Mesh]*): Unit =
    meshes.foreach(_.foreach(_.close()))

  for (sockets <- Ranks.allSockets)
    test(s"${sockets.name}: strangers, silent or talking, do not keep the ranks apart") {
      def callers(address: String): Unit = {
        val parsed = Address.parse(address)
        def call() =
          if (parsed.unix.isPresent) SocketChannel.open(parsed.unix.get)
          else SocketChannel.open(parsed.internet)
        call()
        call().write(ByteBuffer.wrap("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII)))
      }
      val (first, second) = connectBoth(Ranks.config(0, 2), Ranks.config(1, 2), sockets, callers)
      val unixPeers = if (sockets == Ranks.Unix) 1 else 0
      assert(Seq(first, second).map(_.toOption.get.unixPeers) == Seq(unixPeers, unixPeers))
      close(first, second)
    }

  test(
    "a Unix-domain socket stands in a folder for its owner alone, which goes with the listener"
  ) {
    val listener = Ranks.Unix.listen()
    val file = Address.parse(listener.address).socket.get
    assert(
      PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent)) == "rwx------"
    )
    listener.close()
    assert(!Files.exists(file.getParent))
  }

  test("a Unix-domain socket whose name would be too long is left out, and TCP serves") {
    val long = Files.createTempDirectory("moraine-" + "n" * 100)
    val listener = Listener.withUnixSocket("127.0.0.1", long)
    assert(Address.parse(listener.address).socket.isEmpty)
    assert(!Files.exists(long))
    listener.close()
  }

  test("a rank whose Unix-domain socket is not on this host is called by TCP") {
    val (first, second) = connectBoth(
      Ranks.config(0, 2),
      Ranks.config(1, 2),
      addresses = _.map(_ + " unix:/nowhere/socket")
    )
    assert(Seq(first, second).map(_.toOption.get.unixPeers) == Seq(0, 0))
    close(first, second)
  }

  test("addresses are read as they are written, others are refused with the rule") {
    for (text <- Seq("localhost:80", "[::1]:65535", "10.0.0.1:1 unix:/tmp/a b/socket"))
      assert(Address.parse(text).toString == text)
    for (text <- Seq("localhost", ":80", "localhost:", "localhost:http", "localhost:123456"))
      assert(
        intercept[IllegalArgumentException](Address.parse(text)).getMessage ==
          s"an address is host:port with a port in [1, 65535], got $text"
      )
  }

  test("a host that nobody knows is named with the rank") {
    val config = other(Ranks.secret, "test")
    val error = intercept[TransportException](
      Mesh.connect(config, Ranks.Tcp.listen(), List.of("nobody.invalid:1", "127.0.0.1:1"))
    )
    assert(
      error.getMessage.startsWith(
        "connecting rank 1 of 2: rank 0 cannot be reached at nobody.invalid:1: "
      )
    )
  }

  test("who claims to be a rank that does not call here is shown no proof") {
    val listener = Ranks.Tcp.listen()
    val channel = SocketChannel.open(Address.parse(listener.address).internet)
    val greeting = ByteBuffer.allocate(4 + 4 + 4 + 16).putInt(0x4d4f5241).putInt(2).putInt(0)
    channel.write(greeting.clear())
    intercept[TransportException](
      Mesh.connect(
        other(Ranks.secret, "test"),
        listener,
        List.of("127.0.0.1:1", listener.address)
      )
    )
    val answer = ByteBuffer.allocate(1000)
    while (channel.read(answer) >= 0) {}
    assert(answer.position() == greeting.capacity(), "its own greeting, and nothing else")
    channel.close()
  }

  test("ranks in different collectives, or steps, notice at the first frame") {
    val barrier = new Tag(Operation.BARRIER, 3, 7)
    for (
      (tag, text) <- Seq(
        new Tag(Operation.ALL_REDUCE, 3, 7) -> "all-reduce (collective 3, step 7)",
        new Tag(Operation.BARRIER, 4, 7) -> "barrier (collective 4, step 7)",
        new Tag(Operation.BARRIER, 3, 8) -> "barrier (collective 3, step 8)"
      )
    ) {
      val (first, second) = connectBoth(Ranks.config(0, 2), Ranks.config(1, 2))
      val Seq(sender, receiver) = Seq(first, second).map(_.toOption.get)
      sender.send(1, tag, sender.wrap(Array[Byte](1)))
      assert(
        intercept[TransportException](receiver.receive(0, barrier)).getMessage ==
          s"rank 0 runs $text, this rank barrier (collective 3, step 7)"
      )
      close(first, second)
    }
  }

  private def other(secret: Array[Byte], runId: String): MeshConfig =
    new MeshConfig(
      1,
      2,
      runId,
      secret,
      Duration.ofMillis(3000),
      Duration.ofMillis(3000),
      () => false
    )

  for (sockets <- Ranks.allSockets)
    test(
      s"${sockets.name}: a rank with another secret is not let in, and both sides say who is missing"
    ) {
      val wrong = "fedcba9876543210".getBytes(StandardCharsets.US_ASCII)
      val (first, second) = connectBoth(Ranks.config(0, 2, 3000), other(wrong, "test"), sockets)
      assert(
        first.left.toOption.get.getMessage ==
          "connecting rank 0 of 2: rank [1] did not connect; a caller was refused: rank 1 is of another run or does not know this run's secret"
      )
      assert(
        second.left.toOption.get.getMessage
          .startsWith("connecting rank 1 of 2: rank 0 cannot be reached at 127.0.0.1:")
      )
      assert(
        second.left.toOption.get.getMessage
          .endsWith("rank 0 is of another run or does not know this run's secret")
      )
    }

  test("a rank of another run with the same secret is not let in") {
    val (first, second) = connectBoth(Ranks.config(0, 2, 3000), other(Ranks.secret, "another run"))
    assert(
      first.left.toOption.get.getMessage ==
        "connecting rank 0 of 2: rank [1] did not connect; a caller was refused: rank 1 is of another run or does not know this run's secret"
    )
    assert(
      second.left.toOption.get.getMessage
        .endsWith("rank 0 is of another run or does not know this run's secret")
    )
  }

  test("ranks that are cancelled while they connect say so") {
    val config = new MeshConfig(
      0,
      2,
      "test",
      Ranks.secret,
      Duration.ofSeconds(60),
      Duration.ofSeconds(60),
      () => true
    )
    val alone = Ranks.Tcp.listen()
    val error = intercept[TransportException](
      Mesh.connect(config, alone, List.of(alone.address, "127.0.0.1:1"))
    )
    assert(error.getMessage == "connecting rank 0 of 2: cancelled while ranks connect")
  }

  test(
    "a rank that is interrupted while nobody answers its call ends, and does not spin until then"
  ) {
    val silent = Ranks.Tcp.listen() // the system takes the call, and nobody reads
    val clock = ManagementFactory.getThreadMXBean
    @volatile var said = ""
    @volatile var worked = 0L
    val rank = new Thread(() => {
      val before = clock.getCurrentThreadCpuTime
      said = intercept[TransportException](
        Mesh.connect(
          Ranks.config(1, 2, 60000),
          Ranks.Tcp.listen(),
          List.of(silent.address, "127.0.0.1:1")
        )
      ).getMessage
      worked = clock.getCurrentThreadCpuTime - before
    })
    rank.start()
    Thread.sleep(500)
    rank.interrupt()
    rank.join(60000)
    assert(said == "connecting rank 1 of 2: cancelled while ranks connect")
    assert(worked < 2000000000L, "of five seconds in which an answer may come")
    silent.close()
  }

  test("two ranks that do not reach each other tell a third, connected to both, why") {
    val silence = 3000L
    val listeners = Seq.fill(3)(Ranks.Tcp.listen())
    // Bound and not listened at: refused, and nobody else's.
    val nobody = SocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0))
    val refusing = s"127.0.0.1:${nobody.socket.getLocalPort}"
    val pool = Executors.newFixedThreadPool(3)
    try {
      def rank(rank: Int, first: String) = pool.submit(new Callable[String] {
        override def call(): String = {
          val told = Seq(listeners(0).address, first, listeners(2).address).asJava
          intercept[TransportException] {
            // The third waits for longer than the two try.
            val config = Ranks.config(rank, 3, if (rank == 0) 20000L else silence)
            val mesh = Mesh.connect(config, listeners(rank), told)
            try mesh.receive(1, Frame.NO_TAG)
            finally mesh.close()
          }.getMessage
        }
      })
      val Seq(third, called, caller) =
        Seq(rank(0, listeners(1).address), rank(1, listeners(1).address), rank(2, refusing))
          .map(_.get())
      assert(called == "connecting rank 1 of 3: rank [2] did not connect")
      val unreached = s"rank 1 cannot be reached at $refusing: Connection refused"
      assert(caller == "connecting rank 2 of 3: " + unreached)
      val name = classOf[TransportException].getName
      assert(
        Seq(
          s"rank 1: gave up: $name: rank [2] did not connect",
          s"rank 2: gave up: $name: $unreached"
        )
          .contains(third),
        third
      )
    } finally {
      nobody.close()
      pool.shutdownNow()
    }
  }

  test("a call that was given up and is answered late does not take the place of the next one") {
    val listener = Ranks.Tcp.listen()
    val address = Address.parse(listener.address).internet
    val pool = Executors.newFixedThreadPool(1)
    try {
      val connector = new Connector(Ranks.config(0, 3))
      val connected = pool.submit(new Callable[java.util.Map[Integer, Connection]] {
        override def call() = connector.connect(listener, List.of("a:1", "b:1", "c:1"))
      })
      def greet(rank: Int, channel: SocketChannel): Unit =
        new Handshake(Ranks.config(rank, 3)).perform(channel, _ == 0)
      val late = SocketChannel.open(address)
      val next = SocketChannel.open(address)
      greet(1, next)
      greet(1, late)
      late.configureBlocking(false)
      eventually(assert(late.read(ByteBuffer.allocate(1)) == -1, "it is not let in"))
      greet(2, SocketChannel.open(address))
      val let = connected.get().get(1).socket
      assert(let.getRemoteAddress == next.getLocalAddress)
    } finally pool.shutdownNow()
  }

  test("ranks that do not end are waited for together") {
    val listeners = Seq.fill(8)(Ranks.Tcp.listen())
    val told = listeners.map(_.address).asJava
    val pool = Executors.newFixedThreadPool(8)
    try {
      val meshes = listeners.zipWithIndex
        .map { case (listener, rank) =>
          pool.submit(new Callable[Mesh] {
            override def call(): Mesh = Mesh.connect(Ranks.config(rank, 8), listener, told)
          })
        }
        .map(_.get())
      val start = System.nanoTime()
      meshes.head.close()
      val millis = (System.nanoTime() - start) / 1000000
      assert(millis < 12000, "2 s for all of them, not for each of seven")
      meshes.tail
        .map(mesh => pool.submit(new Callable[Unit] { override def call(): Unit = mesh.close() }))
        .foreach(_.get())
    } finally pool.shutdownNow()
  }

  test("a rank that stood still itself finds what came meanwhile, whatever the deadline") {
    val config = Ranks.config(0, 2, silenceMillis = 20000, computeMillis = 3000)
    val (first, second) = connectBoth(config, Ranks.config(1, 2))
    val Seq(own, other) = Seq(first, second).map(_.toOption.get)
    val tag = new Tag(Operation.ALL_TO_ALL, 1, 0)
    for (_ <- 1 to 2) other.send(0, tag, other.wrap(new Array[Byte](1)))
    own.receive(1, tag).release()
    Thread.sleep(4000)
    own.receive(1, tag).release()
    val error = intercept[TransportException](own.receive(1, tag))
    assert(error.getMessage == "rank 1 has not done its part within 3000 ms")
    close(first, second)
  }

  test("bytes that no frame holds are refused where they are sent") {
    val mesh = Mesh.alone(Ranks.config(0, 1))
    assert(
      intercept[IllegalArgumentException](mesh.wrap(new Array[Byte]((1 << 26) + 1))).getMessage ==
        "at most 67,108,864 bytes can be sent at once, got 67,108,865"
    )
  }

  test("a Unix-domain socket whose port cannot be opened leaves no folder") {
    val folder = Files.createTempDirectory("moraine-listener")
    intercept[TransportException](Listener.withUnixSocket("192.0.2.1", folder))
    assert(!Files.exists(folder))
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
    val error = intercept[TransportException](first.toOption.get.receive(1, Frame.NO_TAG))
    assert(error.getMessage == "cancelled while waiting for rank 1")
    close(first, second)
  }

  test("a rank that always sends, but too little, ends the operation at the compute deadline") {
    val config = new MeshConfig(
      0,
      2,
      "test",
      Ranks.secret,
      Duration.ofSeconds(20),
      Duration.ofSeconds(2),
      () => false
    )
    val (first, second) = connectBoth(config, Ranks.config(1, 2))
    val Seq(own, slow) = Seq(first, second).map(_.toOption.get)
    val chunk = 1 << 16
    val chunks = 1000
    @volatile var sent = 0
    val sender = new Thread(() =>
      while (sent < chunks && !Thread.interrupted()) {
        val payload = slow.wrap(new Array[Byte](4 * chunk))
        slow.send(0, new Tag(Operation.ALL_TO_ALL, 1, 0), payload)
        sent += 1
        LockSupport.parkNanos(40000000)
      }
    )
    sender.start()
    val error = intercept[CollectiveException] {
      new Communicator(own).allToAll(
        new Array[Float](0),
        Array(0, 0),
        GradientCodec.of("fp32"),
        new Array[Float](chunks * chunk),
        Array(0, chunks * chunk)
      )
    }
    assert(
      error.getMessage ==
        "all-to-all at step 0 on rank 0 of 2: rank 1 has not done its part within 2000 ms"
    )
    assert(sent > 1 && sent < chunks)
    sender.interrupt()
    sender.join()
    close(first, second)
  }

  test("a mesh of one rank sends nothing and every collective is its own") {
    val communicator = new Communicator(Mesh.alone(Ranks.config(0, 1)))
    assert(communicator.allReduceSum(Array(2.5)).toSeq == Seq(2.5))
    assert(communicator.sentBytes == 0)
  }
}
