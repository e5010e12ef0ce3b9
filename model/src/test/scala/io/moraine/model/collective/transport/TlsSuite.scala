package io.moraine.model.collective.transport

import io.moraine.model.collective.{Certificates, CollectiveException, Communicator, Ranks}
import java.io.IOException
import java.lang.management.{BufferPoolMXBean, ManagementFactory}
import java.net.InetSocketAddress
import java.nio.ByteBuffer
import java.nio.channels.{ByteChannel, ServerSocketChannel, SocketChannel}
import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path}
import java.util.SplittableRandom
import java.util.concurrent.{Executors, TimeUnit}
import org.scalatest.funsuite.AnyFunSuite

import scala.concurrent.{Await, ExecutionContext, Future}
import scala.concurrent.duration.{Duration => ScalaDuration}
import scala.jdk.CollectionConverters._
import scala.util.Try

class TlsSuite extends AnyFunSuite {

  /** Of ranks that do not come together, which wait it out. */
  private val deadlineMillis = 5000L

  private def daemon(work: => Unit): Unit = {
    val thread = new Thread(() =>
      try work
      catch { case _: IOException => () }
    )
    thread.setDaemon(true)
    thread.start()
  }

  /** Ranks, each with TLS or without, and what they make of it. */
  private def all[T](
      tls: Seq[Option[Tls]],
      sockets: Ranks.Sockets = Ranks.Tcp,
      before: String => Unit = _ => (),
      between: String => String = identity,
      silenceMillis: Long = 20000
  )(work: Mesh => T): Seq[Try[T]] = {
    val pool = Executors.newFixedThreadPool(tls.size)
    implicit val context: ExecutionContext = ExecutionContext.fromExecutor(pool)
    try {
      val listeners = tls.map(_ => sockets.listen())
      before(listeners.head.address)
      val told = (between(listeners.head.address) +: listeners.tail.map(_.address)).asJava
      val ranks = listeners.zipWithIndex.map { case (listener, rank) =>
        Future {
          val config = Ranks.config(rank, tls.size, silenceMillis)
          val mesh = Mesh.connect(tls(rank).fold(config)(config.withTls), listener, told)
          try work(mesh)
          finally mesh.close()
        }
      }
      ranks.map(rank => Try(Await.result(rank, ScalaDuration(60, TimeUnit.SECONDS))))
    } finally pool.shutdownNow()
  }

  private def sum(mesh: Mesh): Seq[Long] =
    new Communicator(mesh).allReduceSum(Array(mesh.rank + 1L)).toSeq

  /** What both say who cannot come together. */
  private def refusals(first: Option[Tls], second: Option[Tls]): (String, String) = {
    val Seq(a, b) = all(Seq(first, second), silenceMillis = deadlineMillis)(sum).map(_.failed.get)
    assert(a.isInstanceOf[TransportException] && b.isInstanceOf[TransportException])
    assert(!a.getMessage.contains('\n') && !b.getMessage.contains('\n'))
    val called = "connecting rank 0 of 2: rank [1] did not connect; a caller was refused: "
    assert(a.getMessage.startsWith(called))
    val caller = "connecting rank 1 of 2: rank 0 cannot be reached at 127\\.0\\.0\\.1:\\d+: (.*)".r
    b.getMessage match {
      case caller(why) => (a.getMessage.stripPrefix(called), why)
      case other       => fail(other)
    }
  }

  private def cluster = Some(Certificates.cluster)

  test("a rank without TLS and one with TLS do not come together, whoever calls, and say so") {
    val (without, withTls) =
      ("it speaks without TLS, this rank with TLS", "it speaks with TLS, this rank without TLS")
    assert(refusals(cluster, None) == (without -> withTls))
    assert(refusals(None, cluster) == (withTls -> without))
  }

  private val patienceMillis = 60000L

  /** What ranks say that end long before their deadline. */
  private def endedAtOnce(tls: Tls*): Seq[Throwable] = {
    val start = System.nanoTime()
    val failures =
      all(tls.map(Some(_)), silenceMillis = patienceMillis)(sum).map(_.failed.get)
    assert(System.nanoTime() - start < patienceMillis * 1000000 / 3)
    assert(!failures.exists(_.getMessage.contains('\n')), failures)
    failures
  }

