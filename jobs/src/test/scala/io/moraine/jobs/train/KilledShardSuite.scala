package io.moraine.jobs.train

import java.io.File
import java.nio.file.{Files, Path}
import java.util.concurrent.locks.LockSupport
import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

/** kill -9 of the whole training process while the bytes of a rank's shard are written. */
class KilledShardSuite extends AnyFunSuite with KilledRuns {

  protected def steps: Int = 60

  /** Shards of more than 20 MB, which take a while to be written. */
  override protected def settings: Seq[(String, Any)] =
    super.settings ++ Seq("model.vocabulary-size" -> 60000, "train.samples.every" -> 0)

  private val shardBytes = 20L << 20

  /** The step of the checkpoint that the last kill hit, and lengths of shards that kills left. */
  private var hit = 0
  private var left = Seq.empty[Long]

  private def in(folder: File): Seq[File] = Option(folder.listFiles).fold(Seq.empty[File])(_.toSeq)

  /** Steps and lengths of shards on the desk of the lease's holder. */
  private def drafts(run: Path): Seq[(Int, Long)] = for {
    desk <- in(run.resolve("lease").toFile)
    ranks <- in(desk)
    file <- in(ranks)
    step <- Option(file.getName).collect { case s"checkpoints.step-$step.rank-$_.safetensors" =>
      step
    }
  } yield step.toInt -> file.length

  /** When a shard of a checkpoint has begun that no start before has come to. */
  override protected def kill(run: Path, process: Process, random: Random, log: Path): Unit = {
    val deadline = System.nanoTime + 120 * 1000000000L
    try {
      def begun = drafts(run).find { case (step, bytes) =>
        step > hit && bytes > 0 && bytes < shardBytes
      }
      var found = begun
      while (found.isEmpty && process.isAlive && System.nanoTime < deadline) {
        LockSupport.parkNanos(200000)
        found = begun
      }
      assert(found.nonEmpty && process.isAlive, Processes.text(log))
      hit = found.get._1
    } finally process.destroyForcibly().waitFor()
    left ++= drafts(run).filter(_._1 == hit).map(_._2)
  }

  test("killed four times while the bytes of a shard are written: the same bits") {
    val whole = assertSameBitsKilled(4)
    val shard =
      Files.size(whole.resolve(f"checkpoints/step-$steps%08d/rank-00000-of-00002.safetensors"))
    assert(shard > shardBytes)
    info(s"left of shards of $shard bytes: ${left.mkString(", ")}")
    assert(left.exists(bytes => bytes > 0 && bytes < shard))
  }
}
