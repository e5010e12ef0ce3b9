package io.moraine.jobs.lease

import io.moraine.jobs.Scratch
import io.moraine.jobs.train.{HdfsLike, Processes}
import java.io.IOException
import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime
import java.time.Duration
import java.util.concurrent.atomic.{AtomicLong, AtomicReference}
import java.util.concurrent.locks.LockSupport
import java.util.concurrent.{Callable, CountDownLatch, CyclicBarrier, Executors, ThreadLocalRandom}
import java.util.function.LongSupplier
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Try

class LeaseSuite extends AnyFunSuite {

  private val hadoop = HdfsLike.register(new Configuration())
  private val minute = Duration.ofMinutes(1)

  private def at(run: String): Leased = LeaseRacer.leased(run)

  private def onHdfs(run: Path): Leased = at(s"hdfslike:$run")

  private def take(run: Path, expiry: Duration = minute, lost: String => Unit = _ => ()): Lease =
    Lease.take(hadoop, at(run.toString), expiry, reason => lost(reason))

  private def claims(run: Path): Seq[Path] =
    lease(run).filter(_.getFileName.toString.matches("(holder|candidate)-.*"))

  /** What is in the folder of claims, which is there while it has any. */
  private def lease(run: Path): Seq[Path] =
    if (!Files.exists(run.resolve("lease"))) Nil
    else {
      val listed = Files.list(run.resolve("lease"))
      try listed.iterator.asScala.toSeq
      finally listed.close()
    }

  /** A claim whose process cannot be looked for, as one on another machine. */
  private def foreign(run: Path, name: String, secondsAgo: Int, expirySeconds: Int = 60): Path = {
    val claim = run.resolve("lease").resolve(name)
    Files.createDirectories(claim.getParent)
    val expiry = Duration.ofSeconds(expirySeconds.toLong)
    Files.writeString(claim, new Claimant(7, "elsewhere", "nowhere", "12345", expiry).rendered)
    Files.setLastModifiedTime(
      claim,
      FileTime.fromMillis(System.currentTimeMillis - 1000L * secondsAgo)
    )
  }

  test("one at a time; the other is told who has it; given back it can be taken") {
    val run = Scratch.folder().resolve("run")
    val held = take(run)
    val refused = intercept[TryLaterException](take(run))
    assert(
      refused.getMessage.matches(
        s"\\Q$run\\E is being trained by process ${ProcessHandle.current.pid} on \\S+ \\(started .*\\), heard of [0-5]?\\d s ago\\. Try later, or use another --run\\."
      ),
      refused.getMessage
    )
    assert(claims(run).size == 1)
    held.close()
    assert(claims(run).isEmpty)
    take(run).close()
  }

  test("a refusal stays one if the candidate's claim cannot be deleted: that expires") {
    val folder = Scratch.folder()
    val run = onHdfs(folder)
    val held = timed(run, new AtomicLong)
    val refused = HdfsLike.watched { call =>
      if (call.name == "delete" && call.file.startsWith("candidate-"))
        throw new IOException("no such luck")
    }(intercept[TryLaterException](timed(run, new AtomicLong)))
    assert(refused.getMessage.contains(" is being trained by process "), refused.getMessage)
    assert(refused.getSuppressed.map(_.getMessage).toSeq == Seq("no such luck"))
    assert(claims(folder).size == 2)
    held.close()
  }

  private val rounds = 150

  /** Eight threads want the lease of a new run, in each round at the same moment. */
  private def race(at: Path => Leased): Unit = {
    val pool = Executors.newFixedThreadPool(8)
    try {
      val start = new CyclicBarrier(8)
      val end = new CyclicBarrier(8)
      for (round <- 1 to rounds) {
        val run = Scratch.folder().resolve(s"run-$round")
        val one: Callable[Try[Lease]] = () => {
          start.await()
          val lease = Try(Lease.take(hadoop, at(run), minute, (_: String) => ()))
          end.await()
          lease.foreach(_.close())
          lease
        }
        val taken = pool.invokeAll(Seq.fill(8)(one).asJava).asScala.map(_.get)
        val refusals = taken.flatMap(_.failed.toOption)
        assert(refusals.forall(_.isInstanceOf[TryLaterException]), s"round $round: $refusals")
        assert(refusals.size == 7, s"round $round")
        assert(!lease(run).exists(_.getFileName.toString.matches("(holder|candidate|desk)-.*")))
      }
    } finally pool.shutdown()
  }

  test(s"local disk: of eight that want it at the same moment exactly one has it, $rounds times") {
    race(run => at(run.toString))
  }

  test(s"HDFS's manners: of eight at the same moment exactly one has it, $rounds times") {
    race(onHdfs)
  }

