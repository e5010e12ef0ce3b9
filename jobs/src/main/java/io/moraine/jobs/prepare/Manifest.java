package io.moraine.jobs.prepare;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;

/**
 * {@code manifest.json}: what a prepared dataset is and how it came about. Holds nothing that
 * differs between two runs on the same input with the same settings.
 *
 * @param formatVersion version of the dataset's layout, {@link #FORMAT_VERSION}
 * @param configurationDigest SHA-256 of the resolved settings
 * @param tokenizerDigest SHA-256 of tokenizer.json
 * @param vocabularySize number of token ids
 * @param sequenceLength tokens per sequence that a model sees; stored rows have one more
 * @param funnel documents after each stage, in order
 * @param counts totals of the result
 * @param configuration the resolved settings, JSON
 */
public record Manifest(
    int formatVersion,
    String configurationDigest,
    String tokenizerDigest,
    int vocabularySize,
    int sequenceLength,
    List<FunnelStage> funnel,
    Counts counts,
    @JsonRawValue String configuration) {

  /** Version 1: the layout of docs/formats.md. */
  public static final int FORMAT_VERSION = 1;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
          .build();

  /**
   * What one stage did.
   *
   * @param stage its name, as in {@code removed.stage}
   * @param in documents that came in
   * @param removed documents removed or quarantined by it; {@code in = removed + out}
   * @param out documents that went on
   */
  public record FunnelStage(String stage, long in, long removed, long out) {

    public FunnelStage {
      if (in != removed + out) {
        throw new AssertionError(
            "%s: %d documents came in, %d were removed and %d went on"
                .formatted(stage, in, removed, out));
      }
    }
  }

  /**
   * Totals. {@code trainTokens = sequences * (length + 1) + trainTailTokens}, likewise held-out.
   *
   * @param read parts read: documents and quarantined parts
   * @param quarantined parts that could not be read
   * @param removed documents removed by all stages
   * @param documents survivors, held-out ones included
   * @param heldOutDocuments survivors kept aside for evaluation
   * @param trainTokens tokens of the training documents, one end-of-text each included
   * @param sequences packed training sequences
   * @param trainTailTokens tokens after the last whole training sequence, not stored
   * @param heldOutTokens tokens of the held-out documents
   * @param heldOutSequences packed held-out sequences
   * @param heldOutTailTokens tokens after the last whole held-out sequence, not stored
   */
  public record Counts(
      long read,
      long quarantined,
      long removed,
      long documents,
      long heldOutDocuments,
      long trainTokens,
      long sequences,
      long trainTailTokens,
      long heldOutTokens,
      long heldOutSequences,
      long heldOutTailTokens) {

    public Counts {
      if (read != documents + removed + quarantined) {
        throw new AssertionError(
            "read %d parts, but kept %d, removed %d and quarantined %d"
                .formatted(read, documents, removed, quarantined));
      }
    }
  }

  /** The file's text. */
  String rendered() {
    return rendered(this);
  }

  static String rendered(Record manifest) {
    try {
      return JSON.writeValueAsString(JSON.readTree(JSON.writeValueAsString(manifest))) + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError("unreachable: a manifest is plain data", e);
    }
  }

  static <T> T parse(String text, Class<T> type) throws JsonProcessingException {
    return JSON.readValue(text, type);
  }

  /** A manifest from its file's text; empty if it is that of deduplicated documents. */
  static Optional<Manifest> parse(String text) throws JsonProcessingException {
    ObjectNode tree = JSON.readValue(text, ObjectNode.class);
    if (!tree.has("tokenizer_digest")) {
      return Optional.empty();
    }
    JsonNode configuration = tree.get("configuration");
    tree.put("configuration", configuration == null ? "{}" : configuration.toPrettyString());
    return Optional.of(JSON.treeToValue(tree, Manifest.class));
  }
}
