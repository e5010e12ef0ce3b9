package io.moraine.jobs.train

import io.moraine.jobs.Scratch
import io.moraine.jobs.lease.{Lease, LeasedWriter}
import io.moraine.model.train.StepMetrics
import java.nio.file.Files
import java.time.Duration
import java.util.function.LongSupplier
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite

class StatusFileSuite extends AnyFunSuite {

  private def step(number: Long, seconds: Double): StepMetrics =
    new StepMetrics(number, 2, 0, 1, 0.1, 100, 100 * number, seconds, Array.empty[Long], 0, 5, 9)

  test("time to finish: the steps that are left, at the speed of the newest ones") {
    val hadoop = new Configuration
    val folder = Scratch.folder()
    val run = RunFolder.at(folder.toString)
    val lease = Lease.take(hadoop, run.leased, Duration.ofMinutes(1), (() => 0L): LongSupplier)
    try {
      val writer = LeasedWriter.holder(hadoop, run.root, lease.desk)
      def toGo(file: StatusFile): Option[Double] = {
        file.write()
        Option(Status.parse(Files.readString(folder.resolve("status.json"))).secondsToGo)
          .map(_.doubleValue)
      }
      val file = new StatusFile(writer, run, 100)
      file.begin()
      assert(toGo(file).isEmpty)
      file.step(step(1, 2)) // 50 tokens/s
      assert(toGo(file).contains(99 * 100 / 50.0))
      file.step(step(2, 1)) // a twentieth of the way from 50 to 100
      assert(toGo(file).contains(98 * 100 / 52.5))

      val endless = new StatusFile(writer, run, Long.MaxValue)
      endless.step(step(1, 2))
      assert(toGo(endless).isEmpty)
    } finally lease.close()
  }
}
