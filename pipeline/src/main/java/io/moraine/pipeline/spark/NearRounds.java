package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.not;

import io.moraine.pipeline.lsh.NearConfig;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;

/**
 * Survivors where prefix buckets may be larger than the cap. In each round the members of such a
 * bucket are compared with its front only; the front is 16 times as large in the next round, so
 * there are at most {@code log16(documents)} rounds, and mass duplicates are gone after the first.
 */
final class NearRounds {

  /** Label of members that are kept for certain and only wait to be compared with worse ones. */
  static final String SETTLED = "settled";

  private static final int FIRST_FRONT = 2;
  private static final int GROWTH_BITS = 4;
  private static final int LAST_GROWTH = 7;

  private final NearConfig config;
  private final TableStore tables;
  private final Verification verification;
  private final ConnectedComponents components;
  private final Survivors survivors;

  NearRounds(
      NearConfig config,
      TableStore tables,
      Verification verification,
      ConnectedComponents components,
      Survivors survivors) {
    this.config = config;
    this.tables = tables;
    this.verification = verification;
    this.components = components;
    this.survivors = survivors;
  }

  /**
   * Greedy survivors.
   *
   * @param edges {@link Survivors#EDGES}, duplicate pairs that do not come from prefix buckets
   * @param all {@link BucketPairs#MEMBERS} of the prefix buckets
   * @return the removed documents, {@link Survivors#EDGES}; of several kept duplicates it is the
   *     most similar of those compared in the round that decided
   */
  Dataset<Row> verified(Dataset<Row> edges, Dataset<Row> all) {
    Dataset<Row> members = all;
    Dataset<Row> open = edges;
    Dataset<Row> removed = null;
    for (int round = 0; ; round++) {
      Dataset<Row> pairs = pairs(members, round);
      Dataset<Row> behind = pairs.where(col("better").isNull());
      Dataset<Row> settled = members.where(col("label").isNotNull());
      Dataset<Row> exposed =
          without(behind.where("exposed").select("worse").distinct(), "worse.id", settled, "id");
      Dataset<Row> notKept =
          tables.store(
              "not-kept-" + round,
              survivors.notKept(
                  open.union(duplicates(pairs, round)), exposed, "components-" + round));
      Dataset<Row> gone = notKept.where(col("better").isNotNull());
      removed = removed == null ? gone : removed.union(gone);
      Dataset<Row> undecided = notKept.where(col("better").isNull()).select("worse.id");
      if (undecided.isEmpty()) {
        return removed;
      }
      Dataset<Row> waiting =
          without(behind.select("worse.id").distinct(), "id", notKept, "worse.id")
              .withColumn("label", lit(SETTLED))
              .union(undecided.withColumn("label", lit(null).cast("string")));
      members =
          tables.store("members-" + round, ofSchema(members.drop("label").join(waiting, "id")));
      open = among(among(edges, "worse.id", undecided, "id"), "better.id", undecided, "id");
    }
  }

  /**
   * Connected components.
   *
   * @param edges as of {@link #verified}
   * @param all as of {@link #verified}
   * @return {@link ConnectedComponents#STARS}
   */
  Dataset<Row> closure(Dataset<Row> edges, Dataset<Row> all) {
    Dataset<Row> stars = stored(edges.select("worse", "better"), "components");
    for (int round = 0; ; round++) {
      Dataset<Row> members = tables.store("members-" + round, ofDifferentComponents(all, stars));
      if (members.isEmpty()) {
        return stars;
      }
      Dataset<Row> pairs = pairs(members, round);
      Dataset<Row> links = stars.union(duplicates(pairs, round).select("worse", "better"));
      stars = stored(links, "components-" + round);
      if (pairs.where(col("better").isNull()).isEmpty()) {
        return stars;
      }
    }
  }

  /** The members with their components as labels, of buckets that more than one component has. */
  private static Dataset<Row> ofDifferentComponents(Dataset<Row> all, Dataset<Row> stars) {
    WindowSpec bucket = Window.partitionBy("key");
    Dataset<Row> labels =
        stars.select(col("document.id").as("labelled"), col("root.id").as("label"));
    return ofSchema(
        all.drop("label")
            .join(labels, col("id").equalTo(col("labelled")), "left")
            .withColumn("label", coalesce(col("label"), col("id")))
            .withColumn("first", min("label").over(bucket))
            .withColumn("last", max("label").over(bucket))
            .where(not(col("first").equalTo(col("last")))));
  }

  private Dataset<Row> stored(Dataset<Row> edges, String name) {
    return tables.store(name, components.of(edges, name + "-round"));
  }

  private Dataset<Row> pairs(Dataset<Row> members, int round) {
    int front = FIRST_FRONT << (GROWTH_BITS * Math.min(round, LAST_GROWTH));
    return tables.store(
        "pairs-" + round,
        BucketPairs.of(
            BucketPairs.grouped(members), config.bucketCap(), front, config.threshold()));
  }

  private Dataset<Row> duplicates(Dataset<Row> pairs, int round) {
    Dataset<Row> compared = pairs.where(col("better").isNotNull()).select("better", "worse");
    return tables.store("edges-" + round, verification.duplicates(compared));
  }

  private static Dataset<Row> ofSchema(Dataset<Row> members) {
    String[] names = BucketPairs.MEMBERS.fieldNames();
    return members.selectExpr(names);
  }

  private static Dataset<Row> among(Dataset<Row> rows, String id, Dataset<Row> ids, String named) {
    return joined(rows, id, ids, named, "left_semi");
  }

  static Dataset<Row> without(Dataset<Row> rows, String id, Dataset<Row> ids, String named) {
    return joined(rows, id, ids, named, "left_anti");
  }

  private static Dataset<Row> joined(
      Dataset<Row> rows, String id, Dataset<Row> ids, String named, String type) {
    Dataset<Row> others = ids.select(col(named).as("other_id"));
    return rows.join(others, col(id).equalTo(col("other_id")), type);
  }
}
