package io.moraine.jobs.prepare;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code index.json}: which increments a {@link DocumentIndex} consists of.
 *
 * @param formatVersion version of the index's layout, {@link #FORMAT_VERSION}
 * @param shingleWords words per shingle
 * @param increments in their order
 */
record IndexManifest(int formatVersion, int shingleWords, List<Increment> increments) {

  static final String FILE = "index.json";

  /** Version 1: the layout of docs/formats.md. */
  static final int FORMAT_VERSION = 1;

  /**
   * One run.
   *
   * @param key of its settings and input
   * @param documents that it published
   */
  record Increment(String key, long documents) {}

  IndexManifest {
    increments = List.copyOf(increments);
  }

  IndexManifest(int shingleWords, List<Increment> increments) {
    this(FORMAT_VERSION, shingleWords, increments);
  }

  /** The number of a run's increment: that it has already, or the next. */
  int incrementOf(String key) {
    return (int) increments.stream().takeWhile(increment -> !increment.key().equals(key)).count();
  }

  IndexManifest before(int increment) {
    return new IndexManifest(shingleWords, increments.subList(0, increment));
  }

  IndexManifest with(int number, Increment increment) {
    List<Increment> all = new ArrayList<>(increments);
    if (number < all.size()) {
      all.set(number, increment);
    } else {
      all.add(increment);
    }
    return new IndexManifest(shingleWords, all);
  }

  /** The file's text. */
  String rendered() {
    return Manifest.rendered(this);
  }

  static IndexManifest parse(String text) throws JsonProcessingException {
    return Manifest.parse(text, IndexManifest.class);
  }
}
