package io.moraine.jobs.config;

import io.moraine.pipeline.decontamination.CutRule;
import io.moraine.pipeline.decontamination.DecontaminationConfig;
import io.moraine.pipeline.document.ReadConfig;
import io.moraine.pipeline.filter.CleanConfig;
import io.moraine.pipeline.lines.LinesConfig;
import io.moraine.pipeline.lsh.Banding;
import io.moraine.pipeline.lsh.NearConfig;
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy;
import io.moraine.pipeline.substring.SubstringConfig;
import java.util.Optional;

/**
 * How files become surviving documents; what {@code prepare} and {@code dedup} have in common.
 *
 * @param read how documents are found in files
 * @param quarantine how much of the input may be unreadable
 * @param clean what happens to their texts
 * @param deduplicate which duplicates are removed
 * @param near how near duplicates are found
 * @param lines which repeated lines or paragraphs are cut; empty if none are
 * @param substring which repeated spans are cut; empty if none are
 * @param decontamination which evaluation sets are looked for; empty if none are
 * @param outputFormat of all tables but sequences and the index
 */
public record DocumentSettings(
    ReadConfig read,
    Quarantine quarantine,
    CleanConfig clean,
    Deduplicate deduplicate,
    NearConfig near,
    Optional<LinesConfig> lines,
    Optional<SubstringConfig> substring,
    Optional<DecontaminationConfig> decontamination,
    OutputFormat outputFormat) {

  /**
   * How much of the input may be unreadable before the job fails.
   *
   * @param maxShare largest share of unreadable parts; in [0, 1]
   * @param tolerated so many unreadable parts never fail a job
   */
  public record Quarantine(double maxShare, long tolerated) {

    public Quarantine {
      if (!(maxShare >= 0 && maxShare <= 1) || tolerated < 0) {
        throw new IllegalArgumentException(
            "max-share must be in [0, 1] and tolerated at least 0, got %s and %d"
                .formatted(maxShare, tolerated));
      }
    }

    /** Whether a job with so many unreadable parts of all goes on. */
    public boolean allows(long unreadable, long all) {
      return unreadable <= Math.max(tolerated, (long) (maxShare * all));
    }
  }

  /**
   * Which duplicates are removed.
   *
   * @param url documents of the same URL
   * @param exact documents of the same text
   * @param near documents of similar text
   */
  public record Deduplicate(boolean url, boolean exact, boolean near) {}

  /** How tables for people and other tools are written. */
  public enum OutputFormat {
    PARQUET,
    JSONL
  }

  /** Reads all sections but those that {@code prepare} alone has. */
  static DocumentSettings of(Section root, CleanConfig clean) {
    Section url = root.section("url");
    Section exact = root.section("exact");
    Section near = root.section("near");
    Section output = root.section("output");
    return new DocumentSettings(
        read(root.section("read")),
        quarantine(root.section("quarantine")),
        clean,
        new Deduplicate(
            url.build(() -> url.flag("enabled")),
            exact.build(() -> exact.flag("enabled")),
            near.flag("enabled")),
        near(near),
        lines(root.section("lines")),
        substring(root.section("substring")),
        decontamination(root.section("decontamination")),
        output.build(() -> output.choice("format", OutputFormat.class)));
  }

  private static Quarantine quarantine(Section s) {
    return s.build(() -> new Quarantine(s.number("max-share"), s.longInteger("tolerated")));
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

  private static Optional<SubstringConfig> substring(Section s) {
    return s.build(
        () -> {
          SubstringConfig config =
              new SubstringConfig(s.integer("min-words"), s.integer("max-passes"));
          return s.flag("enabled") ? Optional.of(config) : Optional.empty();
        });
  }

  private static Optional<LinesConfig> lines(Section s) {
    return s.build(
        () -> {
          LinesConfig config =
              new LinesConfig(
                  s.choice("unit", LinesConfig.Unit.class),
                  s.integer("min-words"),
                  s.integer("max-copies"),
                  s.integer("keep-copies"));
          return s.flag("enabled") ? Optional.of(config) : Optional.empty();
        });
  }

  private static Optional<DecontaminationConfig> decontamination(Section s) {
    return s.build(
        () -> {
          DecontaminationConfig config =
              new DecontaminationConfig(
                  s.texts("sets"),
                  s.texts("fields"),
                  s.integer("n"),
                  s.integer("min-item-words"),
                  s.integer("max-documents"),
                  s.choice("action", DecontaminationConfig.Action.class),
                  cut(s.section("cut")));
          return config.sets().isEmpty() ? Optional.empty() : Optional.of(config);
        });
  }

  private static CutRule cut(Section s) {
    return s.build(
        () ->
            new CutRule(
                s.integer("surrounding-characters"),
                s.integer("max-pieces"),
                s.integer("min-piece-characters")));
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
