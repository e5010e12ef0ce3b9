package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;

import io.moraine.pipeline.spark.DocumentZip.Combine;
import io.moraine.pipeline.spark.DocumentZip.Found;
import io.moraine.pipeline.substring.Anchors;
import io.moraine.pipeline.substring.CopyRun;
import io.moraine.pipeline.substring.Removal;
import io.moraine.pipeline.substring.SubstringConfig;
import io.moraine.pipeline.text.WordRange;
import io.moraine.pipeline.text.WordSpans;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;

/**
 * Exact substring deduplication: spans of at least n words that stand more than once in the corpus,
 * in other documents or the same, are cut from all places but the first by (id, position).
 *
 * <p>Windows of n words are compared by 128-bit hashes of their {@link
 * io.moraine.pipeline.text.Words}, so case, punctuation and white space do not count; among w
 * windows two different ones collide with a probability below w^2 / 2^129, 2e-15 for 10^12. The
 * hash is not cryptographic: somebody who wants two windows to collide can make them.
 *
 * <p>Each pass: (1) {@link Anchors} are counted; a window whose anchor stands once is unique and
 * drops out. (2) The other windows are grouped by hash and all but the first of each group marked.
 * (3) A marked window is cut if its first copy is not itself touched by a marked window; so the
 * first copy that explains a cut always survives the pass. At least one window is cut in a pass
 * that marks any: those with the smallest first copy. Cuts make new neighbours, therefore passes
 * repeat until one marks nothing.
 *
 * <p>Through the shuffle go (hash, partition, id, position) rows, never text; documents are read
 * twice in a pass, once more for the outcome, and must have the same partitions each time. Memory
 * of a task: about 100 bytes a word of one document; the repeated anchors and the cuts of one
 * partition; Spark's sort buffers, which spill. Nothing is collected on the driver.
 */
public final class RepeatedSpans {

  /**
   * What was cut, each word once. Words and code points are counted in the text as the pass found
   * it, as is {@code first_word} in the text of {@code first_id}: {@code words} words from there
   * are the same.
   */
  public static final StructType CUTS =
      new StructType()
          .add("pass", "int")
          .add("start_word", "int")
          .add("words", "int")
          .add("start_character", "int")
          .add("characters", "int")
          .add("first_id", "string")
          .add("first_word", "int");

  private static final String CUTS_COLUMN = "repeated_span_cuts";

  private RepeatedSpans() {}

  /**
   * What the passes came to.
   *
   * @param documents all documents in the columns they came with, the text without what was cut
   *     (empty if no word is left), and {@code cut_words} and {@code cut_spans}, both 0 mostly
   * @param cuts id and {@link #CUTS}: {@code cut_spans} rows per document, {@code cut_words} words
   * @param passes that were run, in [1, max-passes]
   * @param complete whether the last pass found no repeated span
   */
  public record Outcome(Dataset<Row> documents, Dataset<Row> cuts, int passes, boolean complete) {}

  /**
   * Cuts repeated spans.
   *
   * @param documents with columns id (unique) and text; read twice in a pass, so better stored than
   *     computed
   */
  public static Outcome cut(SparkSession spark, Dataset<Row> documents, SubstringConfig config) {
    StructType schema =
        documents
            .schema()
            .add("cut_words", "int", false)
            .add("cut_spans", "int", false)
            .add(CUTS_COLUMN, DataTypes.createArrayType(CUTS));
    int n = config.minWords();
    JavaRDD<Row> texts = documents.javaRDD().map(RepeatedSpans::withoutCuts);
    int pass = 0;
    boolean complete = false;
    while (!complete && pass < config.maxPasses()) {
      pass++;
      JavaRDD<Found<List<CopyRun>>> copies =
          SpanCopies.find(spark, texts, schema, n).persist(StorageLevel.MEMORY_AND_DISK());
      complete = copies.count() == 0;
      int text = schema.fieldIndex("text");
      texts =
          complete
              ? texts
              : DocumentZip.zip(texts, schema.fieldIndex("id"), copies, new Cut(text, pass, n));
    }
    Dataset<Row> done = spark.createDataFrame(texts, schema);
    Dataset<Row> cuts = done.select(col("id"), explode(col(CUTS_COLUMN)).as("cut"));
    return new Outcome(done.drop(CUTS_COLUMN), cuts.select("id", "cut.*"), pass, complete);
  }

  private static Row withoutCuts(Row row) {
    Object[] values = new Object[row.size() + 3];
    for (int i = 0; i < row.size(); i++) {
      values[i] = row.get(i);
    }
    values[row.size()] = 0;
    values[row.size() + 1] = 0;
    values[row.size() + 2] = new Row[0];
    return RowFactory.create(values);
  }

  /** Applies one pass to a document and adds to its last three columns. */
  private static final class Cut implements Combine<List<CopyRun>> {

    private static final long serialVersionUID = 1L;

    private final int textColumn;
    private final int pass;
    private final int n;

    Cut(int textColumn, int pass, int n) {
      this.textColumn = textColumn;
      this.pass = pass;
      this.n = n;
    }

    @Override
    public Iterator<Row> apply(Row document, Found<List<CopyRun>> copies) {
      return List.of(copies == null ? document : cut(document, copies.value())).iterator();
    }

    private Row cut(Row document, List<CopyRun> copies) {
      String text = document.getString(textColumn);
      WordSpans words = WordSpans.of(text);
      List<Removal> removals = Removal.of(copies, n);
      List<WordRange> ranges = removals.stream().map(Removal::range).toList();
      Object[] values = new Object[document.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = document.get(i);
      }
      int last = values.length - 1;
      values[textColumn] = words.without(WordRange.union(ranges));
      values[last - 2] =
          document.getInt(last - 2) + ranges.stream().mapToInt(WordRange::words).sum();
      values[last - 1] = document.getInt(last - 1) + ranges.size();
      List<Row> cuts = new ArrayList<>(Arrays.asList((Row[]) document.get(last)));
      int start = 0;
      int character = 0;
      for (Removal removal : removals) {
        int from = words.start(removal.range());
        character += text.codePointCount(start, from);
        start = from;
        cuts.add(
            RowFactory.create(
                pass,
                removal.range().from(),
                removal.range().words(),
                character,
                words.characters(removal.range()),
                removal.firstId(),
                removal.firstStart()));
      }
      values[last] = cuts.toArray(new Row[0]);
      return RowFactory.create(values);
    }
  }
}
