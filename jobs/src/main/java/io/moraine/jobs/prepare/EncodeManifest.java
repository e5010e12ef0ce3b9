package io.moraine.jobs.prepare;

import com.fasterxml.jackson.annotation.JsonRawValue;
import java.util.SortedMap;

/**
 * {@code manifest.json} of encoded documents; the same for the same input and settings.
 *
 * @param formatVersion version of the folder's layout, {@link Manifest#FORMAT_VERSION}
 * @param configurationDigest SHA-256 of the resolved settings
 * @param tokenizerDigest SHA-256 of tokenizer.json
 * @param vocabularySize number of token ids
 * @param documents that were encoded
 * @param quarantined parts that could not be read
 * @param passedOver what reading passed over, how often for each reason: no documents
 * @param bytes UTF-8 bytes of the documents
 * @param tokens of the documents, without end-of-text
 * @param configuration the resolved settings, JSON
 */
public record EncodeManifest(
    int formatVersion,
    String configurationDigest,
    String tokenizerDigest,
    int vocabularySize,
    long documents,
    long quarantined,
    SortedMap<String, Long> passedOver,
    long bytes,
    long tokens,
    @JsonRawValue String configuration) {

  /** The file's text. */
  String rendered() {
    return Manifest.rendered(this);
  }
}
