package io.moraine.model.collective.transport

import io.moraine.model.collective.{CollectiveException, Communicator, Ranks}
import java.io.{DataInputStream, IOException, OutputStream}
import java.net.{InetAddress, ServerSocket, Socket}
import java.nio.ByteBuffer
import java.util.List
import java.util.concurrent.{Executors, TimeUnit}
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.{Seconds, Span}

import scala.concurrent.{Await, ExecutionContext, Future}
import scala.concurrent.duration.{Duration => ScalaDuration}
import scala.jdk.CollectionConverters._
import scala.util.Try

/** Two ranks, and somebody between them who does harm to what rank 1 sends. */
class MeshFaultSuite extends AnyFunSuite with Eventually {

  implicit override val patienceConfig: PatienceConfig = PatienceConfig(Span(20, Seconds))

  private val deadlineMillis = 6000L
  private val greetingBytes = 4 + 4 + 4 + 16 + 32
  private val harmedFrame = 3

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

  /** Forwards what rank 1 sends to the target frame by frame, and all that comes back. */
  private def linkTo(target: String, fate: Array[Byte] => Fate): ServerSocket = {
    val server = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))
    daemon {
      val caller = server.accept()
      val callee = new Socket("127.0.0.1", target.split(':')(1).toInt)
      daemon {
        callee.getInputStream.transferTo(caller.getOutputStream)
        caller.shutdownOutput()
      }
      forward(new DataInputStream(caller.getInputStream), callee, fate)
    }
    server
  }

  private def forward(in: DataInputStream, callee: Socket, fate: Array[Byte] => Fate): Unit = {
    val out = callee.getOutputStream
    out.write(in.readNBytes(greetingBytes))
    for (_ <- 0 until harmedFrame) out.write(nextData(in, out))
    fate(nextData(in, out)) match {
      case GoesOn(bytes) =>
        out.write(bytes)
        in.transferTo(out)
      case Ends(bytes) =>
        out.write(bytes)
        callee.shutdownOutput()
      case Stands => in.transferTo(OutputStream.nullOutputStream())
    }
  }

  /** The next frame with data; heartbeats before it are forwarded. */
  private def nextData(in: DataInputStream, out: OutputStream): Array[Byte] = {
    val header = in.readNBytes(Frame.HEADER_BYTES)
    if (header.length < Frame.HEADER_BYTES) throw new IOException("rank 1 is gone")
    val frame = header ++ in.readNBytes(ByteBuffer.wrap(header).getInt(13))
    if (frame(4) == Frame.Kind.DATA.code) frame
    else {
      out.write(frame)
      nextData(in, out)
    }
  }

  /** Both ranks' failures while they exchange data until one of them notices. */
  private def failures(fate: Array[Byte] => Fate): Seq[String] = {
    val pool = Executors.newFixedThreadPool(2)
    implicit val context: ExecutionContext = ExecutionContext.fromExecutor(pool)
    val listeners = Seq.fill(2)(Listener.open("127.0.0.1"))
    val link = linkTo(listeners.head.address, fate)
    try {
      val addresses = List.of(s"127.0.0.1:${link.getLocalPort}", listeners(1).address)
      val ranks = listeners.zipWithIndex.map { case (listener, rank) =>
        Future {
          val mesh = Mesh.connect(
            Ranks.config(rank, 2, deadlineMillis, 5 * deadlineMillis),
            listener,
            addresses
          )
          val communicator = new Communicator(mesh)
          try
            for (step <- 1 to 1000000) {
              communicator.beginStep(step)
              communicator.allGatherBytes(new Array[Byte](100 + rank))
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
    ("a flipped bit in the data", f => GoesOn(flipped(f, 60)), "frame \\d+ is damaged: checksum"),
    ("a flipped bit in the sequence number", f => GoesOn(flipped(f, 12)), "frame \\d+ is damaged"),
    ("a flipped bit in the magic", f => GoesOn(flipped(f, 1)), "no frame: magic"),
    ("a length that grew", f => GoesOn(flipped(f, 13)), "frame \\d+ is damaged"),
    ("a frame that comes twice", f => GoesOn(f ++ f), "frame \\d+ came where \\d+ was due"),
    ("a frame that is lost", _ => GoesOn(Array.empty[Byte]), "frame \\d+ came where \\d+ was due"),
    ("half a frame, then the end", f => Ends(f.take(50)), "connection lost"),
    ("a connection closed in one direction", _ => Ends(Array.empty[Byte]), "connection lost"),
    ("a connection that stands still", _ => Stands, "gives no sign of life for 6000 ms")
  )

  for ((name, fate, expected) <- faults)
    test(s"$name ends the operation on both ranks, which name operation, step, rank and peer") {
      val messages = failures(fate)
      assert(
        s"rank 1: .*$expected|rank 1 $expected".r.findFirstIn(messages.head).nonEmpty,
        messages
      )
      for ((message, rank) <- messages.zipWithIndex)
        assert(message.matches(s"all-gather of bytes at step \\d+ on rank $rank of 2: .+"), message)
      assert(messages(1).matches(s".*: rank 0: gave up: .*$expected.*"), messages)
      eventually(assert(threads == 0, "no thread is left"))
    }
}
