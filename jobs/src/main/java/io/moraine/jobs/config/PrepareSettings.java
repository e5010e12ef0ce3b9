package io.moraine.jobs.config;

import io.moraine.pipeline.document.ReadConfig;
import io.moraine.pipeline.filter.CleanConfig;
import io.moraine.pipeline.lsh.Banding;
import io.moraine.pipeline.lsh.NearConfig;
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy;
import io.moraine.pipeline.sequence.HeldOut;
import io.moraine.pipeline.sequence.PackConfig;
import io.moraine.pipeline.tokenizer.TokenizerConfig;

/**
 * Settings of {@code prepare}; conf/prepare.conf documents every one.
 *
 * @param read how documents are found in files
 * @param clean quality rules
 * @param deduplicate which duplicates are removed
 * @param near how near duplicates are found
 * @param heldOut which documents are kept aside
 * @param tokenizer what to train
 * @param sequences how documents are packed
 * @param outputFormat of documents, removed and quarantine
 * @param rendered the whole as JSON
 * @param digest of {@code rendered}
 */
public record PrepareSettings(
    ReadConfig read,
    CleanConfig clean,
    Deduplicate deduplicate,
    NearConfig near,
    HeldOut heldOut,
    TokenizerConfig tokenizer,
    PackConfig sequences,
    OutputFormat outputFormat,
    String rendered,
    String digest) {

  /**
   * Which duplicates are removed.
   *
   * @param exact documents of the same text
   * @param near documents of similar text
   */
  public record Deduplicate(boolean exact, boolean near) {}

  /** How tables for people and other tools are written. */
  public enum OutputFormat {
    PARQUET,
    JSONL
  }

  /**
   * Reads the settings.
   *
   * @throws ConfigException if a key is unknown or missing, or a value breaks its rule
   */
  public static PrepareSettings of(SettingsFile file) {
    Section root = file.root();
    Section exact = root.section("exact");
    Section near = root.section("near");
    Section output = root.section("output");
    return root.build(
        () ->
            new PrepareSettings(
                read(root.section("read")),
                clean(root.section("clean")),
                new Deduplicate(exact.build(() -> exact.flag("enabled")), near.flag("enabled")),
                near(near),
                heldOut(root.section("held-out")),
                tokenizer(root.section("tokenizer")),
                sequences(root.section("sequences")),
                output.build(() -> output.choice("format", OutputFormat.class)),
                file.rendered(),
                file.digest()));
  }

  private static ReadConfig read(Section s) {
    return s.build(
        () ->
            new ReadConfig(
                s.text("text-field"),
                s.text("id-field"),
                s.text("source-field"),
                s.text("url-field"),
                (int) Math.min(Integer.MAX_VALUE, s.bytes("max-document-bytes"))));
  }

  private static CleanConfig clean(Section s) {
    return s.build(
        () ->
            new CleanConfig(
                s.flag("strip-licence-headers"),
                s.flag("reject-generated"),
                s.integer("min-words"),
                s.integer("max-words"),
                s.number("max-duplicate-line-fraction"),
                s.number("max-top-run-fraction")));
  }

  private static NearConfig near(Section s) {
    return s.build(
        () ->
            new NearConfig(
                s.integer("shingle-words"),
                s.number("threshold"),
                new Banding(s.integer("bands"), s.integer("rows-per-band")),
                s.longInteger("seed"),
                s.integer("bucket-cap"),
                s.choice("survivors", SurvivorPolicy.class)));
  }

  private static HeldOut heldOut(Section s) {
    return s.build(() -> new HeldOut(s.number("fraction"), s.longInteger("seed")));
  }

  private static TokenizerConfig tokenizer(Section s) {
    return s.build(
        () -> new TokenizerConfig(s.integer("vocabulary-size"), s.longInteger("min-frequency")));
  }

  private static PackConfig sequences(Section s) {
    return s.build(() -> new PackConfig(s.integer("length"), s.longInteger("seed")));
  }
}
