package io.moraine.model.huggingface;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.moraine.model.checkpoint.CorruptDataException;
import io.moraine.model.checkpoint.NamedTensor;
import io.moraine.model.checkpoint.SafetensorsReader;
import io.moraine.model.checkpoint.Storage;
import io.moraine.model.checkpoint.TensorEntry;
import io.moraine.model.checkpoint.TensorType;
import io.moraine.model.tensor.Slice;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.ModelConfig.PredictionConfig;
import io.moraine.model.transformer.Transformer;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model that another program stored, checked whole before a weight is read: the configuration has
 * no key that Moraine would have to ignore, and every weight is there in its shape.
 *
 * <p>Reads Hugging Face's folders of {@code DeepseekV3ForCausalLM} and {@code LlamaForCausalLM},
 * and what the published DeepSeek inference code loads ({@code config.json} in its own keys, {@code
 * model0-mp1.safetensors}), the latter also as one file with the configuration in its metadata and
 * names behind {@code weights.}.
 */
public final class ModelImport {

  static final String CONFIG = "config.json";
  static final String WEIGHTS = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";

  private static final String PUBLISHED_WEIGHTS = "model0-mp1.safetensors";
  private static final String PREFIX_IN_FILE = "weights.";
  private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\..+");
  private static final String COMPUTED = ".rotary_emb.inv_freq";
  private static final JsonMapper JSON = new JsonMapper();

  private final Storage folder;
  private final String name;
  private final ModelConfig config;
  private final List<String> files;
  private final Map<String, Slice> weights = new HashMap<>();
  private final Set<String> copies = new HashSet<>();
  private final Map<String, Integer> biases = new HashMap<>();
  private final List<String> leftOut = new ArrayList<>();
  private int absentModules;

  private ModelImport(
      Storage folder, String name, ModelConfig config, WeightNames names, List<String> files)
      throws IOException {
    this.folder = folder;
    this.name = name;
    this.config = config;
    this.files = files;
    for (Slice slice : config.weights()) {
      weights.put(names.of(slice.name()), slice);
      if (WeightNames.isRouter(slice.name()) && config.router().hasSelectionBias()) {
        biases.put(names.of(WeightNames.selectionBias(slice.name())), biases.size());
      }
    }
    WeightNames.copies(config).forEach((copy, of) -> addCopy(names.of(copy), names.of(of)));
    if (config.hasTiedEmbeddings()) {
      addCopy(names.of(WeightNames.HEAD), names.of(WeightNames.EMBEDDING));
    }
  }

  /** A tensor that may be there besides, and must then be equal to another one. */
  private void addCopy(String copy, String of) {
    weights.put(copy, weights.get(of));
    copies.add(copy);
  }

  /**
   * Looks at a folder.
   *
   * @param name of the folder, for messages
   * @throws ModelFormatException if its model is none of Moraine's, with the key that says so
   * @throws CorruptDataException if a file is damaged, or a weight missing or of another shape
   */
  public static ModelImport ofFolder(Storage folder, String name) throws IOException {
    String file = name + "/" + CONFIG;
    if (!folder.exists(CONFIG)) {
      throw new FileNotFoundException("%s is no model: it has no %s.".formatted(name, CONFIG));
    }
    JsonNode node;
    try (InputStream in = folder.open(CONFIG)) {
      node = parse(in.readAllBytes(), file);
    }
    ConfigJson json = new ConfigJson(node, file, "");
    if (node.has("dim") && node.has("n_layers")) {
      ModelConfig config = PublishedDeepSeekJson.read(json);
      return checked(
          new ModelImport(
              folder, name, config, WeightNames.published(""), List.of(PUBLISHED_WEIGHTS)),
          "");
    }
    Architecture architecture = Architecture.of(json, node.path("architectures").path(0).asText());
    ModelConfig config = architecture.read(json);
    List<String> files = files(folder, name);
    WeightNames names = WeightNames.huggingFace();
    ModelImport found = new ModelImport(folder, name, config, names, files);
    if (config.prediction().depth() > 0 && !found.hasLayersBehindTheLast()) {
      found = new ModelImport(folder, name, config.with(PredictionConfig.NONE), names, files);
      found.absentModules = config.prediction().depth();
    }
    return checked(found, "");
  }

  /** Looks at one file of the published DeepSeek code's names; otherwise as a folder. */
  public static ModelImport ofFile(Storage folder, String file) throws IOException {
    String text;
    try (SafetensorsReader reader = new SafetensorsReader(folder.open(file), file)) {
      text = reader.metadata().getOrDefault("config", "");
    }
    if (text.isEmpty()) {
      throw new ModelFormatException("%s: its metadata has no config.".formatted(file));
    }
    JsonNode node = parse(text.getBytes(StandardCharsets.UTF_8), file);
    ModelConfig config =
        PublishedDeepSeekJson.read(new ConfigJson(node, file + ": metadata", "config."));
    WeightNames names = WeightNames.published(PREFIX_IN_FILE);
    return checked(new ModelImport(folder, file, config, names, List.of(file)), PREFIX_IN_FILE);
  }

  /** What the model is. */
  public ModelConfig config() {
    return config;
  }

  /** Tensors of the files that are not of the model: those of layers behind its last one. */
  public List<String> leftOut() {
    return leftOut;
  }

