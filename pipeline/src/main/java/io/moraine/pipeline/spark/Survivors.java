package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import io.moraine.pipeline.component.GreedySurvivors;
import io.moraine.pipeline.component.GreedySurvivors.Fate;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * Verified survivors, each connected component in one task, which reads its edges sorted by
 * priority: {@link GreedySurvivors}.
 *
 * @cost 100 bytes of one task's memory for every removed document of the largest component
 */
final class Survivors {

  /** Two candidates with their exact similarity. */
  static final StructType EDGES =
      new StructType()
          .add("better", RankedRows.RANKED)
          .add("worse", RankedRows.RANKED)
          .add("similarity", "double");

  private final ConnectedComponents components;
  private final long edgesOfOneTask;

  Survivors(ConnectedComponents components, long edgesOfOneTask) {
    this.components = components;
    this.edgesOfOneTask = edgesOfOneTask;
  }

  /**
   * The documents that are not kept.
   *
   * @param edges {@link #EDGES} of duplicate pairs; repetitions allowed; read more than once
   * @param exposed documents (one column, {@link RankedRows#RANKED}) of which not all better
   *     duplicates are among the edges
   * @param name of what is stored
   * @return {@link #EDGES}: removed documents as {@code worse} with the kept one; {@code better} is
   *     null where the document is undecided
   */
  Dataset<Row> notKept(Dataset<Row> edges, Dataset<Row> exposed, String name) {
    Dataset<Row> rows =
        edges.union(
            exposed
                .toDF("worse")
                .select(lit(null).cast(RankedRows.RANKED), col("worse"), lit(null).cast("double")));
    return inOrder(rows, edges, name).mapPartitions(new Greedy(), Encoders.row(EDGES));
  }

  /** (better, worse, similarity, component), a component in one partition, in priority order. */
  private Dataset<Row> inOrder(Dataset<Row> rows, Dataset<Row> edges, String name) {
    Column[] order = {
      col("component"), col("worse.increment"), col("worse.negative_length"), col("worse.id")
    };
    if (rows.count() <= edgesOfOneTask) {
      return rows.withColumn("component", lit(null).cast("string"))
          .repartition(1)
          .sortWithinPartitions(order);
    }
    Dataset<Row> stars = components.of(edges.select("worse", "better"), name);
    return rows.join(stars, col("worse").equalTo(col("document")), "left")
        .select(
            col("better"),
            col("worse"),
            col("similarity"),
            coalesce(col("root.id"), col("worse.id")).as("component"))
        .repartition(col("component"))
        .sortWithinPartitions(order);
  }

  private static final class Greedy implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Row> call(Iterator<Row> rows) {
      return new Decisions(rows);
    }
  }

  private static final class Decisions implements Iterator<Row> {

    private final Iterator<Row> rows;
    private GreedySurvivors survivors = new GreedySurvivors();
    private Row next;
    private Row decided;

    Decisions(Iterator<Row> rows) {
      this.rows = rows;
      advance();
    }

    @Override
    public boolean hasNext() {
      while (decided == null && next != null) {
        decideNext();
      }
      return decided != null;
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Row row = decided;
      decided = null;
      return row;
    }

    private void decideNext() {
      Row document = next.getStruct(1);
      String component = next.getString(3);
      survivors.begin();
      while (next != null && next.getStruct(1).equals(document)) {
        if (next.isNullAt(0)) {
          survivors.incomplete();
        } else {
          survivors.duplicate(RankedRows.document(next.getStruct(0)), next.getDouble(2));
        }
        advance();
      }
      Fate fate = survivors.decide(document.getString(2));
      if (fate == Fate.REMOVED) {
        decided =
            RowFactory.create(
                RankedRows.row(survivors.keptInstead()), document, survivors.similarity());
      } else if (fate == Fate.UNDECIDED) {
        decided = RowFactory.create(null, document, null);
      }
      if (next != null && !Objects.equals(next.getString(3), component)) {
        survivors = new GreedySurvivors();
      }
    }

    private void advance() {
      next = rows.hasNext() ? rows.next() : null;
    }
  }
}