  test(s"HDFS's manners: the same if each call of the file system takes a while, $rounds times") {
    HdfsLike.watched { _ =>
      LockSupport.parkNanos(ThreadLocalRandom.current.nextLong(2000000L))
    }(race(onHdfs))
  }

  test("of four processes that want it at the same moment exactly one has it, 40 times") {
    val folder = Scratch.folder()
    val log = (i: Int) => folder.resolve(s"log-$i")
    val racers = (0 until 4).map(i =>
      Processes.start(
        log(i),
        Map.empty,
        "io.moraine.jobs.lease.LeaseRacer",
        folder.toString,
        i.toString,
        "4",
        "40"
      )
    )
    val codes = racers.map(Processes.exitCode(_, 300))
    assert(codes == Seq(0, 0, 0, 0), (0 until 4).map(i => Processes.text(log(i))))
    val holders = (0 until 4).flatMap(i =>
      Processes.text(log(i)).linesIterator.filter(_.startsWith("has round "))
    )
    assert(holders.sorted == (1 to 40).map(round => s"has round $round").sorted)
  }

  test("a holder elsewhere is believed until its claim expires, and then replaced") {
    val run = Scratch.folder().resolve("run")
    foreign(run, "holder-0000000004-aaaa", 20)
    val refused = intercept[TryLaterException](take(run))
    assert(refused.getMessage.contains("process 7 on elsewhere"), refused.getMessage)
    foreign(run, "holder-0000000004-aaaa", 70)
    val lease = take(run)
    assert(claims(run).map(_.getFileName.toString.take(17)) == Seq("holder-0000000005"))
    lease.close()
  }

  test("a holder is believed as long as its own settings say, whatever those of who looks") {
    val run = Scratch.folder().resolve("run")
    foreign(run, "holder-0000000001-aaaa", 20, expirySeconds = 60)
    assertThrows[TryLaterException](take(run, Duration.ofSeconds(5)))
    foreign(run, "holder-0000000001-aaaa", 10, expirySeconds = 5)
    take(run).close()
  }

  test("a claim that is just being written is read until it says whose it is") {
    val run = Scratch.folder().resolve("run")
    val claim = foreign(run, s"holder-0000000001-${new java.util.UUID(0, 1)}", 0)
    val text = Files.readString(claim)
    Files.writeString(claim, "")
    val nobody = intercept[TryLaterException](take(run))
    assert(nobody.getMessage.contains(" is being trained by another process, "), nobody.getMessage)
    val writer = new Thread(() => {
      Thread.sleep(200)
      Files.writeString(claim, text)
    })
    writer.start()
    val refused = intercept[TryLaterException](take(run))
    writer.join()
    assert(refused.getMessage.contains(s" is being trained by $text, "), refused.getMessage)
  }

  test("a holder that was killed on this machine is replaced at once") {
    val run = Scratch.folder().resolve("run")
    val process = new ProcessBuilder("sleep", "60").start()
    val claim = foreign(run, "holder-0000000001-aaaa", 0)
    val here = Claimant.ofThisProcess(minute)
    val stat = Files.readString(Path.of(s"/proc/${process.pid}/stat")).split(' ')
    Files.writeString(
      claim,
      new Claimant(process.pid, here.host, here.space, stat(21), minute).rendered
    )
    assert(intercept[TryLaterException](take(run)).getMessage.contains(s"process ${process.pid} "))
    process.destroyForcibly().waitFor()
    take(run).close()
  }

  test("a holder that seemed dead and comes back gives up") {
    val run = Scratch.folder().resolve("run")
    val clock = new AtomicLong
    val slow = timed(at(run.toString), clock)
    assert(slow.beat().isEmpty)
    foreign(run, "holder-0000000002-aaaa", 0)
    assert(
      slow.beat().get == "another process took the lease: this one gave no sign of life for 60 s"
    )
    assert(claims(run).map(_.getFileName.toString) == Seq("holder-0000000002-aaaa"))
    slow.close()
    assert(claims(run).map(_.getFileName.toString) == Seq("holder-0000000002-aaaa"))
  }

  test("who has the lease hears that it is lost, without asking") {
    val run = Scratch.folder().resolve("run")
    val reason = new AtomicReference("")
    val slow = take(run, Duration.ofSeconds(10), reason.set(_))
    Processes.await("the loss of the lease", 60) {
      // Again and again: it may have looked just before, and write its claim anew.
      claims(run).foreach(Files.deleteIfExists(_))
      reason.get.nonEmpty
    }
    assert(reason.get.contains("gave no sign of life for 10 s"), reason.get)
    slow.close()
  }

