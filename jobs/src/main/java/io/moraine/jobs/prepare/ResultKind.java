package io.moraine.jobs.prepare;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;
import java.util.stream.Stream;

/** What a folder holds whose {@code manifest.json} a command wrote. */
enum ResultKind {
  DATASET("a prepared dataset", "counts"),
  ENCODED("encoded documents", "tokens"),
  TOKENIZER("a tokenizer", "pieces"),
  /** Behind the dataset, which has a funnel too. */
  DEDUPLICATED("deduplicated documents", "funnel");

  private final String words;
  private final String field;

  ResultKind(String words, String field) {
    this.words = words;
    this.field = field;
  }

  /** For people. */
  String words() {
    return words;
  }

  /** Of a manifest; empty if it is none that this version writes. */
  static Optional<ResultKind> of(JsonNode manifest) {
    return Stream.of(values()).filter(kind -> manifest.has(kind.field)).findFirst();
  }
}
