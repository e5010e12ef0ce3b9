package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import io.moraine.pipeline.component.GreedySurvivors;
import io.moraine.pipeline.component.GreedySurvivors.Fate;
import io.moraine.pipeline.component.RankedDocument;
import io.moraine.pipeline.lsh.Banding;
import io.moraine.pipeline.lsh.NearConfig;
import io.moraine.pipeline.lsh.PrefixIndex;
import io.moraine.pipeline.lsh.ShingleFrequencies;
import io.moraine.pipeline.minhash.MinHasher;
import io.moraine.pipeline.text.Shingles;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.util.LongAccumulator;

/**
 * Verified survivors in one task, where the documents of crowded buckets are few enough for its
 * memory: a crowded document is compared with the kept ones only, which it finds in a {@link
 * PrefixIndex}, until one is a duplicate. The documents kept are those of {@link NearRounds}.
 *
 * @cost memory of one task: the shingle sets of all crowded documents, as much again for the index,
 *     and 100 bytes for every removed document
 */
final class CrowdedSurvivors implements MapPartitionsFunction<Row, Row> {

  private static final long serialVersionUID = 1L;

  private final double threshold;
  private final int bands;
  private final int rowsPerBand;
  private final long seed;
  private final int firstNew;
  private final LongAccumulator compared;

  private CrowdedSurvivors(NearConfig config, int firstNew, LongAccumulator compared) {
    this.threshold = config.threshold();
    this.bands = config.banding().bands();
    this.rowsPerBand = config.banding().rowsPerBand();
    this.seed = config.seed();
    this.firstNew = firstNew;
    this.compared = compared;
  }

  /**
   * The documents that are not kept.
   *
   * @param edges {@link Survivors#EDGES} of duplicate pairs that are not both crowded; others do no
   *     harm
   * @param crowded columns id, increment, negative_length, shingles
   * @param firstNew documents of earlier increments are kept
   * @return {@link Survivors#EDGES}: removed documents as {@code worse} with the kept one
   */
  static Dataset<Row> notKept(
      Dataset<Row> edges,
      Dataset<Row> crowded,
      NearConfig config,
      int firstNew,
      LongAccumulator compared) {
    Column none = lit(null).cast(RankedRows.RANKED);
    Column noSimilarity = lit(null).cast("double");
    Column noSet = lit(null).cast("binary");
    Dataset<Row> documents = crowded.withColumn("worse", RankedRows.column());
    Dataset<Row> rows =
        documents
            .select(
                lit(0).as("pass"), none.as("better"), col("worse"), noSimilarity, col("shingles"))
            .union(documents.select(lit(1), none, col("worse"), noSimilarity, noSet))
            .union(edges.select(lit(1), col("better"), col("worse"), col("similarity"), noSet));
    return rows.repartition(1)
        .sortWithinPartitions(
            col("pass"), col("worse.increment"), col("worse.negative_length"), col("worse.id"))
        .mapPartitions(
            new CrowdedSurvivors(config, firstNew, compared), Encoders.row(Survivors.EDGES));
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    return new Decisions(rows);
  }

  /** First the sets of all crowded documents, then every document with its edges, best first. */
  private final class Decisions implements Iterator<Row> {

    private final Iterator<Row> rows;
    private final Map<String, long[]> sets = new HashMap<>();
    private final PrefixIndex index;
    private final GreedySurvivors survivors = new GreedySurvivors();
    private final Banding banding = new Banding(bands, rowsPerBand);
    private final MinHasher hasher = new MinHasher(banding.components(), seed);
    private Row next;
    private Row removed;

    Decisions(Iterator<Row> rows) {
      this.rows = rows;
      advance();
      ShingleFrequencies frequencies = new ShingleFrequencies();
      while (next != null && next.getInt(0) == 0) {
        long[] set = Shingles.fromBytes(next.getAs(4));
        sets.put(next.getStruct(2).getString(2), set);
        frequencies.add(set);
        advance();
      }
      this.index = new PrefixIndex(frequencies, threshold);
    }

    @Override
    public boolean hasNext() {
      while (removed == null && next != null) {
        decideNext();
      }
      return removed != null;
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Row row = removed;
      removed = null;
      return row;
    }

    private void decideNext() {
      Row row = next.getStruct(2);
      RankedDocument document = RankedRows.document(row);
      survivors.begin();
      while (next != null && next.getStruct(2).equals(row)) {
        if (!next.isNullAt(1)) {
          survivors.duplicate(RankedRows.document(next.getStruct(1)), next.getDouble(3));
        }
        advance();
      }
      long[] set = sets.remove(document.id());
      if (set != null && document.increment() >= firstNew) {
        findDuplicate(set);
      }
      Fate fate = survivors.decide(document.id());
      if (fate == Fate.REMOVED) {
        removed =
            RowFactory.create(RankedRows.row(survivors.keptInstead()), row, survivors.similarity());
      } else if (set != null) {
        index.add(document, set);
      }
    }

    /** A duplicate shares a bucket too: what is kept is that of comparing all pairs of buckets. */
    private void findDuplicate(long[] set) {
      long[] signature = hasher.signature(set);
      long before = index.compared();
      index
          .find(set, other -> banding.share(signature, hasher.signature(other)))
          .ifPresent(match -> survivors.duplicate(match.document(), match.similarity()));
      compared.add(index.compared() - before);
    }

    private void advance() {
      next = rows.hasNext() ? rows.next() : null;
    }
  }
}
