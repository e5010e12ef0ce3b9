package io.moraine.pipeline.spark;

import io.moraine.pipeline.hash.Murmur3;
import io.moraine.pipeline.text.Shingles;
import java.nio.charset.StandardCharsets;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * What deduplication needs of a document instead of its text; texts are read once for this and take
 * part in no shuffle. Stored in the dataset's index for incremental runs.
 */
public final class Features {

  /**
   * {@code length} in code points; {@code digest} 128 bits of the text in hex; {@code shingles} as
   * {@link Shingles#toBytes}.
   */
  public static final StructType FEATURES =
      new StructType()
          .add("id", "string")
          .add("length", "int")
          .add("digest", "string")
          .add("shingles", "binary");

  private Features() {}

  /**
   * The features of every document.
   *
   * @param documents with columns id and text
   * @param shingleWords words per shingle
   */
  public static Dataset<Row> of(Dataset<Row> documents, int shingleWords) {
    return documents.select("id", "text").map(new ToFeatures(shingleWords), Encoders.row(FEATURES));
  }

  private static final class ToFeatures implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int shingleWords;

    ToFeatures(int shingleWords) {
      this.shingleWords = shingleWords;
    }

    @Override
    public Row call(Row row) {
      String text = row.getString(1);
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      return RowFactory.create(
          row.getString(0),
          text.codePointCount(0, text.length()),
          Murmur3.hash128(utf8, 0, utf8.length, 0).hex(),
          Shingles.toBytes(Shingles.of(utf8, shingleWords)));
    }
  }
}
