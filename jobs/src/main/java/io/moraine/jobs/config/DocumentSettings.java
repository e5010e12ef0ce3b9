package io.moraine.jobs.config;

import io.moraine.pipeline.document.ReadConfig;
import io.moraine.pipeline.filter.CleanConfig;
import io.moraine.pipeline.lsh.Banding;
import io.moraine.pipeline.lsh.NearConfig;
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy;

/**
 * How files become surviving documents; what {@code prepare} and {@code dedup} have in common.
 *
 * @param read how documents are found in files
 * @param clean what happens to their texts
 * @param deduplicate which duplicates are removed
 * @param near how near duplicates are found
 * @param outputFormat of documents, removed and quarantine
 */
public record DocumentSettings(
    ReadConfig read,
    CleanConfig clean,
    Deduplicate deduplicate,
    NearConfig near,
    OutputFormat outputFormat) {

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

  /** Reads the sections {@code read}, {@code exact}, {@code near} and {@code output}. */
  static DocumentSettings of(Section root, CleanConfig clean) {
    Section exact = root.section("exact");
    Section near = root.section("near");
    Section output = root.section("output");
    return new DocumentSettings(
        read(root.section("read")),
        clean,
        new Deduplicate(exact.build(() -> exact.flag("enabled")), near.flag("enabled")),
        near(near),
        output.build(() -> output.choice("format", OutputFormat.class)));
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
}
