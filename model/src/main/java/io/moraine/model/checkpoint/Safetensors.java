package io.moraine.model.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A whole file in the safetensors format: 8 bytes header length (little-endian), a JSON header with
 * type, shape and range of each tensor, then the tensors' bytes, little-endian, without gaps.
 *
 * @param metadata texts of the header's {@code __metadata__}
 * @param tensors in the order of their bytes
 * @source Hugging Face, safetensors, README.md, Format
 */
public record Safetensors(Map<String, String> metadata, List<NamedTensor> tensors) {

  public Safetensors {
    metadata = Map.copyOf(metadata);
    tensors = List.copyOf(tensors);
  }

  /** The tensor of a name, if the file has it. */
  public Optional<NamedTensor> tensor(String name) {
    return tensors.stream().filter(tensor -> tensor.name().equals(name)).findFirst();
  }

  /**
   * Reads a whole file; half-precision types become float32.
   *
   * @param name of the file, for messages
   * @throws CorruptDataException if the bytes are no safetensors file of the types of {@link
   *     TensorType}
   */
  public static Safetensors read(InputStream stream, String name) throws IOException {
    SafetensorsReader reader = new SafetensorsReader(stream, name);
    List<NamedTensor> tensors = new ArrayList<>();
    for (Optional<NamedTensor> tensor = reader.next(); tensor.isPresent(); tensor = reader.next()) {
      tensors.add(tensor.get());
    }
    return new Safetensors(reader.metadata(), tensors);
  }

  /** Writes a file of F32 and I64; the same bytes for the same content. */
  public void write(OutputStream out) throws IOException {
    List<TensorEntry> entries = new ArrayList<>();
    for (NamedTensor tensor : tensors) {
      TensorType type = tensor.data() instanceof float[] ? TensorType.F32 : TensorType.I64;
      entries.add(new TensorEntry(tensor.name(), type, tensor.shape()));
    }
    int[] next = {0};
    SafetensorsWriter.write(out, metadata, entries, entry -> tensors.get(next[0]++).data());
  }
}
