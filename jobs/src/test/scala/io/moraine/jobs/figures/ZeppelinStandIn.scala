package io.moraine.jobs.figures

import org.apache.spark.sql.Dataset

/** What notebooks use of Zeppelin's context `z`: forms, which here have what a person would put
  * into them, and tables.
  */
class ZeppelinStandIn(forms: Map[String, String]) {

  var asked: Seq[String] = Seq.empty

  def textbox(name: String, default: String): Object = {
    asked = asked :+ name
    forms.getOrElse(name, default)
  }

  def show(table: Object): Unit = {
    val rows = table.asInstanceOf[Dataset[_]]
    println("%table " + rows.columns.mkString("\t"))
    rows.toDF().collect().foreach(row => println(row.mkString("\t")))
  }
}