  private def seconds(clock: AtomicLong, now: Long): Unit = clock.set(now * 1000000000L)

  /** Of a minute, without signs of life by itself. */
  private def timed(run: Leased, clock: AtomicLong, expiry: Duration = minute): Lease =
    Lease.take(hadoop, run, expiry, (() => clock.get): LongSupplier)

  private def isSignOfLife(call: HdfsLike.Call): Boolean =
    call.name == "create" && call.file.startsWith("holder-")

  test("a lease that cannot be renewed is given up before another process may take it") {
    val folder = Scratch.folder()
    val clock = new AtomicLong
    val lease = timed(onHdfs(folder), clock)
    seconds(clock, 30)
    assert(lease.beat().isEmpty)
    HdfsLike.watched(call => if (isSignOfLife(call)) throw new IOException("no space left")) {
      for (now <- Seq(42, 54, 77)) {
        seconds(clock, now.toLong)
        assert(lease.beat().isEmpty, now)
      }
      seconds(clock, 78)
      assert(
        lease.beat().get == "the lease could not be renewed before its 60 s were over: " +
          "java.io.IOException: no space left"
      )
    }
    assert(lease.beat().isPresent, "it stays lost, though it could be written again")
    lease.close()
    assert(claims(folder).size == 1, "its claim expires")
  }

  test("a file system that gives no answer is no sign of life either") {
    val folder = Scratch.folder()
    val clock = new AtomicLong
    val lease = timed(onHdfs(folder), clock, Duration.ofSeconds(1))
    val answer = new CountDownLatch(1)
    HdfsLike.watched(call => if (isSignOfLife(call)) answer.await()) {
      clock.set(799000000L)
      assert(lease.beat().isEmpty)
      clock.set(800000000L)
      assert(
        lease.beat().get == "the lease could not be renewed before its 1 s were over: " +
          "the file system gives no answer"
      )
      lease.close()
      answer.countDown()
    }
  }

  test("a holder that hung for long, and that nobody has replaced, goes on") {
    val folder = Scratch.folder()
    val clock = new AtomicLong
    val lease = timed(onHdfs(folder), clock)
    seconds(clock, 3600)
    assert(lease.beat().isEmpty)
    HdfsLike.watched(call => if (isSignOfLife(call)) throw new IOException("no space left")) {
      seconds(clock, 3647)
      assert(lease.beat().isEmpty, "its time counts from the last sign of life")
    }
    lease.close()
    assert(this.lease(folder).isEmpty)
  }

  for (isThere <- Seq(true, false))
    test(
      s"a candidate that hung while another process took the lease goes away; that one ${if (isThere) "trains"
        else "has given it back"}"
    ) {
      val folder = Scratch.folder()
      val run = onHdfs(folder)
      var next: Option[Lease] = None
      val refused = HdfsLike.watched { call =>
        // It has seen that it is alone, and is about to say that it has the lease.
        if (isSignOfLife(call) && next.isEmpty) {
          next = Some(null)
          claims(folder).foreach(Files.setLastModifiedTime(_, FileTime.fromMillis(0)))
          next = Some(timed(run, new AtomicLong))
          if (!isThere) {
            next.get.desk.deleteEarlier()
            next.get.close()
          }
        }
      }(intercept[TryLaterException](timed(run, new AtomicLong)))
      assert(
        if (isThere) refused.getMessage.contains(" is being trained by process ")
        else
          refused.getMessage == s"hdfslike:$folder was taken by another process while this one hung. " +
            "Try later, or use another --run."
      )
      if (isThere) {
        assert(next.get.desk.stands && next.get.beat().isEmpty)
        next.get.close()
      }
      assert(!lease(folder).exists(_.getFileName.toString.matches("(holder|candidate|desk)-.*")))
    }

  test("a holder whose successor has given the lease back hears that it has lost it") {
    val folder = Scratch.folder()
    val old = timed(onHdfs(folder), new AtomicLong)
    claims(folder).foreach(Files.delete(_))
    val next = timed(onHdfs(folder), new AtomicLong)
    next.desk.deleteEarlier()
    next.close()
    assert(!Files.exists(folder.resolve("lease")))
    assert(old.beat().get.startsWith("another process took the lease"))
    old.close()
    assert(!Files.exists(folder.resolve("lease")))
  }

  test("a candidate that died, and files that are no claims, are in nobody's way") {
    val run = Scratch.folder().resolve("run")
    foreign(run, "candidate-0000", 70)
    foreign(run, "holder-x-y", 0)
    val lease = take(run)
    assert(!claims(run).exists(_.endsWith("candidate-0000")))
    lease.close()
  }
}
