package io.moraine.jobs.lease

import java.nio.file.{Files, Path}
import java.time.Duration
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{Path => HadoopPath}

/** A process that wants the leases of many runs, one after the other, each at the same moment as
  * other processes do. Arguments: a folder, its number, how many they are, how many rounds.
  */
object LeaseRacer {

  /** A run's folder. */
  def leased(run: String): Leased = {
    val folder = new HadoopPath(run)
    new Leased(folder, new HadoopPath(folder, "lease"), "being trained", "--run")
  }

  def main(args: Array[String]): Unit = {
    val folder = Path.of(args(0))
    val Array(number, racers, rounds) = args.drop(1).map(_.toInt)

    /** Waits until all have come to a place. */
    def meet(place: String): Unit = {
      Files.createFile(folder.resolve(s"$place-$number"))
      val deadline = System.nanoTime + 60 * 1000000000L
      while ((0 until racers).exists(i => !Files.exists(folder.resolve(s"$place-$i")))) {
        if (System.nanoTime > deadline) throw new AssertionError(s"nobody else came to $place")
        Thread.onSpinWait()
      }
    }

    val hadoop = new Configuration()
    for (round <- 1 to rounds) {
      val run = leased(folder.resolve(s"run-$round").toString)
      meet(s"start-$round")
      val lease =
        try Some(Lease.take(hadoop, run, Duration.ofMinutes(1), (_: String) => ()))
        catch { case _: TryLaterException => None }
      if (lease.isDefined) println(s"has round $round")
      meet(s"end-$round")
      lease.foreach(_.close())
    }
  }
}
