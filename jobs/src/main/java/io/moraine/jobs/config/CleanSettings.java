package io.moraine.jobs.config;

import io.moraine.pipeline.filter.BasicRules;
import io.moraine.pipeline.filter.C4Rules;
import io.moraine.pipeline.filter.CleanConfig;
import io.moraine.pipeline.filter.CodeRules;
import io.moraine.pipeline.filter.FineWebRules;
import io.moraine.pipeline.filter.GopherCompat;
import io.moraine.pipeline.filter.GopherQuality;
import io.moraine.pipeline.filter.GopherRepetition;
import io.moraine.pipeline.filter.RuleSet;
import io.moraine.pipeline.language.LanguageConfig;
import io.moraine.pipeline.pii.PiiConfig;
import io.moraine.pipeline.pii.PiiKind;
import io.moraine.pipeline.text.BoilerplateLines;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The sections {@code clean}, {@code language} and {@code pii}: every rule set is read and checked,
 * those named in it apply.
 */
final class CleanSettings {

  private CleanSettings() {}

  /** Which reading of C4's rules applies. */
  private enum C4Compat {
    C4_TFDS,
    C4_PAPER
  }

  static CleanConfig of(Section root) {
    LanguageConfig language = language(root.section("language"));
    PiiConfig pii = pii(root.section("pii"));
    Section s = root.section("clean");
    return s.build(
        () -> {
          List<String> boilerplate = boilerplate(s.section("boilerplate"));
          List<RuleSet> all =
              List.of(
                  basic(s.section("basic")),
                  gopherQuality(s.section("gopher-quality")),
                  gopherRepetition(s.section("gopher-repetition")),
                  c4(s.section("c4")),
                  fineWeb(s.section("fineweb")),
                  code(s.section("code")));
          List<RuleSet> chosen = s.texts("rules").stream().map(name -> named(all, name)).toList();
          return new CleanConfig(
              s.flag("normalize"),
              s.flag("strip-licence-headers"),
              boilerplate,
              language,
              chosen,
              pii);
        });
  }

  private static LanguageConfig language(Section s) {
    return s.build(
        () -> new LanguageConfig(s.flag("enabled"), s.texts("keep"), s.number("min-confidence")));
  }

  /** The expressions, checked; none if they do not apply. */
  private static List<String> boilerplate(Section s) {
    return s.build(
        () -> {
          List<String> patterns = s.texts("patterns");
          BoilerplateLines.check(patterns);
          return s.flag("enabled") ? patterns : List.of();
        });
  }

  /** Every replacement is read and checked; those of the kinds that are wanted apply. */
  private static PiiConfig pii(Section s) {
    return s.build(
        () -> {
          boolean enabled = s.flag("enabled");
          Map<PiiKind, String> all = replacements(s.section("replacements")).replacements();
          Map<PiiKind, String> wanted = new EnumMap<>(PiiKind.class);
          for (PiiKind kind : PiiKind.values()) {
            if (s.flag(written(kind)) && enabled) {
              wanted.put(kind, all.get(kind));
            }
          }
          return new PiiConfig(wanted);
        });
  }

  private static PiiConfig replacements(Section s) {
    return s.build(
        () -> {
          Map<PiiKind, String> texts = new EnumMap<>(PiiKind.class);
          for (PiiKind kind : PiiKind.values()) {
            texts.put(kind, s.text(written(kind)));
          }
          return new PiiConfig(texts);
        });
  }

  private static String written(PiiKind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  private static RuleSet named(List<RuleSet> all, String name) {
    return all.stream()
        .filter(rules -> rules.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "rules must name %s, got %s"
                        .formatted(
                            String.join(", ", all.stream().map(RuleSet::name).toList()), name)));
  }

  private static RuleSet basic(Section s) {
    return s.build(
        () ->
            new BasicRules(
                s.flag("reject-generated"),
                s.integer("min-words"),
                s.integer("max-words"),
                s.number("max-duplicate-line-fraction"),
                s.number("max-top-run-fraction")));
  }

  private static RuleSet gopherQuality(Section s) {
    return s.build(
        () ->
            new GopherQuality(
                s.choice("compat", GopherCompat.class),
                s.integer("min-words"),
                s.integer("max-words"),
                s.number("min-mean-word-length"),
                s.number("max-mean-word-length"),
                s.number("max-symbols-per-word"),
                s.number("max-bullet-lines"),
                s.number("max-ellipsis-lines"),
                s.number("min-alphabetic-words"),
                s.integer("min-stop-words")));
  }

  private static RuleSet gopherRepetition(Section s) {
    return s.build(
        () ->
            new GopherRepetition(
                s.choice("compat", GopherCompat.class),
                s.number("max-duplicate-paragraphs"),
                s.number("max-duplicate-paragraph-characters"),
                s.number("max-duplicate-lines"),
                s.number("max-duplicate-line-characters"),
                s.numbers("max-top-n-gram-characters"),
                s.numbers("max-duplicate-n-gram-characters")));
  }

  private static RuleSet c4(Section s) {
    return s.build(
        () -> {
          RuleSet tfds = c4Variant(s.section("c4-tfds"));
          RuleSet paper = c4Variant(s.section("c4-paper"));
          return switch (s.choice("compat", C4Compat.class)) {
            case C4_TFDS -> tfds;
            case C4_PAPER -> paper;
          };
        });
  }

  private static RuleSet c4Variant(Section s) {
    return s.build(
        () ->
            new C4Rules(
                s.flag("single-quote-ends"),
                s.integer("min-words-per-line"),
                s.integer("min-sentences"),
                s.integer("max-word-length"),
                s.integer("min-paragraphs"),
                s.integer("min-paragraph-length"),
                s.texts("bad-words")));
  }

  private static RuleSet fineWeb(Section s) {
    return s.build(
        () ->
            new FineWebRules(
                s.number("min-punctuated-lines"),
                s.number("max-short-lines"),
                s.integer("short-line-length"),
                s.number("max-duplicate-line-characters"),
                s.number("max-new-lines-per-word")));
  }

  private static RuleSet code(Section s) {
    return s.build(
        () ->
            new CodeRules(
                s.integer("max-line-length"),
                s.number("max-mean-line-length"),
                s.number("min-alphanumeric"),
                s.number("max-encoded-data"),
                s.flag("reject-generated")));
  }
}
