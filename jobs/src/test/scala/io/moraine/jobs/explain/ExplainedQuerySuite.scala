package io.moraine.jobs.explain

import org.apache.spark.sql.catalyst.plans.logical.LocalRelation
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class ExplainedQuerySuite extends AnyFunSuite {

  private def read(stage: String, name: String, text: String): ExplainedQuery = ExplainedQuery
    .of(new PlannedQuery(stage, name, LocalRelation()), text.stripMargin)

  private def operators(text: String): Seq[(String, Place, String)] =
    read("near", "pairs", text).operators.asScala.map(o => (o.name, o.place, o.reason)).toSeq

  private val mixed =
    """*Exec <ProjectExec> will run on GPU
      |  *Expression <Alias> key(id#1) AS key#2L will run on GPU
      |    ^Expression <ScalaUDF> key(id#1) will run on GPU via CPU bridge because no UDF for id#1
      |      ^Expression <Cast> cast(id#1 as int) will run on GPU via CPU bridge because it avoids excess CPU and GPU transfers
      |  ^Expression <Crc32> crc32(id#1) will run on GPU via CPU bridge because not there
      |  ! <MapPartitionsExec> cannot run on GPU because GPU does not currently support the operator class MapPartitionsExec
      |    @Expression <AttributeReference> id#1 could run on GPU
      |    !Exec <FilterExec> cannot run on GPU because not all expressions can be replaced
      |      !Expression <GreaterThan> (a#3 > b#4) cannot run on GPU because no arrays; no maps
      |        @Expression <AttributeReference> a#3 could run on GPU
      |      #Exec <SortExec> could run on GPU but is going to be removed because replacing sort merge join
      |        *Exec <FileSourceScanExec> will run on GPU
      |"""

  test("operators stand from the top down, expressions through the bridge behind theirs") {
    assert(
      operators(mixed) == Seq(
        ("Project", Place.GPU, ""),
        ("ScalaUDF", Place.BRIDGE, "no UDF for id"),
        ("Crc32", Place.BRIDGE, "not there"),
        ("MapPartitions", Place.CPU, "GPU does not currently support the operator"),
        ("Filter", Place.CPU, "GreaterThan: no arrays; no maps"),
        ("FileSourceScan", Place.GPU, "")
      )
    )
  }

  test("a write that cannot be done on the GPU gives the reason of its format") {
    val text =
      """!Exec <DataWritingCommandExec> cannot run on GPU because not all data writing commands can be replaced
        |  !Output <InsertIntoHadoopFsRelationCommand> cannot run on GPU because JSON output is not supported
        |  !Exec <WriteFilesExec> cannot run on GPU because WriteFilesExec can't run on GPU because parent can't run on GPU
        |"""
    assert(
      operators(text) == Seq(
        (
          "DataWritingCommand",
          Place.CPU,
          "InsertIntoHadoopFsRelationCommand: JSON output is not supported"
        ),
        ("WriteFiles", Place.CPU, "WriteFilesExec can't run on GPU because parent can't run on GPU")
      )
    )
  }

  test("a stage's queries that look the same stand together, each reason has one line") {
    val scan = "*Exec <FileSourceScanExec> will run on GPU\n"
    val queries = Seq(
      read("near", "pairs", mixed),
      read("near", "Near.count", scan),
      read("near", "Near.count", scan),
      read("near", "Near.first", scan),
      read("pack", "sequences", scan)
    )
    assert(
      ExplainReport.lines(queries.asJava).asScala.mkString("\n") ==
        """near: 5 operators on the GPU, 2 expressions through the CPU bridge, 2 operators on the CPU
          |  pairs
          |    GPU     Project, FileSourceScan
          |    bridge  ScalaUDF: no UDF for id
          |    bridge  Crc32: not there
          |    CPU     MapPartitions: GPU does not currently support the operator
          |    CPU     Filter: GreaterThan: no arrays; no maps
          |  Near.count x2, Near.first
          |    GPU     FileSourceScan
          |pack: 1 operators on the GPU
          |  sequences
          |    GPU     FileSourceScan""".stripMargin
    )
    assert(
      ExplainReport.inFull(queries.drop(4).asJava).asScala ==
        Seq("pack", "  sequences", "    " + scan.trim)
    )
  }
}
