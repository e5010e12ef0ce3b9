package io.moraine.model.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The safetensors format: 8 bytes header length (little-endian), a JSON header with type, shape and
 * range of each tensor, then the tensors' bytes, little-endian, without gaps.
 *
 * @param metadata texts of the header's {@code __metadata__}
 * @param tensors in the order of their bytes
 * @source Hugging Face, safetensors, README.md, Format
 */
public record Safetensors(Map<String, String> metadata, List<NamedTensor> tensors) {

  private static final JsonMapper JSON = new JsonMapper();
  private static final int MAX_HEADER_BYTES = 100_000_000;
  private static final int CHUNK_BYTES = 1 << 20;

  public Safetensors {
    metadata = Map.copyOf(metadata);
    tensors = List.copyOf(tensors);
  }

  /** The tensor of a name, if the file has it. */
  public Optional<NamedTensor> tensor(String name) {
    return tensors.stream().filter(tensor -> tensor.name().equals(name)).findFirst();
  }

  /**
   * Reads a whole file.
   *
   * @param name of the file, for messages
   * @throws CorruptDataException if the bytes are not a safetensors file of float32 and int64
   */
  public static Safetensors read(InputStream stream, String name) throws IOException {
    DataInputStream in = new DataInputStream(stream);
    try {
      long headerBytes = Long.reverseBytes(in.readLong());
      if (headerBytes < 2 || headerBytes > MAX_HEADER_BYTES) {
        throw new CorruptDataException(
            "%s is not a safetensors file: header length %d at byte 0, expected 2 to %d."
                .formatted(name, headerBytes, MAX_HEADER_BYTES));
      }
      byte[] header = new byte[(int) headerBytes];
      in.readFully(header);
      return readTensors(JSON.readTree(header), in, name);
    } catch (JsonProcessingException e) {
      throw new CorruptDataException(
          "%s is damaged: its header at byte 8 is not JSON.".formatted(name));
    } catch (EOFException e) {
      throw new CorruptDataException("%s is cut off.".formatted(name));
    }
  }

  /** Writes a file; the same bytes for the same content. */
  public void write(OutputStream out) throws IOException {
    ObjectNode header = JSON.createObjectNode();
    if (!metadata.isEmpty()) {
      ObjectNode texts = header.putObject("__metadata__");
      new TreeMap<>(metadata).forEach(texts::put);
    }
    long offset = 0;
    for (NamedTensor tensor : tensors) {
      boolean isFloat = tensor.data() instanceof float[];
      long end = offset + bytes(tensor);
      ObjectNode entry = header.putObject(tensor.name());
      entry.put("dtype", isFloat ? "F32" : "I64");
      tensor.shape().forEach(entry.putArray("shape")::add);
      entry.putArray("data_offsets").add(offset).add(end);
      offset = end;
    }
    String text = JSON.writeValueAsString(header);
    byte[] json =
        (text + " ".repeat((8 - utf8(text).length % 8) % 8)).getBytes(StandardCharsets.UTF_8);
    out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
    out.write(json);
    for (NamedTensor tensor : tensors) {
      writeData(tensor, out);
    }
  }

  private static Safetensors readTensors(JsonNode header, DataInputStream in, String name)
      throws IOException {
    Map<String, String> metadata = new TreeMap<>();
    List<Map.Entry<String, JsonNode>> entries = new ArrayList<>();
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
                entries.add(field);
              }
            });
    entries.sort(
        Comparator.comparingLong(entry -> entry.getValue().path("data_offsets").path(0).asLong()));
    List<NamedTensor> tensors = new ArrayList<>();
    long offset = 0;
    for (Map.Entry<String, JsonNode> entry : entries) {
      NamedTensor tensor = readTensor(entry.getKey(), entry.getValue(), offset, in, name);
      offset += bytes(tensor);
      tensors.add(tensor);
    }
    return new Safetensors(metadata, tensors);
  }

  private static NamedTensor readTensor(
      String tensor, JsonNode entry, long offset, DataInputStream in, String name)
      throws IOException {
    List<Long> shape = new ArrayList<>();
    entry.path("shape").forEach(size -> shape.add(size.asLong()));
    int elements = Math.toIntExact(shape.stream().reduce(1L, Math::multiplyExact));
    String type = entry.path("dtype").asText();
    int width = type.equals("F32") ? 4 : type.equals("I64") ? 8 : 0;
    JsonNode offsets = entry.path("data_offsets");
    if (width == 0
        || offsets.path(0).asLong() != offset
        || offsets.path(1).asLong() != offset + (long) width * elements) {
      throw new CorruptDataException(
          "%s: tensor %s must be F32 or I64 at data byte %d, got %s"
              .formatted(name, tensor, offset, entry));
    }
    return width == 4
        ? new NamedTensor(tensor, shape, readFloats(in, elements))
        : new NamedTensor(tensor, shape, readLongs(in, elements));
  }

  private static float[] readFloats(DataInputStream in, int elements) throws IOException {
    float[] values = new float[elements];
    byte[] chunk = new byte[CHUNK_BYTES];
    for (int from = 0; from < elements; from += CHUNK_BYTES / 4) {
      int count = Math.min(CHUNK_BYTES / 4, elements - from);
      in.readFully(chunk, 0, 4 * count);
      ByteBuffer.wrap(chunk)
          .order(ByteOrder.LITTLE_ENDIAN)
          .asFloatBuffer()
          .get(values, from, count);
    }
    return values;
  }

  private static long[] readLongs(DataInputStream in, int elements) throws IOException {
    long[] values = new long[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = Long.reverseBytes(in.readLong());
    }
    return values;
  }

  private static void writeData(NamedTensor tensor, OutputStream out) throws IOException {
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    int width = tensor.data() instanceof float[] ? 4 : 8;
    int elements = (int) (bytes(tensor) / width);
    for (int from = 0; from < elements; from += CHUNK_BYTES / width) {
      int count = Math.min(CHUNK_BYTES / width, elements - from);
      if (width == 4) {
        chunk.asFloatBuffer().put(tensor.floats(), from, count);
      } else {
        chunk.asLongBuffer().put(tensor.longs(), from, count);
      }
      out.write(chunk.array(), 0, count * width);
    }
  }

  private static long bytes(NamedTensor tensor) {
    return tensor.data() instanceof float[] floats
        ? 4L * floats.length
        : 8L * tensor.longs().length;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
