package io.moraine.model.collective

import io.moraine.model.collective.transport.{Listener, Mesh, MeshConfig}
import java.net.{InetAddress, ServerSocket}
import java.nio.charset.StandardCharsets
import java.time.Duration
import java.util.concurrent.{Executors, TimeUnit}

import scala.concurrent.{Await, ExecutionContext, Future}
import scala.concurrent.duration.{Duration => ScalaDuration}
import scala.jdk.CollectionConverters._
import scala.util.{Random, Try}

/** A group of ranks as threads of this process. */
object Ranks {

  /** How ranks of a host are connected. */
  sealed abstract class Sockets(val name: String) {
    def listen(): Listener
    def configured(config: MeshConfig): MeshConfig = config
  }
  case object Tcp extends Sockets("TCP") {
    def listen(): Listener = Listener.open("127.0.0.1")
  }
  case object Unix extends Sockets("Unix-domain sockets") {
    def listen(): Listener = Listener.withUnixSocket("127.0.0.1")
  }
  case object Tls extends Sockets("TLS") {
    def listen(): Listener = Tcp.listen()
    override def configured(config: MeshConfig): MeshConfig = config.withTls(Certificates.cluster)
  }
  val allSockets: Seq[Sockets] = Seq(Tcp, Unix)

  /** Addresses to listen at later, below the ports that a system gives to others meanwhile. */
  def freeAddresses(count: Int): Seq[String] =
    Random
      .shuffle((10000 until 30000).toList)
      .iterator
      .filter(port =>
        Try(new ServerSocket(port, 1, InetAddress.getByName("127.0.0.1")).close()).isSuccess
      )
      .map(port => s"127.0.0.1:$port")
      .take(count)
      .toSeq

  val secret: Array[Byte] = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII)

  def config(rank: Int, worldSize: Int, silenceMillis: Long = 20000): MeshConfig =
    config(rank, worldSize, silenceMillis, silenceMillis)

  def config(rank: Int, worldSize: Int, silenceMillis: Long, computeMillis: Long): MeshConfig =
    new MeshConfig(
      rank,
      worldSize,
      "test",
      secret,
      Duration.ofMillis(silenceMillis),
      Duration.ofMillis(computeMillis),
      () => false
    )

  /** Runs the same work on every rank; the results by rank, failures included. */
  def run[T](
      worldSize: Int,
      silenceMillis: Long = 20000,
      sockets: Sockets = Tcp,
      computeMillis: Option[Long] = None
  )(work: Communicator => T): Seq[Try[T]] =
    run(
      Seq.fill(worldSize)(sockets.listen()),
      rank =>
        sockets.configured(
          config(rank, worldSize, silenceMillis, computeMillis.getOrElse(silenceMillis))
        ),
      mesh => new Communicator(mesh),
      direct
    )((communicator, _) => work(communicator))

  /** The same for ranks on several hosts, which are loopback addresses of this one; by TCP. */
  def onHosts[T](hosts: Seq[Int], hierarchy: Hierarchy, ahead: Int = Wire.AHEAD)(
      work: (Communicator, Mesh) => T
  ): Seq[Try[T]] =
    run(
      hosts.map(host => Listener.open(s"127.0.0.${1 + host}")),
      config(_, hosts.size),
      new Communicator(_, hierarchy, ahead),
      direct
    )(work)

  private def direct(by: Int, listeners: Seq[Listener]): Seq[String] = listeners.map(_.address)

  /** The same by TCP with all connections of one rank through relays. */
  def relayed[T](worldSize: Int, relayed: Int)(work: (Communicator, Relays) => T): Seq[Try[T]] = {
    val relays = new Relays
    // The higher rank calls the lower one.
    def seen(by: Int, listeners: Seq[Listener]): Seq[String] =
      listeners.map(_.address).zipWithIndex.map { case (address, rank) =>
        if (rank < by && (rank == relayed || by == relayed)) relays.to(address) else address
      }
    try
      run(
        Seq.fill(worldSize)(Tcp.listen()),
        config(_, worldSize),
        new Communicator(_),
        seen
      )((communicator, _) => work(communicator, relays))
    finally relays.close()
  }

  /** @param seen
    *   the addresses of all as a rank sees them
    */
  private def run[T](
      listeners: Seq[Listener],
      config: Int => MeshConfig,
      communicator: Mesh => Communicator,
      seen: (Int, Seq[Listener]) => Seq[String]
  )(work: (Communicator, Mesh) => T): Seq[Try[T]] = {
    val pool = Executors.newFixedThreadPool(listeners.size)
    implicit val context: ExecutionContext = ExecutionContext.fromExecutor(pool)
    try {
      val futures = listeners.zipWithIndex.map { case (listener, rank) =>
        Future {
          val mesh = Mesh.connect(config(rank), listener, seen(rank, listeners).asJava)
          val joined = communicator(mesh)
          try work(joined, mesh)
          finally joined.close()
        }
      }
      futures.map(future => Try(Await.result(future, ScalaDuration(120, TimeUnit.SECONDS))))
    } finally pool.shutdownNow()
  }
}
