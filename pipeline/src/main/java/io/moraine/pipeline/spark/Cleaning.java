package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import io.moraine.pipeline.filter.CleanConfig;
import io.moraine.pipeline.filter.Cleaned;
import io.moraine.pipeline.filter.Kept;
import io.moraine.pipeline.filter.Rejection;
import io.moraine.pipeline.filter.TextCleaner;
import io.moraine.pipeline.language.DetectedLanguage;
import io.moraine.pipeline.pii.PiiKind;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Map;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Cleans every document and applies the quality rules. */
public final class Cleaning {

  /** Replacements by kind; null for a kind that was not looked for. */
  public static final StructType PII =
      new StructType()
          .add("email", "int")
          .add("ip", "int")
          .add("phone", "int")
          .add("secret", "int");

  /** A document that passes. What was not looked for is null. */
  public static final StructType PASSED =
      new StructType()
          .add("id", "string")
          .add("source", "string")
          .add("url", "string")
          .add("metadata", "string")
          .add("text", "string")
          .add("language", "string")
          .add("language_confidence", "double")
          .add("boilerplate_lines", "int")
          .add("pii", PII);

  /**
   * {@link #PASSED} and why a document does not pass: {@code reason} and {@code detail} are null
   * for one that does; else its text and {@code pii} are.
   */
  public static final StructType CLEANED = PASSED.add("reason", "string").add("detail", "string");

  private Cleaning() {}

  /**
   * Every document as {@link #CLEANED}: kept or with the rule that rejected it.
   *
   * @param documents with columns id, source, url, metadata, text
   */
  public static Dataset<Row> clean(Dataset<Row> documents, CleanConfig config) {
    return documents
        .select("id", "source", "url", "metadata", "text")
        .mapPartitions(new CleanDocuments(config), Encoders.row(CLEANED));
  }

  /** Every document as {@link #CLEANED}, kept as it is. */
  public static Dataset<Row> unchanged(Dataset<Row> documents) {
    Column[] columns = new Column[CLEANED.size()];
    for (int i = 0; i < columns.length; i++) {
      StructField field = CLEANED.apply(i);
      boolean isRead = Arrays.asList(documents.columns()).contains(field.name());
      columns[i] = (isRead ? col(field.name()) : lit(null)).cast(field.dataType()).as(field.name());
    }
    return documents.select(columns);
  }

  /** One cleaner per task; the language model is one per executor. */
  private static final class CleanDocuments implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final CleanConfig config;

    CleanDocuments(CleanConfig config) {
      this.config = config;
    }

    @Override
    public Iterator<Row> call(Iterator<Row> documents) {
      TextCleaner cleaner = new TextCleaner(config);
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return documents.hasNext();
        }

        @Override
        public Row next() {
          Row row = documents.next();
          return cleaned(row, cleaner.clean(row.getString(4)));
        }
      };
    }

    private static Row cleaned(Row row, Cleaned cleaned) {
      String text = cleaned.verdict() instanceof Kept kept ? kept.text() : null;
      Rejection rejection = cleaned.verdict() instanceof Rejection r ? r : null;
      DetectedLanguage language = cleaned.language().orElse(null);
      return RowFactory.create(
          row.getString(0),
          row.getString(1),
          row.getString(2),
          row.getString(3),
          text,
          language == null ? null : language.code(),
          language == null ? null : language.confidence(),
          cleaned.boilerplateLines().isPresent() ? cleaned.boilerplateLines().getAsInt() : null,
          replacements(cleaned.replacements()),
          rejection == null ? null : rejection.reason(),
          rejection == null ? null : rejection.detail());
    }

    private static Row replacements(Map<PiiKind, Integer> counts) {
      return counts.isEmpty()
          ? null
          : RowFactory.create(
              counts.get(PiiKind.EMAIL),
              counts.get(PiiKind.IP),
              counts.get(PiiKind.PHONE),
              counts.get(PiiKind.SECRET));
    }
  }
}
