package io.moraine.jobs.config;

import io.moraine.pipeline.sequence.HeldOut;
import io.moraine.pipeline.sequence.PackConfig;
import io.moraine.pipeline.tokenizer.TokenizerConfig;

/**
 * Settings of {@code prepare}; conf/prepare.conf documents every one.
 *
 * @param documents how files become surviving documents
 * @param heldOut which documents are kept aside
 * @param tokenizer what to train
 * @param sequences how documents are packed
 * @param rendered the whole as JSON
 * @param digest of {@code rendered}
 */
public record PrepareSettings(
    DocumentSettings documents,
    HeldOut heldOut,
    TokenizerConfig tokenizer,
    PackConfig sequences,
    String rendered,
    String digest) {

  /**
   * Reads the settings.
   *
   * @throws ConfigException if a key is unknown or missing, or a value breaks its rule
   */
  public static PrepareSettings of(SettingsFile file) {
    Section root = file.root();
    return root.build(
        () ->
            new PrepareSettings(
                DocumentSettings.of(root, CleanSettings.of(root.section("clean"))),
                heldOut(root.section("held-out")),
                tokenizer(root.section("tokenizer")),
                sequences(root.section("sequences")),
                file.rendered(),
                file.digest()));
  }

  private static HeldOut heldOut(Section s) {
    return s.build(() -> new HeldOut(s.number("fraction"), s.longInteger("seed")));
  }

  private static TokenizerConfig tokenizer(Section s) {
    return s.build(
        () ->
            new TokenizerConfig(
                s.integer("vocabulary-size"),
                s.longInteger("min-frequency"),
                s.longInteger("max-pieces"),
                s.texts("special-tokens")));
  }

  private static PackConfig sequences(Section s) {
    return s.build(() -> new PackConfig(s.integer("length"), s.longInteger("seed")));
  }
}
