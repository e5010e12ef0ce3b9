package io.moraine.jobs.prepare;

import com.fasterxml.jackson.annotation.JsonRawValue;

/**
 * {@code manifest.json} beside a trained tokenizer; the same for the same input and settings.
 *
 * @param formatVersion version of the folder's layout, {@link Manifest#FORMAT_VERSION}
 * @param configurationDigest SHA-256 of the resolved settings
 * @param tokenizerDigest SHA-256 of tokenizer.json
 * @param vocabularySize number of token ids
 * @param documents that were read
 * @param quarantined parts that could not be read
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