  /**
   * Modules of multi-token prediction that the configuration speaks of and the files have nothing
   * of, as transformers saves what it loaded: the model is without them.
   */
  public int absentModules() {
    return absentModules;
  }

  /**
   * Puts weights and selection biases in place.
   *
   * @param model of this {@link #config()}
   * @throws CorruptDataException if a further copy of a weight, as modules of multi-token
   *     prediction have of the embedding and the head, differs from it
   * @cost one pass over the files; memory for the largest tensor, twice where that has a copy
   */
  public void load(Transformer model) throws IOException {
    float[] bias = new float[config.moeLayers() * config.router().routedExperts()];
    Map<Slice, String> loaded = new HashMap<>();
    for (String file : files) {
      try (SafetensorsReader reader = open(file)) {
        for (Optional<NamedTensor> next = reader.next(); next.isPresent(); next = reader.next()) {
          if (weights.containsKey(next.get().name())) {
            put(next.get(), model, loaded);
          } else if (biases.containsKey(next.get().name())) {
            putBias(next.get(), bias);
          }
        }
      }
    }
    model.expertBalance().ifPresent(balance -> balance.setBias(bias));
  }

  /** The first of a weight and its copies is put in place, the others must be equal to it. */
  private void put(NamedTensor tensor, Transformer model, Map<Slice, String> loaded)
      throws CorruptDataException {
    Slice slice = weights.get(tensor.name());
    float[] values = tensor.floats();
    if (!loaded.containsKey(slice)) {
      loaded.put(slice, tensor.name());
      model.parameters().put(slice.offsetElements(), values, 0, values.length);
      return;
    }
    float[] there = new float[values.length];
    model.parameters().get(slice.offsetElements(), there, 0, there.length);
    if (!Arrays.equals(there, values)) {
      throw new CorruptDataException(
          "%s: tensors %s and %s differ, and are one weight of this model."
              .formatted(name, loaded.get(slice), tensor.name()));
    }
  }

  private void putBias(NamedTensor tensor, float[] bias) {
    float[] values = tensor.floats();
    System.arraycopy(values, 0, bias, biases.get(tensor.name()) * values.length, values.length);
  }

  /** Compares the headers of all files with what the model needs. */
  private static ModelImport checked(ModelImport found, String prefix) throws IOException {
    TreeSet<String> missing = new TreeSet<>(found.weights.keySet());
    missing.addAll(found.biases.keySet());
    for (String file : found.files) {
      try (SafetensorsReader reader = found.open(file)) {
        for (TensorEntry entry : reader.entries()) {
          if (entry.name().startsWith(prefix)) {
            found.check(entry, missing.remove(entry.name()), file);
          }
        }
      }
    }
    missing.removeAll(found.copies);
    if (!missing.isEmpty()) {
      throw new CorruptDataException(
          "%s: %d tensors are missing, the first is %s."
              .formatted(found.name, missing.size(), missing.first()));
    }
    return found;
  }

  private void check(TensorEntry entry, boolean isNeeded, String file) throws IOException {
    if (isNeeded) {
      List<Long> shape =
          weights.containsKey(entry.name())
              ? weights.get(entry.name()).shape()
              : List.of((long) config.router().routedExperts());
      if (!entry.shape().equals(shape) || entry.type() == TensorType.I64) {
        throw new CorruptDataException(
            "%s: tensor %s of %s must have shape %s and a type of floats, got %s and %s."
                .formatted(name, entry.name(), file, shape, entry.shape(), entry.type()));
      }
    } else if (isBehindTheLastLayer(entry.name())) {
      leftOut.add(entry.name());
    } else if (!entry.name().endsWith(COMPUTED)) {
      throw new CorruptDataException(
          "%s: tensor %s of %s is there twice or no weight of this model."
              .formatted(name, entry.name(), file));
    }
  }

  /** Whether a tensor is of no layer of this model, its modules of prediction included. */
  private boolean isBehindTheLastLayer(String tensor) {
    return layer(tensor) >= config.layers() + config.prediction().depth();
  }

  private boolean hasLayersBehindTheLast() throws IOException {
    for (String file : files) {
      try (SafetensorsReader reader = open(file)) {
        if (reader.entries().stream().anyMatch(entry -> layer(entry.name()) >= config.layers())) {
          return true;
        }
      }
    }
    return false;
  }

  /** The layer that a tensor is of; -1 for none. */
  private static int layer(String tensor) {
    Matcher layer = LAYER.matcher(tensor);
    return layer.matches() ? Integer.parseInt(layer.group(1)) : -1;
  }

  private SafetensorsReader open(String file) throws IOException {
    if (!folder.exists(file)) {
      throw new FileNotFoundException("%s has no %s.".formatted(name, file));
    }
    return new SafetensorsReader(folder.open(file), file);
  }

  /** The one file, or those that the index names. */
  private static List<String> files(Storage folder, String name) throws IOException {
    if (!folder.exists(INDEX)) {
      return List.of(WEIGHTS);
    }
    TreeSet<String> files = new TreeSet<>();
    try (InputStream in = folder.open(INDEX)) {
      parse(in.readAllBytes(), name + "/" + INDEX)
          .path("weight_map")
          .forEach(file -> files.add(file.asText()));
    }
    return List.copyOf(files);
  }

  private static JsonNode parse(byte[] text, String file) throws IOException {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new CorruptDataException("%s is not JSON.".formatted(file));
    }
  }
}
