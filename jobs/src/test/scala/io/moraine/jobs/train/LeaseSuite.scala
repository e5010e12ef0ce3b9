package io.moraine.jobs.train

import io.moraine.jobs.Scratch
import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime
import java.time.Duration
import java.util.concurrent.atomic.AtomicReference
import java.util.concurrent.{Callable, CyclicBarrier, Executors}
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class LeaseSuite extends AnyFunSuite {

  private val hadoop = new Configuration()
  private val minute = Duration.ofMinutes(1)

  private def take(run: Path, expiry: Duration = minute, lost: String => Unit = _ => ()): Lease =
    Lease.take(hadoop, RunFolder.at(run.toString), expiry, reason => lost(reason))

  private def claims(run: Path): Seq[Path] = {
    val listed = Files.list(run.resolve("lease"))
    try listed.iterator.asScala.filterNot(_.getFileName.toString.startsWith(".")).toSeq
    finally listed.close()
  }

  /** A claim whose process cannot be looked for, as one on another machine. */
  private def foreign(run: Path, name: String, secondsAgo: Int): Path = {
    val claim = run.resolve("lease").resolve(name)
    Files.createDirectories(claim.getParent)
    Files.writeString(claim, "process 7 on elsewhere (started 12345, in nowhere)")
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
        s"\\Q$run\\E is being trained by process ${ProcessHandle.current.pid} on \\S+ \\(started .*\\), heard of [01] s ago\\. Try later, or use another --run\\."
      ),
      refused.getMessage
    )
    assert(claims(run).size == 1)
    held.close()
    assert(claims(run).isEmpty)
    take(run).close()
  }

  test("eight that want it at the same moment, a hundred times: never two have it") {
    val pool = Executors.newFixedThreadPool(8)
    try {
      val start = new CyclicBarrier(8)
      val end = new CyclicBarrier(8)
      var held = 0
      for (round <- 1 to 100) {
        val run = Scratch.folder().resolve(s"run-$round")
        val one: Callable[Int] = () => {
          start.await()
          val lease =
            try Some(take(run))
            catch { case _: TryLaterException => None }
          end.await()
          lease.foreach(_.close())
          lease.size
        }
        val holders = pool.invokeAll(Seq.fill(8)(one).asJava).asScala.map(_.get).sum
        assert(holders <= 1)
        held += holders
      }
      assert(held >= 90, "somebody should have it nearly every time")
    } finally pool.shutdown()
  }

  test("a holder elsewhere is believed until its claim expires, and then replaced") {
    val run = Scratch.folder().resolve("run")
    foreign(run, "holder-0000000004-aaaa", 50)
    val refused = intercept[TryLaterException](take(run))
    assert(refused.getMessage.contains("process 7 on elsewhere"), refused.getMessage)
    foreign(run, "holder-0000000004-aaaa", 70)
    val lease = take(run)
    assert(claims(run).map(_.getFileName.toString.take(17)) == Seq("holder-0000000005"))
    lease.close()
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
    val here = Owner.ofThisProcess
    val stat = Files.readString(Path.of(s"/proc/${process.pid}/stat")).split(' ')
    Files.writeString(claim, new Owner(process.pid, here.host, here.space, stat(21)).rendered)
    assert(intercept[TryLaterException](take(run)).getMessage.contains(s"process ${process.pid} "))
    process.destroyForcibly().waitFor()
    take(run).close()
  }

  test("a holder that seemed dead and comes back gives up") {
    val run = Scratch.folder().resolve("run")
    val reason = new AtomicReference("")
    val slow = take(run, Duration.ofSeconds(5), reason.set(_))
    foreign(run, "holder-0000000002-aaaa", 0)
    Processes.await("the loss of the lease", 20)(reason.get.nonEmpty)
    assert(reason.get.contains("gave no sign of life for 5 s"), reason.get)
    assert(claims(run).map(_.getFileName.toString) == Seq("holder-0000000002-aaaa"))
    slow.close()
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
