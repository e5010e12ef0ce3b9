package io.moraine.model.huggingface;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.model.checkpoint.SafetensorsWriter;
import io.moraine.model.checkpoint.Storage;
import io.moraine.model.checkpoint.TensorEntry;
import io.moraine.model.checkpoint.TensorType;
import io.moraine.model.tensor.Slice;
import io.moraine.model.train.ExpertBalance;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.Transformer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * A model as Hugging Face's {@code save_pretrained} writes it: {@code DeepseekV3ForCausalLM} or, of
 * a model with grouped-query attention, {@code LlamaForCausalLM}. Modules of multi-token prediction
 * are further layers behind the last one, as DeepSeek-V3 was published.
 */
public final class ModelExport {

  /** Largest file of weights that published models have. */
  public static final long SHARD_BYTES = 5_000_000_000L;

  private static final JsonMapper JSON = new JsonMapper();
  private static final Map<String, String> METADATA = Map.of("format", "pt");

  /** In the order of the library: wide types first, then by name. */
  private static final Comparator<TensorEntry> FILE_ORDER =
      Comparator.comparing(TensorEntry::type).reversed().thenComparing(TensorEntry::name);

  private final Transformer model;
  private final Settings settings;
  private final Map<String, Slice> weights = new HashMap<>();
  private final Map<String, Integer> biases = new HashMap<>();
  private final float[] bias;

  /**
   * How to write.
   *
   * @param weights F32 or BF16; selection biases are always F32
   * @param shardBytes largest file of weights, where no single tensor is larger
   * @param endOfText the tokenizer's, if it has one: begins and ends a text
   */
  public record Settings(TensorType weights, long shardBytes, OptionalInt endOfText) {

    public Settings {
      if (weights != TensorType.F32 && weights != TensorType.BF16) {
        throw new IllegalArgumentException("weights must be F32 or BF16, got " + weights);
      }
      if (shardBytes < 1) {
        throw new IllegalArgumentException("shard bytes must be positive, got " + shardBytes);
      }
    }
  }

  private ModelExport(Transformer model, Settings settings) {
    this.model = model;
    this.settings = settings;
    this.bias = model.expertBalance().map(ExpertBalance::bias).orElse(new float[0]);
  }

  /**
   * Writes {@code config.json}, {@code generation_config.json} and the weights.
   *
   * @param folder empty; whoever needs it whole or not at all puts it in place afterwards
   * @return name of Hugging Face's class
   * @throws ModelFormatException if Hugging Face has no such model, with the setting that says so
   * @cost memory for the largest tensor
   */
  public static String write(Transformer model, Settings settings, Storage folder)
      throws IOException {
    ModelExport export = new ModelExport(model, settings);
    String config = export.config();
    List<List<TensorEntry>> shards = export.shards();
    for (int i = 0; i < shards.size(); i++) {
      List<TensorEntry> shard = shards.get(i);
      folder.write(
          fileName(i, shards.size()),
          out -> SafetensorsWriter.write(out, METADATA, shard, export::values));
    }
    if (shards.size() > 1) {
      writeText(folder, ModelImport.INDEX, index(shards));
    }
    writeText(folder, "generation_config.json", export.generationConfig());
    writeText(folder, ModelImport.CONFIG, config);
    return Architecture.of(model.config()).className();
  }

  private String config() throws IOException {
    ObjectNode json = JSON.createObjectNode();
    ModelConfig config = model.config();
    Architecture.of(config).write(config, json);
    json.put("torch_dtype", settings.weights() == TensorType.F32 ? "float32" : "bfloat16");
    putEndOfText(json);
    return pretty(json);
  }

  private String generationConfig() throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("_from_model_config", true);
    putEndOfText(json);
    return pretty(json);
  }

  private void putEndOfText(ObjectNode json) {
    for (String key : List.of("bos_token_id", "eos_token_id")) {
      if (settings.endOfText().isPresent()) {
        json.put(key, settings.endOfText().getAsInt());
      } else {
        json.putNull(key);
      }
    }
  }

  /** The tensors in the model's order, cut into files. */
  private List<List<TensorEntry>> shards() {
    List<List<TensorEntry>> shards = new ArrayList<>();
    List<TensorEntry> shard = new ArrayList<>();
    long bytes = 0;
    for (TensorEntry entry : entries()) {
      if (bytes + entry.bytes() > settings.shardBytes() && !shard.isEmpty()) {
        shards.add(shard);
        shard = new ArrayList<>();
        bytes = 0;
      }
      shard.add(entry);
      bytes += entry.bytes();
    }
    shards.add(shard);
    shards.forEach(files -> files.sort(FILE_ORDER));
    return shards;
  }

  private List<TensorEntry> entries() {
    WeightNames names = WeightNames.huggingFace();
    List<TensorEntry> entries = new ArrayList<>();
    for (Slice slice : model.parameters().slices()) {
      String name = names.of(slice.name());
      weights.put(name, slice);
      entries.add(new TensorEntry(name, settings.weights(), slice.shape()));
      if (WeightNames.isRouter(slice.name())) {
        String bias = names.of(WeightNames.selectionBias(slice.name()));
        biases.put(bias, biases.size());
        List<Long> shape = List.of((long) model.config().router().routedExperts());
        entries.add(new TensorEntry(bias, TensorType.F32, shape));
      }
    }
    WeightNames.copies(model.config())
        .forEach(
            (copy, of) -> {
              Slice slice = weights.get(names.of(of));
              weights.put(names.of(copy), slice);
              entries.add(new TensorEntry(names.of(copy), settings.weights(), slice.shape()));
            });
    return entries;
  }

  private float[] values(TensorEntry entry) {
    if (biases.containsKey(entry.name())) {
      int from = biases.get(entry.name()) * entry.elements();
      return Arrays.copyOfRange(bias, from, from + entry.elements());
    }
    float[] values = new float[entry.elements()];
    model.parameters().get(weights.get(entry.name()).offsetElements(), values, 0, values.length);
    return values;
  }

  private static String index(List<List<TensorEntry>> shards) throws IOException {
    ObjectNode json = JSON.createObjectNode();
    long bytes = shards.stream().flatMap(List::stream).mapToLong(TensorEntry::bytes).sum();
    json.putObject("metadata").put("total_size", bytes);
    TreeMap<String, String> files = new TreeMap<>();
    for (int i = 0; i < shards.size(); i++) {
      for (TensorEntry entry : shards.get(i)) {
        files.put(entry.name(), fileName(i, shards.size()));
      }
    }
    files.forEach(json.putObject("weight_map")::put);
    return pretty(json);
  }

  private static String fileName(int shard, int shards) {
    return shards == 1
        ? ModelImport.WEIGHTS
        : "model-%05d-of-%05d.safetensors".formatted(shard + 1, shards);
  }

  private static String pretty(ObjectNode json) throws IOException {
    return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n";
  }

  private static void writeText(Storage folder, String file, String text) throws IOException {
    folder.write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }
}
