package io.moraine.jobs.prepare;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;

/**
 * {@code .unpublished.json} of a {@link DocumentIndex}: its last increment counts if and when the
 * dataset is there that it is of.
 *
 * @param number of the increment
 * @param key of the run
 * @param dataset the folder that the dataset will be
 * @param manifestHash 128-bit hash of its manifest, hex
 * @param desk from which it is published: whoever takes that away knows that it is, or never will
 *     be
 */
record UnpublishedIncrement(
    int number, String key, String dataset, String manifestHash, String desk) {

  static final String FILE = ".unpublished.json";

  UnpublishedIncrement {
    requireNonNull(key, "key");
    requireNonNull(dataset, "dataset");
    requireNonNull(manifestHash, "manifest_hash");
    requireNonNull(desk, "desk");
  }

  /** The file's text. */
  String rendered() {
    return Manifest.rendered(this);
  }

  static UnpublishedIncrement parse(String text) throws JsonProcessingException {
    return Manifest.parse(text, UnpublishedIncrement.class);
  }
}
