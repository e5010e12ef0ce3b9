package io.moraine.model.checkpoint;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Writes a safetensors file tensor by tensor; the same bytes for the same content. */
public final class SafetensorsWriter {

  private static final JsonMapper JSON = new JsonMapper();
  private static final int CHUNK_BYTES = 1 << 20;

  private SafetensorsWriter() {}

  /** Where the values of a tensor come from: {@code float[]} or, for I64, {@code long[]}. */
  @FunctionalInterface
  public interface Source {
    Object values(TensorEntry entry) throws IOException;
  }

  /**
   * Writes a file.
   *
   * @param entries in the order of their bytes
   * @param source asked for one tensor after the other
   */
  public static void write(
      OutputStream out, Map<String, String> metadata, List<TensorEntry> entries, Source source)
      throws IOException {
    byte[] header = header(metadata, entries);
    out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
    out.write(header);
    for (TensorEntry entry : entries) {
      writeData(entry, source.values(entry), out);
    }
  }

  /** The JSON, filled with spaces to a multiple of 8 bytes. */
  private static byte[] header(Map<String, String> metadata, List<TensorEntry> entries)
      throws IOException {
    ObjectNode header = JSON.createObjectNode();
    if (!metadata.isEmpty()) {
      ObjectNode texts = header.putObject("__metadata__");
      new TreeMap<>(metadata).forEach(texts::put);
    }
    long offset = 0;
    for (TensorEntry entry : entries) {
      long end = offset + entry.bytes();
      ObjectNode field = header.putObject(entry.name());
      field.put("dtype", entry.type().name());
      entry.shape().forEach(field.putArray("shape")::add);
      field.putArray("data_offsets").add(offset).add(end);
      offset = end;
    }
    String text = JSON.writeValueAsString(header);
    int length = text.getBytes(StandardCharsets.UTF_8).length;
    return (text + " ".repeat((8 - length % 8) % 8)).getBytes(StandardCharsets.UTF_8);
  }

  private static void writeData(TensorEntry entry, Object values, OutputStream out)
      throws IOException {
    int width = entry.type().bytes();
    int elements = entry.elements();
    byte[] bytes = new byte[CHUNK_BYTES];
    for (int from = 0; from < elements; from += CHUNK_BYTES / width) {
      int count = Math.min(CHUNK_BYTES / width, elements - from);
      ByteBuffer chunk = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      if (entry.type() == TensorType.I64) {
        chunk.asLongBuffer().put((long[]) values, from, count);
      } else {
        entry.type().writeFloats((float[]) values, from, count, chunk);
      }
      out.write(bytes, 0, count * width);
    }
  }
}
