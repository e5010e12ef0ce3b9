package io.moraine.pipeline.spark;

import io.moraine.pipeline.lsh.Prefix;
import io.moraine.pipeline.lsh.ShingleFrequencies;
import io.moraine.pipeline.text.Shingles;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/**
 * Documents of crowded buckets in smaller ones: by the shingles of their {@link Prefix}, ordered by
 * frequency among these documents. A text that all of them have in front is frequent and comes
 * last.
 *
 * @cost two passes over the sets; 16 MiB of every task's memory, and of the driver's a few times
 *     that
 */
final class PrefixBuckets {

  /** So that few counts reach the driver: of 10,000 partitions no more than 20. */
  private static final int LEVELS = 4;

  private PrefixBuckets() {}

  /**
   * The members of the buckets.
   *
   * @param documents with columns id, increment, negative_length, shingles; at least one
   * @return {@link BucketPairs#MEMBERS} without labels
   */
  static Dataset<Row> of(Dataset<Row> documents, double threshold) {
    Dataset<Row> sets = documents.select("increment", "negative_length", "id", "shingles");
    Broadcast<ShingleFrequencies> frequencies =
        JavaSparkContext.fromSparkContext(documents.sparkSession().sparkContext())
            .broadcast(frequencies(sets.javaRDD()));
    return sets.flatMap(new ToMembers(frequencies, threshold), Encoders.row(BucketPairs.MEMBERS));
  }

  private static ShingleFrequencies frequencies(JavaRDD<Row> sets) {
    return sets.mapPartitions(PrefixBuckets::counted).treeReduce(ShingleFrequencies::add, LEVELS);
  }

  private static Iterator<ShingleFrequencies> counted(Iterator<Row> sets) {
    ShingleFrequencies frequencies = new ShingleFrequencies();
    sets.forEachRemaining(row -> frequencies.add(Shingles.fromBytes(row.getAs(3))));
    return List.of(frequencies).iterator();
  }

  private static final class ToMembers implements FlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final Broadcast<ShingleFrequencies> frequencies;
    private final double threshold;

    ToMembers(Broadcast<ShingleFrequencies> frequencies, double threshold) {
      this.frequencies = frequencies;
      this.threshold = threshold;
    }

    @Override
    public Iterator<Row> call(Row document) {
      long[] shingles = Shingles.fromBytes(document.getAs(3));
      Prefix prefix = new Prefix(shingles, frequencies.value(), threshold);
      List<Row> members = new ArrayList<>(prefix.size());
      for (int i = 0; i < prefix.size(); i++) {
        members.add(
            RowFactory.create(
                prefix.shingle(i),
                document.getInt(0),
                document.getInt(1),
                document.getString(2),
                shingles.length,
                prefix.open(i),
                null));
      }
      return members.iterator();
    }
  }
}
