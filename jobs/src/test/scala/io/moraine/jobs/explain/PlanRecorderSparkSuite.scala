package io.moraine.jobs.explain

import io.moraine.jobs.{Scratch, SharedSparkSession}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class PlanRecorderSparkSuite extends AnyFunSuite with SharedSparkSession {

  test("every query is noted once with its stage: written, counted, behind an RDD") {
    val session = spark.newSession()
    val folder = Scratch.folder().resolve("numbers").toString
    val queries = PlanRecorder.during[RuntimeException](
      session,
      () => {
        spark.sparkContext.setJobGroup("prepare", "prepare: first", false)
        session.range(10).repartition(3).write.parquet(folder)
        spark.sparkContext.setJobGroup("prepare", "prepare: second", false)
        val numbers = session.read.schema("id LONG").parquet(folder)
        assert(numbers.groupBy("id").count().join(numbers, "id").count() == 10)
        assert(numbers.javaRDD.count() == 10)
        spark.sparkContext.clearJobGroup()
      }
    )
    assert(
      queries.asScala.map(q => (q.stage, q.name)).toSeq ==
        Seq(("first", "numbers"), ("second", ""), ("second", ""))
    )
  }

  test("nothing is noted before or after, and what strategies a session had it has again") {
    val session = spark.newSession()
    val queries = PlanRecorder.during[RuntimeException](session, () => ())
    assert(session.range(3).count() == 3)
    assert(queries.isEmpty && session.experimental.extraStrategies.isEmpty)
  }
}
