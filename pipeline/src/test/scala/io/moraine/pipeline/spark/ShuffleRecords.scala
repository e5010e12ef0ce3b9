package io.moraine.pipeline.spark

import java.util.UUID
import java.util.concurrent.{CountDownLatch, TimeUnit}
import java.util.concurrent.atomic.AtomicLong
import org.apache.spark.SparkContext
import org.apache.spark.scheduler.{SparkListener, SparkListenerJobStart, SparkListenerTaskEnd}

/** Counts the rows that go through shuffles while something runs. */
object ShuffleRecords {

  def of(context: SparkContext)(run: => Unit): Long = {
    val counter = new Counter
    context.addSparkListener(counter)
    try {
      run
      counter.settle(context)
      counter.records.get
    } finally context.removeSparkListener(counter)
  }

  private class Counter extends SparkListener {
    val records = new AtomicLong
    private val name = UUID.randomUUID.toString
    private val last = new CountDownLatch(1)

    override def onTaskEnd(end: SparkListenerTaskEnd): Unit = {
      records.addAndGet(end.taskMetrics.shuffleWriteMetrics.recordsWritten)
      ()
    }

    override def onJobStart(start: SparkListenerJobStart): Unit =
      if (start.properties.getProperty("shuffle.records") == name) last.countDown()

    /** Events arrive later, in order: a last job says when all are here. */
    def settle(context: SparkContext): Unit = {
      context.setLocalProperty("shuffle.records", name)
      context.parallelize(Seq(1), 1).count()
      context.setLocalProperty("shuffle.records", null)
      assert(last.await(60, TimeUnit.SECONDS))
    }
  }
}
