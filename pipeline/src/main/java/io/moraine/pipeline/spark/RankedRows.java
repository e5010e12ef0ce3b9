package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.struct;

import io.moraine.pipeline.component.RankedDocument;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/** Documents with their priority as a column whose ascending order is that priority. */
final class RankedRows {

  static final StructType RANKED =
      new StructType().add("increment", "int").add("negative_length", "int").add("id", "string");

  private RankedRows() {}

  /** From the columns increment, negative_length and id. */
  static Column column() {
    return struct("increment", "negative_length", "id");
  }

  static RankedDocument document(Row ranked) {
    return new RankedDocument(ranked.getInt(0), -ranked.getInt(1), ranked.getString(2));
  }

  static Row row(RankedDocument document) {
    return RowFactory.create(document.increment(), -document.length(), document.id());
  }
}
