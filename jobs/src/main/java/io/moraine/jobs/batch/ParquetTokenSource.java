package io.moraine.jobs.batch;

import io.moraine.model.data.TokenBatch;
import io.moraine.model.data.TokenSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.apache.hadoop.conf.Configuration;

/**
 * The sequences of a prepared dataset in host memory: read once from Parquet into a memory-mapped
 * file of int32 on this machine's disk, then random access by sequence id.
 *
 * <p>The operating system keeps the pages that are used; a dataset larger than memory works as long
 * as it fits the local disk (4 bytes per token). The file is deleted as soon as it is mapped.
 */
public final class ParquetTokenSource implements TokenSource {

  /** Sequences per mapped segment are chosen so that a segment stays below this. */
  private static final long SEGMENT_BYTES = 1L << 30;

  /** Bit of a stored token at which a document's segment begins; ids are smaller. */
  private static final int START = 1 << 30;

  private final long sequences;
  private final int length;
  private final int sequencesPerSegment;
  private final List<IntBuffer> segments;

  private ParquetTokenSource(
      long sequences, int length, int sequencesPerSegment, List<IntBuffer> segments) {
    this.sequences = sequences;
    this.length = length;
    this.sequencesPerSegment = sequencesPerSegment;
    this.segments = segments;
  }

  /**
   * Reads every sequence of a dataset's folder.
   *
   * @param folder Hadoop path of {@code sequences/} or {@code heldout/}
   * @param sequences how many there are, from the manifest
   * @param length tokens per sequence that a model sees; rows have one more
   * @param scratch local folder for the mapped file
   * @throws IOException if a file cannot be read, a row has another length, or an id is missing,
   *     twice there or out of range
   */
  public static ParquetTokenSource open(
      Configuration hadoop, String folder, long sequences, int length, Path scratch)
      throws IOException {
    int rowInts = length + 1;
    int perSegment = (int) Math.max(1, SEGMENT_BYTES / (4L * rowInts));
    List<IntBuffer> segments = map(scratch, sequences, rowInts, perSegment);
    ParquetTokenSource source = new ParquetTokenSource(sequences, length, perSegment, segments);
    BitSet seen = new BitSet();
    SequenceRows.forEach(
        hadoop,
        folder,
        (sequence, tokens, starts, file) -> {
          source.store(sequence, tokens, starts, file);
          if (seen.get((int) sequence)) {
            throw new IOException(
                "sequence %d stands twice, again in %s.".formatted(sequence, file));
          }
          seen.set((int) sequence);
        });
    if (seen.cardinality() != sequences) {
      throw new IOException(
          "%s holds %d sequences, the manifest says %d. Run prepare again."
              .formatted(folder, seen.cardinality(), sequences));
    }
    return source;
  }

  @Override
  public long sequences() {
    return sequences;
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public void read(long sequence, int[] dst, int dstOffset) {
    row(sequence).get(dst, dstOffset, length + 1);
    for (int i = dstOffset; i <= dstOffset + length; i++) {
      dst[i] = dst[i] == TokenBatch.PADDING ? dst[i] : dst[i] & ~START;
    }
  }

  @Override
  public void readDocuments(long sequence, int[] dst, int dstOffset) {
    IntBuffer row = row(sequence);
    int document = -1;
    for (int i = 0; i <= length; i++) {
      int token = row.get(i);
      document += token != TokenBatch.PADDING && (token & START) != 0 ? 1 : 0;
      dst[dstOffset + i] = document;
    }
  }

  /** Nothing to do: the mapped file is gone from the disk when the buffers are collected. */
  @Override
  public void close() {}

  private void store(long sequence, int[] tokens, int[] starts, String file) throws IOException {
    if (sequence < 0 || sequence >= sequences || tokens.length != length + 1) {
      throw new IOException(
          "sequence %d of %s has %d tokens, expected %d tokens and an id in [0, %d)."
              .formatted(sequence, file, tokens.length, length + 1, sequences));
    }
    for (int start : starts) {
      if (start < 0 || start > length || tokens[start] == TokenBatch.PADDING) {
        throw new IOException(
            "sequence %d of %s has a segment at %d, where no token is."
                .formatted(sequence, file, start));
      }
      tokens[start] |= START;
    }
    row(sequence).put(tokens);
  }

  private IntBuffer row(long sequence) {
    IntBuffer segment = segments.get((int) (sequence / sequencesPerSegment));
    int from = (int) (sequence % sequencesPerSegment) * (length + 1);
    return segment.slice(from, length + 1);
  }

  private static List<IntBuffer> map(Path scratch, long sequences, int rowInts, int perSegment)
      throws IOException {
    Files.createDirectories(scratch);
    Path file = Files.createTempFile(scratch, "sequences-", ".int32");
    List<IntBuffer> segments = new ArrayList<>();
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE)) {
      for (long from = 0; from < sequences; from += perSegment) {
        long bytes = Math.min(perSegment, sequences - from) * 4L * rowInts;
        ByteBuffer mapped = channel.map(FileChannel.MapMode.READ_WRITE, from * 4L * rowInts, bytes);
        segments.add(mapped.order(ByteOrder.nativeOrder()).asIntBuffer());
      }
    }
    return segments;
  }
}
