package io.moraine.pipeline.spark;

import java.io.Serializable;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Row;
import scala.Tuple2;

/**
 * Brings what was found out about documents back to them without moving a text: values go to the
 * partition their document came from.
 */
final class DocumentZip {

  private DocumentZip() {}

  /**
   * A value for one document.
   *
   * @param partition of the documents
   * @param id the document's
   * @param value serializable
   */
  record Found<V>(int partition, String id, V value) implements Serializable {}

  /** What becomes of a document; {@code found} is null where nothing was found. */
  @FunctionalInterface
  interface Combine<V> extends Serializable {
    Iterator<Row> apply(Row document, Found<V> found);
  }

  /** Values by the partition of their document. */
  static <V> JavaRDD<Found<V>> toPartitions(JavaRDD<Found<V>> found, int partitions) {
    return found
        .mapToPair(value -> new Tuple2<>(value.partition(), value))
        .partitionBy(new HashPartitioner(partitions))
        .values();
  }

  /**
   * Every document with its value.
   *
   * @param documents with the id in the column {@code idColumn}; must have the same partitions
   *     whenever they are computed, in any order
   * @param found as {@link #toPartitions} gives it
   * @cost the values of one partition in memory per task
   */
  static <V> JavaRDD<Row> zip(
      JavaRDD<Row> documents, int idColumn, JavaRDD<Found<V>> found, Combine<V> combine) {
    return documents.zipPartitions(
        found, (rows, values) -> new Zipped<V>(rows, idColumn, values, combine));
  }

  private static final class Zipped<V> implements Iterator<Row> {
    private final Iterator<Row> documents;
    private final int idColumn;
    private final Combine<V> combine;
    private final Map<String, Found<V>> values = new HashMap<>();
    private Iterator<Row> ready = Collections.emptyIterator();

    Zipped(Iterator<Row> documents, int idColumn, Iterator<Found<V>> found, Combine<V> combine) {
      this.documents = documents;
      this.idColumn = idColumn;
      this.combine = combine;
      found.forEachRemaining(value -> values.put(value.id(), value));
    }

    @Override
    public boolean hasNext() {
      while (!ready.hasNext() && documents.hasNext()) {
        Row document = documents.next();
        ready = combine.apply(document, values.remove(document.getString(idColumn)));
      }
      if (!ready.hasNext() && !values.isEmpty()) {
        throw new IllegalStateException(
            "document %s is not in the partition it was in: store the documents first"
                .formatted(values.keySet().iterator().next()));
      }
      return ready.hasNext();
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return ready.next();
    }
  }
}
