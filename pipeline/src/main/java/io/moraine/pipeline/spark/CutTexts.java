package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;

import io.moraine.pipeline.text.CharRange;
import io.moraine.pipeline.text.WordRange;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Documents that carry what was cut from their texts in three columns behind their own: {@code
 * cut_words}, {@code cut_spans} and an array of {@link #CUTS}.
 */
public final class CutTexts {

  /** Where something was cut, and in which pass. */
  static final StructType PLACES =
      new StructType()
          .add("pass", "int")
          .add("start_word", "int")
          .add("words", "int")
          .add("start_character", "int")
          .add("characters", "int");

  /**
   * What was cut, each word once. Words and code points are counted in the text as the pass found
   * it, as is {@code first_word} in the text of {@code first_id}: {@code words} words from there
   * are the same.
   */
  public static final StructType CUTS = PLACES.add("first_id", "string").add("first_word", "int");

  private static final String CUTS_COLUMN = "cuts_of_text";

  private CutTexts() {}

  /** The columns of documents with those behind them. */
  static StructType schema(StructType documents) {
    return documents
        .add("cut_words", "int", false)
        .add("cut_spans", "int", false)
        .add(CUTS_COLUMN, DataTypes.createArrayType(CUTS));
  }

  /** A document of which nothing is cut yet. */
  static Row uncut(Row document) {
    Object[] values = Arrays.copyOf(values(document), document.size() + 3);
    values[document.size()] = 0;
    values[document.size() + 1] = 0;
    values[document.size() + 2] = new Row[0];
    return RowFactory.create(values);
  }

  /** A document with what is left of its text and more cuts, in its partition until it is done. */
  static Row cut(Row document, int textColumn, String left, List<Row> more) {
    Object[] values = values(document);
    int last = values.length - 1;
    List<Row> cuts = new ArrayList<>(Arrays.asList((Row[]) values[last]));
    cuts.addAll(more);
    values[textColumn] = left;
    values[last - 2] = document.getInt(last - 2) + more.stream().mapToInt(c -> c.getInt(2)).sum();
    values[last - 1] = cuts.size();
    values[last] = cuts.toArray(new Row[0]);
    return RowFactory.create(values);
  }

  /** The documents with {@code cut_words} and {@code cut_spans}. */
  public static Dataset<Row> documents(Dataset<Row> done) {
    return done.drop(CUTS_COLUMN);
  }

  /** id and {@link #CUTS}. */
  public static Dataset<Row> cuts(Dataset<Row> done) {
    return done.select(col("id"), explode(col(CUTS_COLUMN)).as("cut")).select("id", "cut.*");
  }

  private static Object[] values(Row document) {
    Object[] values = new Object[document.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = document.get(i);
    }
    return values;
  }

  /** The cuts of one text in one pass, added in their order. */
  static final class Pass {

    private final int pass;
    private final String text;
    private final List<Row> rows = new ArrayList<>();
    private int start;
    private int character;

    Pass(int pass, String text) {
      this.pass = pass;
      this.text = text;
    }

    void add(WordRange words, CharRange place, String firstId, int firstWord) {
      character += text.codePointCount(start, place.from());
      start = place.from();
      rows.add(
          RowFactory.create(
              pass,
              words.from(),
              words.words(),
              character,
              text.codePointCount(place.from(), place.to()),
              firstId,
              firstWord));
    }

    /** {@link #CUTS}. */
    List<Row> rows() {
      return rows;
    }
  }
}
