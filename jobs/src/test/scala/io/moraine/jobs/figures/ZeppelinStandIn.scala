package io.moraine.jobs.figures

import java.util.{List => JList, Map => JMap}
import org.apache.spark.sql.{Dataset, Row}
import org.apache.zeppelin.display.GUI
import org.apache.zeppelin.interpreter.{InterpreterContext, InterpreterOutput, ZeppelinContext}
import org.apache.zeppelin.tabledata.TableDataUtils

import scala.jdk.CollectionConverters._

/** Zeppelin's context `z` of a paragraph: its forms and its output are Zeppelin's own; tables are
  * written as its Spark interpreter writes them, which is not to be had for Scala 2.13.
  *
  * @param forms
  *   what a person put into them
  */
class ZeppelinStandIn(forms: Map[String, String])
    extends ZeppelinContext(null, ZeppelinStandIn.Rows) {

  var asked: Set[String] = Set.empty

  override def getInterpreterClassMap: JMap[String, String] = JMap.of()

  override def getSupportedClasses: JList[Class[_]] = JList.of[Class[_]](classOf[Dataset[_]])

  override def showData(table: Object, most: Int): String = {
    val rows = table.asInstanceOf[Dataset[_]].toDF()
    val all: Array[Row] = rows.take(most + 1)
    val cut =
      if (all.length > most) s"\n<font color=red>Results are limited to $most</font>" else ""
    val lines = all
      .take(most)
      .map(row => row.toSeq.map(one => TableDataUtils.normalizeColumn(one.asInstanceOf[Object])))
    val head = TableDataUtils.normalizeColumns(rows.columns.toArray[Object]).asScala.toSeq
    (head +: lines.toSeq).map(_.mkString("\t")).mkString("%table ", "\n", "\n") + cut + "\n%text "
  }

  /** Runs a paragraph.
    *
    * @param settings
    *   the forms that it came with
    * @return
    *   its results, kind and content, and the forms that it has afterwards
    */
  def paragraph(settings: String)(body: => Unit): (Seq[(String, String)], String) = {
    val out = new InterpreterOutput()
    val gui = GUI.fromJson(settings)
    for ((name, value) <- forms if gui.getForms.containsKey(name)) gui.getParams.put(name, value)
    gui.clear()
    setGui(gui)
    setInterpreterContext(InterpreterContext.builder().setInterpreterOut(out).build())
    Console.withOut(out)(body)
    out.flush()
    asked ++= gui.getForms.keySet.asScala
    val results = out.toInterpreterResultMessage.asScala.toSeq
      .map(message => message.getType.name -> message.getData)
      .filter(_._2.trim.nonEmpty)
    (results, gui.toJson)
  }
}

object ZeppelinStandIn {

  /** `zeppelin.spark.maxResult`, as it comes. */
  val Rows = 1000

  /** `zeppelin.interpreter.output.limit`, as it comes. */
  val Bytes = 102400
}
