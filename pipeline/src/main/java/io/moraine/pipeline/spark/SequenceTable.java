package io.moraine.pipeline.spark;

import io.moraine.pipeline.sequence.Segment;
import io.moraine.pipeline.sequence.SequenceChunk;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/** Sequences and their chunks as rows. */
final class SequenceTable {

  /**
   * The first {@code filled} tokens of a row are of documents, the rest is padding (end-of-text).
   * {@code starts}, {@code documents}, {@code copies} and {@code offsets} are parallel, each of one
   * of {@link Segment}'s components: segment i begins at starts[i] and is what copy copies[i] of
   * documents[i] has from its token offsets[i] on.
   */
  static final StructType SEQUENCES =
      withSegments(
          new StructType()
              .add("sequence_id", "long")
              .add("filled", "int")
              .add("tokens", "array<int>"));

  static final StructType CHUNKS =
      withSegments(
          new StructType()
              .add("sequence_id", "long")
              .add("position", "int")
              .add("tokens", "array<int>"));

  private SequenceTable() {}

  /** A whole sequence, its empty room filled up. */
  static Row sequence(SequenceChunk chunk, int rowTokens, int padding) {
    int filled = chunk.tokens().length;
    int[] tokens = Arrays.copyOf(chunk.tokens(), rowTokens);
    Arrays.fill(tokens, filled, rowTokens, padding);
    return row(chunk, filled, tokens);
  }

  static Row chunk(SequenceChunk chunk) {
    return row(chunk, chunk.position(), chunk.tokens());
  }

  private static Row row(SequenceChunk chunk, int second, int[] tokens) {
    List<Segment> segments = chunk.segments();
    return RowFactory.create(
        chunk.sequence(),
        second,
        tokens,
        segments.stream().mapToInt(Segment::start).toArray(),
        segments.stream().map(Segment::document).toArray(String[]::new),
        segments.stream().mapToInt(Segment::copy).toArray(),
        segments.stream().mapToInt(Segment::offset).toArray());
  }

  static int[] ints(List<Integer> boxed) {
    int[] values = new int[boxed.size()];
    int i = 0;
    for (int value : boxed) {
      values[i++] = value;
    }
    return values;
  }

  private static StructType withSegments(StructType table) {
    return table
        .add("starts", "array<int>")
        .add("documents", "array<string>")
        .add("copies", "array<int>")
        .add("offsets", "array<int>");
  }
}