  /** Of two ranks: what the caller says, and that the called one hears of it. */
  private def untrusted(called: Tls, caller: Tls): String = {
    val Seq(a, b) = endedAtOnce(called, caller)
    assert(a.isInstanceOf[UntrustedException] && b.isInstanceOf[UntrustedException], (a, b))
    val said = b.getMessage.stripPrefix("connecting rank 1 of 2: ")
    assert(a.getMessage.startsWith("connecting rank 0 of 2: rank 1 gave up: " + said))
    val told =
      ("connecting rank 1 of 2: rank 0 at 127\\.0\\.0\\.1:\\d+: (.*)\\. Each rank's truststore has to hold the " +
        "certificates of all ranks or who signed them, and their time must not be over\\.").r
    b.getMessage match {
      case told(why) => why
      case other     => fail(other)
    }
  }

  private def refused(name: String) =
    s"it refused this rank's certificate, CN=$name (certificate_unknown)"

  test("a certificate that nobody trusts, on either side, ends both ranks at once") {
    val stranger = Certificates.tls(Certificates.stranger, Certificates.authority)
    assert(untrusted(Certificates.cluster, stranger) == refused("stranger"))
    assert(
      untrusted(stranger, Certificates.cluster) ==
        "the certificate of CN=stranger is not trusted: the truststore holds neither it nor who " +
        "signed it"
    )
  }

  test("an expired certificate ends both ranks at once, though the truststore holds it itself") {
    val late = Certificates.tls(Certificates.expired, Certificates.authorityAndExpired)
    val careful = Certificates.tls(Certificates.ranks, Certificates.authorityAndExpired)
    assert(untrusted(careful, late) == refused("expired"))
    val why = untrusted(late, careful)
    assert(why.matches("the certificate of CN=expired expired on \\d{4}-\\d\\d-\\d\\dT.*Z"), why)
  }

  test("a certificate that one rank does not accept ends all at once, whoever calls whom") {
    val stranger = Certificates.tls(Certificates.stranger, Certificates.authority)
    for (place <- 0 until 4) {
      val failures = endedAtOnce(Seq.fill(4)(Certificates.cluster).updated(place, stranger): _*)
      for (failure <- failures) assert(failure.toString.contains("UntrustedException"), failures)
      assert(failures.forall(_.getMessage.contains("CN=stranger")), failures)
    }
  }

  test("ranks that are connected already hear of a certificate that two others do not accept") {
    val other = Certificates.tls(Certificates.other, Certificates.authority)
    val narrow = Certificates.tls(Certificates.ranks, Certificates.ranksAlone)
    val failures = endedAtOnce(Certificates.cluster, other, narrow)
    val why = "the certificate of CN=other is not trusted: "
    assert(failures.forall(_.getMessage.contains(why)), failures)
    assert(failures.head.getMessage.contains("rank 2"), failures)
  }

  test("a stranger's word that the run is over counts for nothing") {
    val config = Ranks.config(1, 2)
    val wrong = "fedcba9876543210".getBytes(StandardCharsets.US_ASCII)
    def liar(address: String): Unit =
      for ((runId, secret) <- Seq(config.runId -> wrong, "another run" -> config.secret))
        new Notice(1, "enough").write(
          new MeshConfig(1, 2, runId, secret, config.silence, config.compute, () => false),
          SocketChannel.open(Address.parse(address).internet)
        )
    for (tls <- Seq(cluster, None))
      assert(all(Seq(tls, tls), before = liar)(sum).map(_.get) == Seq.fill(2)(Seq(3L)))
  }

  test("a record longer than TLS allows is refused before it has come") {
    val listener = Ranks.Tcp.listen()
    val channel = SocketChannel.open(Address.parse(listener.address).internet)
    channel.write(ByteBuffer.wrap(Array[Byte](22, 3, 1, 127, -1) ++ new Array[Byte](20000)))
    val config = Ranks.config(0, 2, deadlineMillis).withTls(Certificates.cluster)
    val addresses = Seq(listener.address, "127.0.0.1:1").asJava
    val error = intercept[TransportException](Mesh.connect(config, listener, addresses))
    assert(
      error.getMessage ==
        "connecting rank 0 of 2: rank [1] did not connect; a caller was refused: a record longer " +
        "than TLS allows"
    )
    channel.close()
  }

