package io.moraine.model.collective.transport

import io.moraine.model.collective.Ranks
import java.net.{InetAddress, ServerSocket}
import java.nio.file.{Files, Path}
import java.util.List
import org.scalatest.funsuite.AnyFunSuite

import scala.concurrent.{Await, ExecutionContext, Future}
import scala.concurrent.duration._
import scala.jdk.CollectionConverters._

class RendezvousSuite extends AnyFunSuite {

  implicit private val context: ExecutionContext = ExecutionContext.global

  private def entries(folder: Path): Seq[Path] = {
    val files = Files.list(folder)
    try files.iterator.asScala.toSeq
    finally files.close()
  }

  private def exchange(meshes: Seq[Mesh]): Unit = {
    val tag = new Tag(Operation.BARRIER, 1, 0)
    meshes.foreach(mesh => mesh.send(1 - mesh.rank, tag, mesh.wrap(Array(mesh.rank.toByte))))
    for (mesh <- meshes)
      assert(mesh.receive(1 - mesh.rank, tag).toBytes.toSeq == Seq(1 - mesh.rank))
    meshes.map(mesh => Future(mesh.close())).foreach(Await.result(_, 10.seconds))
  }

  for (sockets <- Ranks.allSockets)
    test(s"${sockets.name}: ranks meet in a folder that need not exist, and leave nothing there") {
      val folder = Files.createTempDirectory("moraine-meeting").resolve("new/one")
      val joined = (0 to 1).map(rank =>
        Future(Rendezvous.inFolder(Ranks.config(rank, 2), folder, sockets.listen()))
      )
      exchange(joined.map(Await.result(_, 20.seconds)))
      assert(entries(folder).isEmpty)
    }

  test("ranks that do not come to the folder are named, and nothing is left there") {
    val folder = Files.createTempDirectory("moraine-meeting")
    val listener = Ranks.Unix.listen()
    val error = intercept[TransportException](
      Rendezvous.inFolder(Ranks.config(1, 4, 700), folder, listener)
    )
    assert(
      error.getMessage == s"ranks [0, 2, 3] of run test left no address in $folder within 700 ms"
    )
    assert(entries(folder).isEmpty)
    assert(!Files.exists(Address.parse(listener.address).socket.get))
  }

  test("a run id that was used before is refused, for its addresses are old") {
    val folder = Files.createTempDirectory("moraine-meeting")
    val old = Files.createFile(folder.resolve("test.rank-0"))
    val error = intercept[TransportException](
      Rendezvous.inFolder(Ranks.config(0, 2), folder, Ranks.Tcp.listen())
    )
    assert(
      error.getMessage == s"$old is there already: each attempt of a run needs a run id of its own"
    )
    assert(Files.exists(old), "it may be another run's")
  }

  test("ranks meet at given addresses") {
    val addresses = Ranks.freeAddresses(2).asJava
    val joined = (0 to 1).map(rank => Future(Rendezvous.at(Ranks.config(rank, 2), addresses)))
    exchange(joined.map(Await.result(_, 20.seconds)))
  }

  test("an address that is taken, or a list of another length, is named") {
    val taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))
    val address = s"127.0.0.1:${taken.getLocalPort}"
    val error = intercept[TransportException](
      Rendezvous.at(Ranks.config(0, 2), List.of(address, "127.0.0.1:1"))
    )
    assert(error.getMessage == s"cannot listen on $address: Address already in use")
    taken.close()
    val short = intercept[IllegalArgumentException](
      Rendezvous.at(Ranks.config(0, 2), List.of(address))
    )
    assert(short.getMessage == "2 ranks need as many addresses, got 1")
  }
}
