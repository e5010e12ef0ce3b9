package io.moraine.jobs.train

import io.moraine.jobs.prepare.PreparedDataset
import io.moraine.jobs.SharedSparkSession
import io.moraine.model.tensor.Device
import java.io.IOException
import java.nio.file.{Files, Path}
import java.util.concurrent.{ConcurrentLinkedQueue, CountDownLatch}
import java.util.concurrent.TimeUnit.SECONDS
import java.util.{List => JList, Optional}
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._
import scala.util.Using

/** What a rank reads while it waits for the others. */
class RankSequencesSparkSuite extends AnyFunSuite with SharedSparkSession {

  private lazy val hadoop: Configuration =
    HdfsLike.register(new Configuration(spark.sparkContext.hadoopConfiguration))

  private def begin(dataset: Path): RankSequences =
    RankSequences.begin(
      hadoop,
      RunData.of(hadoop, JList.of(s"hdfslike:$dataset")),
      Optional.empty()
    )

  test("files are read before anybody asks for them, and no further once nobody will") {
    val dataset = TrainJobSparkSuite.dataset(spark)
    val begun = new CountDownLatch(1)
    val read = new ConcurrentLinkedQueue[String]
    @volatile var reader = Option.empty[Thread]
    HdfsLike.watched(call =>
      if (call.name == "list") {
        read.add(call.file)
        reader = Some(Thread.currentThread)
        begun.countDown()
        try Thread.sleep(60000)
        catch { case _: InterruptedException => Thread.currentThread.interrupt() }
      }
    ) {
      val sequences = begin(dataset)
      assert(begun.await(30, SECONDS))
      sequences.close()
      reader.get.join(30000)
      assert(!reader.get.isAlive && read.asScala.toSeq == Seq("sequences"))
    }
  }

  test("what is wrong with a file is told as it is to who asks for the sequences") {
    val dataset = TrainJobSparkSuite.dataset(spark, None, 30)
    Using.resource(Files.list(dataset.resolve("sequences"))) {
      _.iterator.asScala.filter(_.toString.endsWith(".parquet")).foreach(Files.delete(_))
    }
    val counts = PreparedDataset.at(dataset.toString).manifest(hadoop).counts
    Using.resource(begin(dataset)) { sequences =>
      val failure = intercept[IOException](sequences.trainedOn(Device.CPU, false))
      assert(
        failure.getMessage == s"hdfslike:$dataset/sequences holds 0 sequences, the manifest says " +
          s"${counts.sequences}. Run prepare again."
      )
      assert(sequences.heldOut().sequences == counts.heldOutSequences)
    }
  }
}