  test("idle callers, however many, hold a bounded number of threads and no direct memory") {
    val callers = 500
    val direct = ManagementFactory
      .getPlatformMXBeans(classOf[BufferPoolMXBean])
      .asScala
      .find(_.getName == "direct")
      .get
    def handshakes = Thread.getAllStackTraces.keySet.asScala
      .count(thread => thread.getName == "moraine handshake" && thread.isAlive)
    val listeners = Seq.fill(2)(Ranks.Tcp.listen())
    val addresses = listeners.map(_.address).asJava
    val pool = Executors.newFixedThreadPool(2)
    implicit val context: ExecutionContext = ExecutionContext.fromExecutor(pool)
    def rank(rank: Int) = Future {
      val config = Ranks.config(rank, 2).withTls(Certificates.cluster)
      val mesh = Mesh.connect(config, listeners(rank), addresses)
      try sum(mesh)
      finally mesh.close()
    }
    try {
      val before = direct.getMemoryUsed
      val called = rank(0)
      var (most, memory) = (0, 0L)
      val idle = (0 until callers).map { i =>
        val channel = SocketChannel.open(Address.parse(addresses.get(0)).internet)
        // A record of 16 KiB that never comes, or nothing at all.
        if (i % 2 == 0) channel.write(ByteBuffer.wrap(Array[Byte](22, 3, 1, 64, 0)))
        most = most.max(handshakes)
        memory = memory.max(direct.getMemoryUsed - before)
        channel
      }
      val caller = rank(1)
      for (found <- Seq(called, caller))
        assert(Await.result(found, ScalaDuration(30, TimeUnit.SECONDS)) == Seq(3L))
      // Threads that are on their way out are still there for a while.
      assert(most > 10 && most < callers / 2, most)
      assert(memory < 2L * (Connector.MOST_STRANGERS + 2) * (20 << 10), memory)
      idle.foreach(_.close())
    } finally pool.shutdownNow()
  }

  test("ranks with different certificates of one authority come together") {
    val other = Some(Certificates.tls(Certificates.other, Certificates.authority))
    assert(all(Seq(cluster, other))(sum).map(_.get) == Seq(Seq(3L), Seq(3L)))
  }

  test(
    "strangers, silent, talking, in what looks like TLS or in TLS, do not keep the ranks apart"
  ) {
    val random = new SplittableRandom(3)
    def callers(address: String): Unit = {
      def call() = SocketChannel.open(Address.parse(address).internet)
      call()
      call().write(ByteBuffer.wrap("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII)))
      for (length <- Seq(1, 5, 100, 20000)) {
        val garbage = new Array[Byte](length)
        random.nextBytes(garbage)
        Array[Byte](22, 3, 1, 2, 0).copyToArray(garbage)
        call().write(ByteBuffer.wrap(garbage))
      }
      daemon(Certificates.cluster.caller().shakeHands(call()))
      daemon(
        Certificates.tls(Certificates.stranger, Certificates.authority).caller().shakeHands(call())
      )
    }
    assert(all(Seq(cluster, cluster), before = callers)(sum).map(_.get) == Seq.fill(2)(Seq(3L)))
  }

  test("Unix-domain sockets stay as they are, with TLS or without") {
    val found = all(Seq(cluster, None), Ranks.Unix)(mesh => (mesh.unixPeers, sum(mesh)))
    assert(found.map(_.get) == Seq.fill(2)((1, Seq(3L))))
  }

  test("the reason why a rank gives up reaches the other") {
    val found = all(Seq(cluster, cluster)) { mesh =>
      if (mesh.rank == 0) mesh.abort("enough of it")
      else mesh.receive(0, Frame.NO_TAG)
    }
    assert(found.head.isSuccess)
    assert(found(1).failed.get.getMessage == "rank 0: gave up: enough of it")
  }

  /** Somebody between the two whom rank 1 takes for rank 0; forwards each connection. */
  private def between(forward: (SocketChannel, SocketChannel) => Unit)(target: String): String = {
    val server = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0))
    daemon {
      while (true) {
        val caller = server.accept()
        daemon(forward(caller, SocketChannel.open(Address.parse(target).internet)))
      }
    }
    s"127.0.0.1:${server.getLocalAddress.asInstanceOf[InetSocketAddress].getPort}"
  }

  private def pump(in: ByteChannel, out: ByteChannel)(seen: ByteBuffer => Unit): Unit = {
    val bytes = ByteBuffer.allocate(1000) // less than a record: it arrives in pieces
    while (in.read(bytes) >= 0) {
      seen(bytes.flip().duplicate())
      while (bytes.hasRemaining) out.write(bytes)
      bytes.clear()
    }
    out.close()
  }

