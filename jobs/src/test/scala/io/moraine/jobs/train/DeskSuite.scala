package io.moraine.jobs.train

import io.moraine.jobs.Scratch
import io.moraine.jobs.lease.{Lease, LeaseLostException, LeasedWriter}
import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.function.LongSupplier
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** A holder whose lease was taken over changes nothing, at whatever moment it stood still. */
class DeskSuite extends AnyFunSuite {

  private val hadoop = HdfsLike.register(new Configuration())

  private def take(run: RunFolder): Lease =
    Lease.take(hadoop, run.leased, Duration.ofMinutes(1), (() => 0L): LongSupplier)

  private def driver(run: RunFolder, lease: Lease): LeasedWriter =
    LeasedWriter.holder(hadoop, run.root, lease.desk)

  /** As if the holder had given no sign of life for long. */
  private def forget(folder: Path): Unit =
    list(folder.resolve("lease")).filter(_.getFileName.toString.startsWith("holder-")).foreach {
      claim => Files.delete(claim)
    }

  private def list(folder: Path): Seq[Path] = {
    val listed = Files.list(folder)
    try listed.iterator.asScala.toSeq
    finally listed.close()
  }

  /** Files of a run and what is in them; those of leases left out. */
  private def content(folder: Path): Map[String, String] = {
    val walked = Files.walk(folder)
    try
      walked.iterator.asScala
        .filter(p => Files.isRegularFile(p) && !p.startsWith(folder.resolve("lease")))
        .map(p => folder.relativize(p).toString -> Files.readString(p))
        .toMap
    finally walked.close()
  }

  private def lost(folder: String)(work: => Unit): Unit = assert(
    intercept[LeaseLostException](work).getMessage ==
      s"$folder: another process has taken the lease, this one can write there no more."
  )

  for (scheme <- Seq("file", "hdfslike")) {
    test(s"$scheme: a file that is written when the lease is taken over does not appear") {
      val folder = Scratch.folder()
      val run = RunFolder.at(s"$scheme:$folder")
      val manifest = new org.apache.hadoop.fs.Path(run.root, "checkpoints/step-00000010/m.json")
      for (isDriver <- Seq(true, false); file <- Seq(manifest, run.status)) {
        val old = take(run)
        driver(run, old).replace(manifest, "the first one's")
        val writer =
          if (isDriver) driver(run, old) else new LeasedWriter(hadoop, run.root, old.desk.ranks)
        forget(folder)
        var next: Option[Lease] = None
        lost(s"$scheme:$folder") {
          writer.replace(
            file,
            out => {
              out.write("too late".getBytes(StandardCharsets.UTF_8))
              next = Some(take(run))
              driver(run, next.get).replace(manifest, "the next one's")
            }
          )
        }
        val written = Map("checkpoints/step-00000010/m.json" -> "the next one's")
        assert(content(folder) == written)
        lost(s"$scheme:$folder")(writer.replace(file, "too late"))
        lost(s"$scheme:$folder")(writer.delete(manifest.getParent.getParent))
        assert(content(folder) == written)
        next.get.close()
      }
    }

    test(s"$scheme: ranks of an attempt that was given up write no more, those of the next do") {
      val folder = Scratch.folder()
      val run = RunFolder.at(s"$scheme:$folder")
      val desk = take(run).desk
      val first = new LeasedWriter(hadoop, run.root, desk.ranks)
      first.replace(run.status, "first")
      desk.nextAttempt()
      lost(s"$scheme:$folder")(first.replace(run.status, "late"))
      new LeasedWriter(hadoop, run.root, desk.ranks).replace(run.status, "second")
      assert(content(folder) == Map("status.json" -> "second"))
    }

    test(s"$scheme: what a given-up rank is still writing is no draft of the next attempt") {
      val folder = Scratch.folder()
      val run = RunFolder.at(s"$scheme:$folder")
      val desk = take(run).desk
      val late = new LeasedWriter(hadoop, run.root, desk.ranks)
      lost(s"$scheme:$folder")(
        late.replace(
          run.status,
          out => {
            out.write("late".getBytes(StandardCharsets.UTF_8))
            out.flush()
            desk.nextAttempt()
            val next = new LeasedWriter(hadoop, run.root, desk.ranks)
            next.replace(
              run.status,
              own => {
                out.write(" and later".getBytes(StandardCharsets.UTF_8))
                out.flush()
                own.write("next".getBytes(StandardCharsets.UTF_8))
              }
            )
          }
        )
      )
      assert(content(folder) == Map("status.json" -> "next"))
    }

    test(s"$scheme: an attempt that begins when the lease was taken over has no place to write") {
      val folder = Scratch.folder()
      val run = RunFolder.at(s"$scheme:$folder")
      val old = take(run)
      forget(folder)
      val next = take(run)
      lost(s"$scheme:$folder")(old.desk.nextAttempt())
      assert(!old.desk.stands && next.desk.stands)
      lost(s"$scheme:$folder")(
        new LeasedWriter(hadoop, run.root, old.desk.ranks).replace(run.status, "late")
      )
      assert(content(folder).isEmpty)
    }
  }

  /** The moments between the look at what is there and the change itself. */
  for (change <- Seq("replace", "delete"))
    test(s"a holder that stands still just before it renames, to $change, changes nothing") {
      val folder = Scratch.folder()
      val run = HdfsLike.run(folder)
      val old = take(run)
      driver(run, old).replace(run.status, "old")
      var next: Option[Lease] = None
      HdfsLike.watched { call =>
        if (
          next.isEmpty && call.name == "rename" && (call.file == "status.json" ||
            call.from.getFileName.toString == "status.json")
        ) {
          next = Some(null) // while it is taken over
          forget(folder)
          next = Some(take(run))
          driver(run, next.get).replace(run.status, "next")
        }
      } {
        lost(s"hdfslike:$folder") {
          if (change == "replace") driver(run, old).replace(run.status, "late")
          else driver(run, old).delete(run.status)
        }
      }
      assert(next.get.desk.stands && content(folder) == Map("status.json" -> "next"))
    }

  test("a failure that is not because of the lease is said as it is") {
    val folder = Scratch.folder()
    val run = RunFolder.at(folder.toString)
    val writer = driver(run, take(run))
    Files.createFile(folder.resolve("metrics"))
    val failure = intercept[java.io.IOException](
      writer.replace(new org.apache.hadoop.fs.Path(run.metrics, "a.parquet"), "text")
    )
    assert(failure.getMessage.contains(s"$folder/metrics"), failure)
  }

  test("drafts of a process that was killed are found once, then they are gone") {
    val folder = Scratch.folder()
    val run = RunFolder.at(folder.toString)
    val dead = take(run)
    Files.writeString(folder.resolve(s"lease/${deskOf(folder)}/settings.json"), "{}")
    forget(folder)
    val desk = take(run).desk
    val drafts = desk.earlierDrafts("settings.json").asScala
    assert(drafts.map(_.getName) == Seq("settings.json") && !dead.desk.stands)
    desk.deleteEarlier()
    assert(desk.earlierDrafts("settings.json").isEmpty && desk.stands)
    assert(list(folder.resolve("lease")).size == 2, "a claim and a desk")
  }

  private def deskOf(folder: Path): String =
    list(folder.resolve("lease")).map(_.getFileName.toString).filter(_.startsWith("desk-")).head
}
