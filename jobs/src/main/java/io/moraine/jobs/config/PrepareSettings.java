package io.moraine.jobs.config;

import io.moraine.pipeline.sequence.FillInTheMiddle;
import io.moraine.pipeline.sequence.FimMarkers;
import io.moraine.pipeline.sequence.HeldOut;
import io.moraine.pipeline.sequence.Mixture;
import io.moraine.pipeline.sequence.PackConfig;
import io.moraine.pipeline.sequence.PackingStrategy;
import io.moraine.pipeline.tokenizer.PublishedPattern;
import io.moraine.pipeline.tokenizer.RankFileConfig;
import io.moraine.pipeline.tokenizer.TokenizerConfig;
import java.util.List;
import java.util.Optional;

/**
 * Settings of {@code prepare}; conf/prepare.conf documents every one.
 *
 * @param documents how files become surviving documents
 * @param heldOut which documents are kept aside
 * @param tokenizer what to train
 * @param rankFile what a rank file given instead does not say
 * @param mixture how often each source is used
 * @param fillInTheMiddle which documents have their middle moved to the end
 * @param sequences how documents are packed
 * @param rendered the whole as JSON
 * @param digest of {@code rendered}
 */
public record PrepareSettings(
    DocumentSettings documents,
    HeldOut heldOut,
    TokenizerConfig tokenizer,
    RankFileConfig rankFile,
    Mixture mixture,
    FillInTheMiddle fillInTheMiddle,
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
    Section tokenizer = root.section("tokenizer");
    Section sequences = root.section("sequences");
    FillInTheMiddle fim = fillInTheMiddle(sequences.section("fill-in-the-middle"));
    RankFileConfig rankFile = rankFile(tokenizer.section("rank-file"));
    return root.build(
        () ->
            new PrepareSettings(
                DocumentSettings.of(root, CleanSettings.of(root)),
                heldOut(root.section("held-out")),
                tokenizer(tokenizer, fim),
                rankFile,
                mixture(root.section("mixture")),
                fim,
                sequences(sequences),
                file.rendered(),
                file.digest()));
  }

  private static HeldOut heldOut(Section s) {
    return s.build(() -> new HeldOut(s.number("fraction"), s.longInteger("seed")));
  }

  /** What is learned, the markers of moved middles with it. */
  private static TokenizerConfig tokenizer(Section s, FillInTheMiddle fim) {
    return s.build(
        () -> {
          List<String> special = s.texts("special-tokens");
          return new TokenizerConfig(
              s.integer("vocabulary-size"),
              s.longInteger("min-frequency"),
              s.longInteger("max-pieces"),
              fim.isUsed() ? FimMarkers.addedTo(special) : special);
        });
  }

  private static RankFileConfig rankFile(Section s) {
    return s.build(
        () ->
            new RankFileConfig(
                s.text("pattern").isEmpty()
                    ? Optional.empty()
                    : Optional.of(s.choice("pattern", PublishedPattern.class)),
                s.texts("special-tokens")));
  }

  private static Mixture mixture(Section s) {
    return s.build(
        () ->
            new Mixture(
                s.numbersByName("epochs"), s.numbersByName("weights"), s.longInteger("seed")));
  }

  private static FillInTheMiddle fillInTheMiddle(Section s) {
    return s.build(() -> new FillInTheMiddle(s.number("rate"), s.longInteger("seed")));
  }

  private static PackConfig sequences(Section s) {
    return s.build(
        () ->
            new PackConfig(
                s.integer("length"),
                s.choice("packing", PackingStrategy.class),
                s.longInteger("seed")));
  }
}