  test("whoever stands between two ranks reads nothing of what they send") {
    def isSeen(tls: Option[Tls]): Boolean = {
      val marker = "a gradient that is nobody's business"
      val seen = new StringBuffer
      def listen(bytes: ByteBuffer): Unit =
        seen.append(StandardCharsets.ISO_8859_1.decode(bytes))
      val found = all(
        Seq(tls, tls),
        between = between { (caller, callee) =>
          daemon(pump(callee, caller)(_ => ()))
          pump(caller, callee)(listen)
        }
      ) { mesh =>
        new Communicator(mesh).allGatherBytes(marker.getBytes(StandardCharsets.ISO_8859_1))
      }
      found.foreach(_.get)
      seen.indexOf(marker) >= 0
    }
    assert(isSeen(None))
    assert(!isSeen(cluster))
  }

  test("a bit that flips between two ranks ends the operation on both") {
    val harmedAt = 100000
    val found = all(
      Seq(cluster, cluster),
      between = between { (caller, callee) =>
        var count = 0
        daemon(pump(callee, caller)(_ => ()))
        pump(caller, callee) { bytes =>
          val at = harmedAt - count
          count += bytes.remaining
          if (at >= 0 && at < bytes.limit()) bytes.put(at, (bytes.get(at) ^ 4).toByte)
        }
      }
    ) { mesh =>
      val communicator = new Communicator(mesh)
      while (true) communicator.allGatherBytes(new Array[Byte](20000))
    }
    val messages = found.map { rank =>
      assert(rank.failed.get.isInstanceOf[CollectiveException], rank)
      rank.failed.get.getMessage
    }
    assert(messages.head.contains("rank 1: connection lost (TLS: Tag mismatch"), messages)
    assert(messages(1).contains("rank 0: "), messages)
  }

  test("one with a certificate that all trust cannot pass on what two ranks prove to each other") {
    val middle = Certificates.tls(Certificates.other, Certificates.authority)
    @volatile var isBetween = false
    def relay(caller: SocketChannel, callee: SocketChannel): Unit = {
      val (toCaller, toCallee) = (middle.called(), middle.caller())
      toCaller.shakeHands(caller)
      toCallee.shakeHands(callee)
      isBetween = true
      val (one, two) = (new TlsChannel(toCaller, caller), new TlsChannel(toCallee, callee))
      daemon(pump(one, two)(_ => ()))
      pump(two, one)(_ => ())
    }
    val found = all(
      Seq(cluster, cluster),
      between = between(relay),
      silenceMillis = deadlineMillis
    )(sum)
    val messages = found.map(_.failed.get.getMessage)
    assert(isBetween)
    assert(
      messages.head.endsWith("rank 1 is of another run or does not know this run's secret"),
      messages
    )
    assert(
      messages(1).endsWith("rank 0 is of another run or does not know this run's secret"),
      messages
    )
  }

  test("a store that is missing, locked or empty is named, its password never") {
    def message(keys: Tls.Store, keyPassword: String, trusted: Tls.Store): String = {
      val error = intercept[TransportException](Tls.of(keys, keyPassword.toCharArray, trusted))
      assert(!error.toString.contains("changeit") && !error.toString.contains("wrong"))
      error.getMessage
    }
    import Certificates.{authority, password, ranks, store}
    val (own, trusted) = (store(ranks), store(authority))
    val nowhere = store(Path.of("/nowhere/keys.p12"))
    assert(message(nowhere, password, trusted) == "the keystore /nowhere/keys.p12 is not there")
    assert(message(own, password, nowhere) == "the truststore /nowhere/keys.p12 is not there")
    assert(
      message(store(ranks, "wrong-one"), password, trusted) ==
        s"the keystore $ranks cannot be read: keystore password was incorrect"
    )
    assert(
      message(own, "wrong-one", trusted).startsWith(s"the keystore $ranks cannot be read: ")
    )
    assert(
      message(trusted, password, trusted) == s"the keystore $authority holds no private key"
    )
    val text = Files.writeString(Files.createTempFile("moraine", ".p12"), "not a store")
    assert(message(store(text), password, trusted).startsWith(s"the keystore $text cannot be read"))
    assert(own.toString == ranks.toString)
  }
}
