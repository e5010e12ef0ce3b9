package io.moraine.jobs.train;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.function.LongSupplier;
import java.util.zip.CRC32C;
import org.apache.hadoop.fs.FSDataOutputStream;

/**
 * Writes a TensorBoard event file: TFRecord frames of {@code Event} messages with scalars, texts
 * and histograms, encoded by hand (docs/formats.md).
 *
 * @source tensorflow/core/lib/io/record_writer.cc; tensorflow/core/util/event.proto, summary.proto,
 *     tensor.proto; tensorboard/plugins/text/summary_v2.py
 */
final class TensorBoardWriter implements AutoCloseable {

  /** Readers see what is older than this once more is written. */
  private static final long SEEN_AFTER_MILLIS = 10_000;

  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  /** The type of a tensor of texts. */
  private static final int STRING_TENSOR = 7;

  private final FSDataOutputStream out;
  private final LongSupplier millisClock;
  private long flushedMillis;

  /**
   * Begins a file.
   *
   * @param out on HDFS what is written is seen by readers once it is flushed there ({@code hflush})
   * @param millisClock wall time in milliseconds, which TensorBoard shows
   */
  TensorBoardWriter(FSDataOutputStream out, LongSupplier millisClock) throws IOException {
    this.out = out;
    this.millisClock = millisClock;
    this.flushedMillis = millisClock.getAsLong();
    Message event = event(0);
    event.bytes(3, "brain.Event:2".getBytes(StandardCharsets.UTF_8));
    writeRecord(event.toBytes());
  }

  void scalar(String tag, long step, double value) throws IOException {
    Message summary = new Message();
    summary.bytes(1, tag.getBytes(StandardCharsets.UTF_8));
    summary.fixed32(2, Float.floatToRawIntBits((float) value));
    write(step, summary);
  }

  /** A text, which TensorBoard reads as Markdown: shown as it is, in a block of code. */
  void text(String tag, long step, String text) throws IOException {
    Message tensor = new Message();
    tensor.varint(1, STRING_TENSOR);
    tensor.bytes(2, new byte[0]); // a shape without axes
    tensor.bytes(8, text.indent(4).getBytes(StandardCharsets.UTF_8));
    Message plugin = new Message();
    plugin.bytes(1, "text".getBytes(StandardCharsets.UTF_8));
    Message metadata = new Message();
    metadata.bytes(1, plugin.toBytes());
    Message summary = new Message();
    summary.bytes(1, tag.getBytes(StandardCharsets.UTF_8));
    summary.bytes(8, tensor.toBytes());
    summary.bytes(9, metadata.toBytes());
    write(step, summary);
  }

  /** A histogram with one bucket per value: bucket i is (i - 1, i] and holds values[i]. */
  void histogram(String tag, long step, long[] counts) throws IOException {
    Message histogram = new Message();
    byte[] limits = new byte[8 * counts.length];
    byte[] buckets = new byte[8 * counts.length];
    double total = 0;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < counts.length; i++) {
      putDouble(limits, i, i);
      putDouble(buckets, i, counts[i]);
      total += counts[i];
      sum += (double) i * counts[i];
      squares += (double) i * i * counts[i];
    }
    histogram.fixed64(1, 0);
    histogram.fixed64(2, Double.doubleToRawLongBits(counts.length - 1));
    histogram.fixed64(3, Double.doubleToRawLongBits(total));
    histogram.fixed64(4, Double.doubleToRawLongBits(sum));
    histogram.fixed64(5, Double.doubleToRawLongBits(squares));
    histogram.bytes(6, limits);
    histogram.bytes(7, buckets);
    Message summary = new Message();
    summary.bytes(1, tag.getBytes(StandardCharsets.UTF_8));
    summary.bytes(5, histogram.toBytes());
    write(step, summary);
  }

  /** Readers see all that is written so far. */
  void flush() throws IOException {
    out.hflush();
    flushedMillis = millisClock.getAsLong();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }

  private void write(long step, Message value) throws IOException {
    Message summary = new Message();
    summary.bytes(1, value.toBytes());
    Message event = event(step);
    event.bytes(5, summary.toBytes());
    writeRecord(event.toBytes());
    if (millisClock.getAsLong() - flushedMillis >= SEEN_AFTER_MILLIS) {
      flush();
    }
  }

  private Message event(long step) {
    Message event = new Message();
    event.fixed64(1, Double.doubleToRawLongBits(millisClock.getAsLong() / 1000.0));
    event.varint(2, step);
    return event;
  }

  private void writeRecord(byte[] data) throws IOException {
    ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    length.putLong(data.length);
    ByteBuffer frame = ByteBuffer.allocate(data.length + 16).order(ByteOrder.LITTLE_ENDIAN);
    frame.putLong(data.length).putInt(maskedChecksum(length.array()));
    frame.put(data).putInt(maskedChecksum(data));
    out.write(frame.array());
  }

  private static int maskedChecksum(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
  }

  private static void putDouble(byte[] bytes, int index, double value) {
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putDouble(8 * index, value);
  }

  /** A protocol buffer message under construction. */
  private static final class Message {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    void varint(int field, long value) {
      key(field, VARINT);
      raw(value);
    }

    void fixed64(int field, long value) {
      key(field, FIXED64);
      bytes.writeBytes(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    }

    void fixed32(int field, int value) {
      key(field, FIXED32);
      bytes.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    void bytes(int field, byte[] value) {
      key(field, BYTES);
      raw(value.length);
      bytes.writeBytes(value);
    }

    byte[] toBytes() {
      return bytes.toByteArray();
    }

    private void key(int field, int type) {
      raw((long) field << 3 | type);
    }

    private void raw(long value) {
      long rest = value;
      while ((rest & ~0x7fL) != 0) {
        bytes.write((int) (rest & 0x7f | 0x80));
        rest >>>= 7;
      }
      bytes.write((int) rest);
    }
  }
}
