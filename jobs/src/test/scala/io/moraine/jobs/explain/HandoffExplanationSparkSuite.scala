package io.moraine.jobs.explain

import io.moraine.jobs.batch.SequencesByRank
import io.moraine.jobs.{Scratch, SharedSparkSession}
import io.moraine.model.data.{SequenceOrder, StepSizes}
import java.util.{List => JList}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

/** The table whose columns a trainer reads in place, by RAPIDS's own planner: it has to end on the
  * GPU, or RAPIDS would make it of rows.
  */
class HandoffExplanationSparkSuite extends AnyFunSuite with SharedSparkSession {

  for (threshold <- Seq("10m", "-1"))
    test(
      s"sequences by rank: all of it is on the GPU but for our order, broadcast up to $threshold (needs the RAPIDS jar: mvn -Pgpu -pl spark-home package)"
    ) {
      assume(RapidsJar.file.nonEmpty, "the RAPIDS jar is absent from spark-home/target/gpu")
      val session = spark.newSession()
      session.conf.set("spark.sql.adaptive.enabled", "false") // as ColumnarTables has it
      session.conf.set("spark.sql.autoBroadcastJoinThreshold", threshold)
      import session.implicits._
      val parts = (1 to 2).map { _ =>
        val folder = Scratch.folder()
        (0 until 20)
          .map(s => (s.toLong, 4, Seq(s, 0, 0, 0), Seq(0)))
          .toDF("sequence_id", "filled", "tokens", "starts")
          .write
          .parquet(folder.resolve("sequences").toString)
        new SequencesByRank.Part(folder.toString, 20)
      }
      val rows = new SequencesByRank(new SequenceOrder(40, 3), StepSizes.constant(4), 2)
        .of(session, JList.copyOf(parts.asJava), 1, 10)
      val plan = rows.queryExecution.optimizedPlan
      val text = RapidsJar.visible(Rapids.onClassPath.get.explain(session, plan))
      val query = ExplainedQuery.of(new PlannedQuery("train", "sequences", plan), text)
      assert(query.at(Place.CPU).isEmpty, text)
      assert(query.at(Place.BRIDGE).asScala.forall(_.name == "ScalaUDF"), text)
      val names = query.at(Place.GPU).asScala.map(_.name).toSet
      assert(Set("FileSourceScan", "ShuffleExchange", "Sort").subsetOf(names), text)
    }
}
