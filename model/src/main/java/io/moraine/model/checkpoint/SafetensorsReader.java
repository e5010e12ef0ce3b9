package io.moraine.model.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Reads a safetensors file tensor by tensor: files larger than memory as well. */
public final class SafetensorsReader implements AutoCloseable {

  private static final JsonMapper JSON = new JsonMapper();
  private static final int MAX_HEADER_BYTES = 100_000_000;
  private static final int CHUNK_BYTES = 1 << 20;

  private final String name;
  private final DataInputStream in;
  private final Map<String, String> metadata = new TreeMap<>();
  private final List<TensorEntry> entries = new ArrayList<>();
  private int next;

  /**
   * Reads the header.
   *
   * @param stream closed with the reader
   * @param name of the file, for messages
   * @throws CorruptDataException if the bytes are no safetensors file of the types of {@link
   *     TensorType}
   */
  public SafetensorsReader(InputStream stream, String name) throws IOException {
    this.name = name;
    this.in = new DataInputStream(stream);
    try {
      long headerBytes = Long.reverseBytes(in.readLong());
      if (headerBytes < 2 || headerBytes > MAX_HEADER_BYTES) {
        throw new CorruptDataException(
            "%s is not a safetensors file: header length %d at byte 0, expected 2 to %d."
                .formatted(name, headerBytes, MAX_HEADER_BYTES));
      }
      byte[] header = new byte[(int) headerBytes];
      in.readFully(header);
      readHeader(JSON.readTree(header));
    } catch (JsonProcessingException e) {
      throw new CorruptDataException(
          "%s is damaged: its header at byte 8 is not JSON.".formatted(name));
    } catch (EOFException e) {
      throw new CorruptDataException("%s is cut off.".formatted(name));
    }
  }

  /** Texts of the header's {@code __metadata__}. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /** All tensors, in the order of their bytes. */
  public List<TensorEntry> entries() {
    return entries;
  }

  /**
   * The values of the next tensor of {@link #entries()}.
   *
   * @return empty behind the last one
   */
  public Optional<NamedTensor> next() throws IOException {
    if (next == entries.size()) {
      return Optional.empty();
    }
    TensorEntry entry = entries.get(next++);
    try {
      Object data = entry.type() == TensorType.I64 ? readLongs(entry) : readFloats(entry);
      return Optional.of(new NamedTensor(entry.name(), entry.shape(), data));
    } catch (EOFException e) {
      throw new CorruptDataException("%s is cut off.".formatted(name));
    }
  }

  @Override
  public void close() throws IOException {
    in.close();
  }

  private void readHeader(JsonNode header) throws CorruptDataException {
    List<Map.Entry<String, JsonNode>> fields = new ArrayList<>();
    header
        .fields()
        .forEachRemaining(
            field -> {
              if (field.getKey().equals("__metadata__")) {
                field
                    .getValue()
                    .fields()
                    .forEachRemaining(
                        text -> metadata.put(text.getKey(), text.getValue().asText()));
              } else {
                fields.add(field);
              }
            });
    fields.sort(
        Comparator.comparingLong(field -> field.getValue().path("data_offsets").path(0).asLong()));
    long offset = 0;
    for (Map.Entry<String, JsonNode> field : fields) {
      TensorEntry entry = entry(field.getKey(), field.getValue(), offset);
      offset += entry.bytes();
      entries.add(entry);
    }
  }

  private TensorEntry entry(String tensor, JsonNode field, long offset)
      throws CorruptDataException {
    List<Long> shape = new ArrayList<>();
    field.path("shape").forEach(size -> shape.add(size.asLong()));
    String written = field.path("dtype").asText();
    Optional<TensorType> type =
        Arrays.stream(TensorType.values()).filter(t -> t.name().equals(written)).findFirst();
    Optional<TensorEntry> entry = type.map(t -> new TensorEntry(tensor, t, shape));
    JsonNode offsets = field.path("data_offsets");
    if (entry.isEmpty()
        || offsets.path(0).asLong() != offset
        || offsets.path(1).asLong() != offset + entry.get().bytes()) {
      throw new CorruptDataException(
          "%s: tensor %s must be one of %s at data byte %d, got %s"
              .formatted(name, tensor, Arrays.toString(TensorType.values()), offset, field));
    }
    return entry.get();
  }

  private float[] readFloats(TensorEntry entry) throws IOException {
    float[] values = new float[entry.elements()];
    int width = entry.type().bytes();
    byte[] chunk = new byte[CHUNK_BYTES];
    for (int from = 0; from < values.length; from += CHUNK_BYTES / width) {
      int count = Math.min(CHUNK_BYTES / width, values.length - from);
      in.readFully(chunk, 0, width * count);
      entry.type().readFloats(littleEndian(chunk), values, from, count);
    }
    return values;
  }

  private long[] readLongs(TensorEntry entry) throws IOException {
    long[] values = new long[entry.elements()];
    byte[] chunk = new byte[CHUNK_BYTES];
    for (int from = 0; from < values.length; from += CHUNK_BYTES / 8) {
      int count = Math.min(CHUNK_BYTES / 8, values.length - from);
      in.readFully(chunk, 0, 8 * count);
      littleEndian(chunk).asLongBuffer().get(values, from, count);
    }
    return values;
  }

  private static ByteBuffer littleEndian(byte[] chunk) {
    return ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN);
  }
}
