package io.moraine.jobs.prepare;

import com.fasterxml.jackson.annotation.JsonRawValue;
import java.util.SortedMap;

/**
 * {@code manifest.json} beside a trained tokenizer; the same for the same input and settings.
 *
 * @param formatVersion version of the folder's layout, {@link Manifest#FORMAT_VERSION}
 * @param configurationDigest SHA-256 of the resolved settings
 * @param tokenizerDigest SHA-256 of tokenizer.json
 * @param vocabularySize number of token ids
 * @param documents that were read
 * @param quarantined parts that could not be read
 * @param passedOver what reading passed over, how often for each reason: no documents
 * @param pieces distinct pieces in the documents trained on
 * @param rarePieces distinct pieces left out of training as too rare
 * @param rareOccurrences how often these stand
 * @param heldOutBytes UTF-8 bytes of the documents kept aside
 * @param heldOutTokens their tokens, without end-of-text
 * @param configuration the resolved settings, JSON
 */
public record TokenizerManifest(
    int formatVersion,
    String configurationDigest,
    String tokenizerDigest,
    int vocabularySize,
    long documents,
    long quarantined,
    SortedMap<String, Long> passedOver,
    long pieces,
    long rarePieces,
    long rareOccurrences,
    long heldOutBytes,
    long heldOutTokens,
    @JsonRawValue String configuration) {

  /** The file's text. */
  String rendered() {
    return Manifest.rendered(this);
  }
}
