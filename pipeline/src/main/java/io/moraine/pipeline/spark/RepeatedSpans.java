package io.moraine.pipeline.spark;

import io.moraine.pipeline.spark.DocumentZip.Combine;
import io.moraine.pipeline.spark.DocumentZip.Found;
import io.moraine.pipeline.substring.Anchors;
import io.moraine.pipeline.substring.CopyRun;
import io.moraine.pipeline.substring.CutSpan;
import io.moraine.pipeline.substring.SubstringConfig;
import io.moraine.pipeline.text.CharRange;
import io.moraine.pipeline.text.WordRange;
import io.moraine.pipeline.text.WordSpans;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
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

  private RepeatedSpans() {}

  /**
   * What the passes came to.
   *
   * @param documents all documents in the columns they came with, the text without what was cut
   *     (empty if no word is left), and {@code cut_words} and {@code cut_spans}, both 0 mostly
   * @param cuts id and {@link CutTexts#CUTS}: {@code cut_spans} rows per document, {@code
   *     cut_words} words
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
    StructType schema = CutTexts.schema(documents.schema());
    int n = config.minWords();
    JavaRDD<Row> texts = documents.javaRDD().map(CutTexts::uncut);
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
    return new Outcome(CutTexts.documents(done), CutTexts.cuts(done), pass, complete);
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
      CutTexts.Pass cuts = new CutTexts.Pass(pass, text);
      List<CutSpan> spans = CutSpan.of(copies, n);
      for (CutSpan span : spans) {
        WordRange range = span.range();
        CharRange place = new CharRange(words.start(range), words.end(range));
        cuts.add(range, place, span.firstId(), span.firstStart());
      }
      String left = words.without(WordRange.union(spans.stream().map(CutSpan::range).toList()));
      return CutTexts.cut(document, textColumn, left, cuts.rows());
    }
  }
}
