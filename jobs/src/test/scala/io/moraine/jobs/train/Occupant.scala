package io.moraine.jobs.train

import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import org.apache.spark.sql.SparkSession

import scala.collection.concurrent.TrieMap

/** A job of a local session that keeps one of its slots: they are counted as before, and fewer are
  * free.
  */
class Occupant(spark: SparkSession) extends AutoCloseable {

  private val number = Occupant.count.incrementAndGet()
  private val group = s"occupant-$number"
  private val (begun, free) = (new CountDownLatch(1), new CountDownLatch(1))

  private val thread = new Thread(() => {
    val n = number
    spark.sparkContext.setJobGroup(group, group)
    spark.sparkContext.parallelize(Seq(n), 1).foreach(Occupant.stay)
  })

  /** Stands in the queue from now on, before jobs that come later. */
  def start(): Unit = {
    Occupant.latches(number) = (begun, free)
    thread.start()
    Processes.await("the occupant's job", 60, 10)(
      spark.sparkContext.statusTracker.getJobIdsForGroup(group).nonEmpty
    )
  }

  def awaitTask(): Unit = begun.await()

  override def close(): Unit = {
    free.countDown()
    thread.join()
  }
}

object Occupant {
  private val count = new AtomicInteger
  private val latches = TrieMap.empty[Int, (CountDownLatch, CountDownLatch)]

  private def stay(number: Int): Unit = {
    val (begun, free) = latches(number)
    begun.countDown()
    free.await()
  }
}
