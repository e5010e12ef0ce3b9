package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.least;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.shiftrightunsigned;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import io.moraine.pipeline.component.Components;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.types.StructType;

/**
 * Connected components: in one task while the edges are few, else by alternating stars, O(log^2
 * documents) rounds of two shuffles of the edges.
 *
 * @source Kiveris et al., Connected Components in MapReduce and Beyond, SoCC 2014
 */
final class ConnectedComponents {

  static final StructType STARS =
      new StructType().add("document", RankedRows.RANKED).add("root", RankedRows.RANKED);

  private final TableStore tables;
  private final long edgesOfOneTask;

  /**
   * Fixes the limits.
   *
   * @param edgesOfOneTask how many edges one task's memory holds, 200 bytes each
   */
  ConnectedComponents(TableStore tables, long edgesOfOneTask) {
    this.tables = tables;
    this.edgesOfOneTask = edgesOfOneTask;
  }

  /**
   * Every document that is not the first of its component, with the first.
   *
   * @param edges two columns {@link RankedRows#RANKED}; read more than once
   * @param name of what is stored
   * @return {@link #STARS}
   */
  Dataset<Row> of(Dataset<Row> edges, String name) {
    Dataset<Row> named = edges.toDF("document", "root");
    return named.count() <= edgesOfOneTask
        ? named.repartition(1).mapPartitions(new InOneTask(), Encoders.row(STARS))
        : stars(named, name);
  }

  private Dataset<Row> stars(Dataset<Row> edges, String name) {
    Dataset<Row> stars = edges;
    Row before;
    Row after = checksum(stars);
    int round = 0;
    do {
      before = after;
      stars = tables.store("%s-%d".formatted(name, round++), smallStar(largeStar(stars)));
      after = checksum(stars);
    } while (!after.equals(before));
    return stars;
  }

  /** Every larger neighbour of a document is linked with the smallest of its neighbours or it. */
  private static Dataset<Row> largeStar(Dataset<Row> edges) {
    Column both =
        explode(
            array(
                struct(col("document").as("at"), col("root").as("other")),
                struct(col("root").as("at"), col("document").as("other"))));
    return edges
        .select(both.as("edge"))
        .select("edge.at", "edge.other")
        .withColumn("least", least(col("at"), leastOf("other", "at")))
        .where(col("other").gt(col("at")))
        .select(col("other").as("document"), col("least").as("root"))
        .distinct();
  }

  /** A document and its smaller neighbours are linked with the smallest of them. */
  private static Dataset<Row> smallStar(Dataset<Row> edges) {
    return edges
        .withColumn("least", leastOf("root", "document"))
        .select(
            when(col("root").equalTo(col("least")), col("document"))
                .otherwise(col("root"))
                .as("document"),
            col("least").as("root"))
        .distinct();
  }

  /**
   * Sums of the halves of hashes, which do not overflow below four thousand million edges; RAPIDS
   * has no exclusive or of a column.
   */
  private static Row checksum(Dataset<Row> edges) {
    Column hash = xxhash64(col("document"), col("root"));
    return edges
        .agg(
            count(lit(1)),
            sum(shiftrightunsigned(hash, Integer.SIZE)),
            sum(hash.bitwiseAND(0xffffffffL)))
        .first();
  }

  /** The least of each group, as the first: RAPIDS has no minimum of structs in a window. */
  private static Column leastOf(String value, String group) {
    return first(value)
        .over(
            Window.partitionBy(group)
                .orderBy(value)
                .rowsBetween(Window.unboundedPreceding(), Window.unboundedFollowing()));
  }

  private static final class InOneTask implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Row> call(Iterator<Row> edges) {
      Components components = new Components();
      edges.forEachRemaining(
          edge ->
              components.join(
                  RankedRows.document(edge.getStruct(0)), RankedRows.document(edge.getStruct(1))));
      List<Row> stars = new ArrayList<>();
      components.forEach(
          (document, root) ->
              stars.add(RowFactory.create(RankedRows.row(document), RankedRows.row(root))));
      return stars.iterator();
    }
  }
}
