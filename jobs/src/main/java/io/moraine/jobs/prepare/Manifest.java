package io.moraine.jobs.prepare;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.pipeline.document.CorpusException;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

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
 * @param passedOver what reading passed over, how often for each reason: no documents; empty also
 *     for datasets of earlier programs, which did not count it
 * @param counts totals of the result
 * @param mixture what is trained on of each source, the largest first
 * @param configuration the resolved settings, JSON
 */
public record Manifest(
    int formatVersion,
    String configurationDigest,
    String tokenizerDigest,
    int vocabularySize,
    int sequenceLength,
    List<FunnelStage> funnel,
    SortedMap<String, Long> passedOver,
    Counts counts,
    List<SourceTokens> mixture,
    @JsonRawValue String configuration) {

  /**
   * Version 2: the layout of docs/formats.md. Version 1: sequences without {@code filled}, {@code
   * copies} and {@code offsets}, the incomplete last one left out.
   */
  public static final int FORMAT_VERSION = 2;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
          .build();

  public Manifest {
    funnel = List.copyOf(funnel);
    passedOver =
        passedOver == null
            ? Collections.emptySortedMap()
            : Collections.unmodifiableSortedMap(new TreeMap<>(passedOver));
    mixture = List.copyOf(mixture);
    long rowTokens = sequenceLength + 1L;
    requireSum("train", counts.trainTokens, counts.sequences, counts.trainPaddingTokens, rowTokens);
    requireSum(
        "held-out",
        counts.heldOutTokens,
        counts.heldOutSequences,
        counts.heldOutPaddingTokens,
        rowTokens);
    long mixed = mixture.stream().mapToLong(SourceTokens::trainTokens).sum();
    if (mixed != counts.trainTokens) {
      throw new AssertionError(
          "the sources have %d tokens to train on, the sequences %d"
              .formatted(mixed, counts.trainTokens));
    }
  }

  private static void requireSum(
      String what, long tokens, long sequences, long padding, long rowTokens) {
    if (tokens != sequences * rowTokens - padding) {
      throw new AssertionError(
          "%s: %d tokens, but %d sequences of %d with %d of padding"
              .formatted(what, tokens, sequences, rowTokens, padding));
    }
  }

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
   * Totals. {@code trainTokens = sequences * (length + 1) - trainPaddingTokens}, likewise held-out.
   *
   * @param read parts read: documents and quarantined parts
   * @param quarantined parts that could not be read
   * @param removed documents removed by all stages
   * @param documents survivors, held-out ones included
   * @param heldOutDocuments survivors kept aside for evaluation
   * @param trainTokens tokens trained on, copies and one end-of-text a document included
   * @param sequences packed training sequences
   * @param trainPaddingTokens places in training sequences that no document fills
   * @param trainCuts places at which a training document goes on in another sequence
   * @param heldOutTokens tokens of the held-out documents
   * @param heldOutSequences packed held-out sequences
   * @param heldOutPaddingTokens places in held-out sequences that no document fills
   */
  public record Counts(
      long read,
      long quarantined,
      long removed,
      long documents,
      long heldOutDocuments,
      long trainTokens,
      long sequences,
      long trainPaddingTokens,
      long trainCuts,
      long heldOutTokens,
      long heldOutSequences,
      long heldOutPaddingTokens) {

    public Counts {
      if (read != documents + removed + quarantined) {
        throw new AssertionError(
            "read %d parts, but kept %d, removed %d and quarantined %d"
                .formatted(read, documents, removed, quarantined));
      }
    }
  }

  /**
   * One source in the training sequences. Tokens with one end-of-text a document.
   *
   * @param source its name, or all those summed up that are not listed
   * @param epochs how often the settings use it
   * @param documents survivors that are not held out
   * @param tokens of these
   * @param trainDocuments copies in the sequences
   * @param trainTokens of the copies
   * @param fimDocuments copies whose middle was moved to the end
   */
  public record SourceTokens(
      String source,
      double epochs,
      long documents,
      long tokens,
      long trainDocuments,
      long trainTokens,
      long fimDocuments) {}

  /** The file's text. */
  String rendered() {
    return rendered(this);
  }

  /** A manifest as the text of its file. */
  public static String rendered(Record manifest) {
    try {
      return JSON.writeValueAsString(JSON.readTree(JSON.writeValueAsString(manifest))) + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError("unreachable: a manifest is plain data", e);
    }
  }

  static <T> T parse(String text, Class<T> type) throws JsonProcessingException {
    return JSON.readValue(text, type);
  }

  /**
   * A prepared dataset's manifest from the content of its file, which this changes.
   *
   * @throws CorpusException if it is that of another version
   */
  static Manifest of(ObjectNode tree) throws JsonProcessingException {
    int version = tree.path("format_version").asInt();
    if (version != FORMAT_VERSION) {
      throw new CorpusException(
          "the dataset has format version %d, this program reads version %d. Run prepare again."
              .formatted(version, FORMAT_VERSION));
    }
    JsonNode configuration = tree.get("configuration");
    tree.put("configuration", configuration == null ? "{}" : configuration.toPrettyString());
    return JSON.treeToValue(tree, Manifest.class);
  }
}
