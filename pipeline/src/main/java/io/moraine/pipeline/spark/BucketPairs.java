package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;

import io.moraine.pipeline.component.RankedDocument;
import io.moraine.pipeline.lsh.Bucket;
import io.moraine.pipeline.lsh.BucketMember;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * Candidate pairs of sorted buckets: all pairs of a bucket up to the cap; of a larger one those
 * with its front, see {@link Bucket}.
 *
 * @cost memory of one task: {@code cap + 2 * front} members
 */
final class BucketPairs implements MapPartitionsFunction<Row, Row> {

  /** {@code label}: members of the same label are not compared; null: compared with all. */
  static final StructType MEMBERS =
      new StructType()
          .add("key", "long")
          .add("increment", "int")
          .add("negative_length", "int")
          .add("id", "string")
          .add("shingles", "int")
          .add("open", "int")
          .add("label", "string");

  /**
   * Pairs, and members that are behind: there {@code better} is null, and {@code exposed} says
   * whether better members were not compared.
   */
  static final StructType PAIRS =
      new StructType()
          .add("better", RankedRows.RANKED)
          .add("worse", RankedRows.RANKED)
          .add("exposed", "boolean");

  private static final long serialVersionUID = 1L;

  private final int cap;
  private final int front;
  private final double threshold;

  private BucketPairs(int cap, int front, double threshold) {
    this.cap = cap;
    this.front = front;
    this.threshold = threshold;
  }

  /** Brings the members of a bucket together in priority order. */
  static Dataset<Row> grouped(Dataset<Row> members) {
    return members
        .repartition(col("key"))
        .sortWithinPartitions("key", "increment", "negative_length", "id");
  }

  /**
   * The pairs of all buckets.
   *
   * @param grouped {@link #MEMBERS}
   * @param front of buckets larger than the cap
   * @return {@link #PAIRS}, each once
   */
  static Dataset<Row> of(Dataset<Row> grouped, int cap, int front, double threshold) {
    return grouped
        .mapPartitions(new BucketPairs(cap, front, threshold), Encoders.row(PAIRS))
        .distinct();
  }

  @Override
  public Iterator<Row> call(Iterator<Row> members) {
    return new Pairs(members);
  }

  private static BucketMember member(Row row) {
    RankedDocument document = new RankedDocument(row.getInt(1), -row.getInt(2), row.getString(3));
    return new BucketMember(document, row.getInt(4), row.getInt(5), row.getString(6));
  }

  private final class Pairs implements Iterator<Row>, Bucket.Sink {

    private final Iterator<Row> rows;
    private final Queue<Row> found = new ArrayDeque<>();
    private Iterator<BucketMember> read = Collections.emptyIterator();
    private Bucket bucket;
    private Row next;
    private Row current;

    Pairs(Iterator<Row> rows) {
      this.rows = rows;
      advance();
    }

    @Override
    public boolean hasNext() {
      while (found.isEmpty()) {
        if (read.hasNext()) {
          bucket.add(read.next());
        } else if (next == null) {
          return false;
        } else if (isOfCurrent(next)) {
          bucket.add(member(next));
          advance();
        } else {
          open();
        }
      }
      return true;
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return found.remove();
    }

    @Override
    public void pair(BucketMember better, BucketMember worse) {
      found.add(
          RowFactory.create(
              RankedRows.row(better.document()), RankedRows.row(worse.document()), false));
    }

    @Override
    public void behind(BucketMember member, boolean exposed) {
      found.add(RowFactory.create(null, RankedRows.row(member.document()), exposed));
    }

    /** Reads the next bucket as far as needed to know whether it is larger than the cap. */
    private void open() {
      current = next;
      List<BucketMember> members = new ArrayList<>();
      while (next != null && isOfCurrent(next) && members.size() <= cap) {
        members.add(member(next));
        advance();
      }
      bucket = new Bucket(members.size() > cap ? front : cap, threshold, this);
      read = members.iterator();
    }

    private boolean isOfCurrent(Row row) {
      return current != null && row.getLong(0) == current.getLong(0);
    }

    private void advance() {
      next = rows.hasNext() ? rows.next() : null;
    }
  }
}
