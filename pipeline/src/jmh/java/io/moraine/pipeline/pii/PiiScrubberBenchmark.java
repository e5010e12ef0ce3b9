package io.moraine.pipeline.pii;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** One megabyte of text per operation; the baseline is a regular expression for e-mail alone. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class PiiScrubberBenchmark {

  private static final String PROSE =
      "The keeper climbed the 100 steps on 2015-01-02, wrote letters and read them aloud. ";
  private static final String CODE =
      "int end = start < at ? domainEnd(text, at + 1) : -1; // \"quoted\": version 12.30.4.5\n";
  private static final String PERSONAL = "Write to me@example.com or call +49 30 1234567. ";
  private static final Pattern EMAIL =
      Pattern.compile("[a-z0-9._%+-]+@(?:[a-z0-9-]+\\.)+[a-z]{2,}", Pattern.CASE_INSENSITIVE);

  /** What the text is of; in the last, every other sentence has two places to replace. */
  @Param({"prose", "code", "personal"})
  public String kind;

  private String text;
  private PiiScrubber scrubber;

  /** Makes the text. */
  @Setup
  public void setUp() {
    String unit =
        switch (kind) {
          case "prose" -> PROSE;
          case "code" -> CODE;
          default -> PROSE + PERSONAL;
        };
    text = unit.repeat(1_000_000 / unit.length());
    scrubber =
        new PiiScrubber(
            new PiiConfig(
                Map.of(
                    PiiKind.EMAIL, "<EMAIL>",
                    PiiKind.IP, "<IP_ADDRESS>",
                    PiiKind.PHONE, "<PHONE>",
                    PiiKind.SECRET, "<SECRET>")));
  }

  /** All four kinds by scanners. */
  @Benchmark
  public String scanners() {
    return scrubber.scrub(text).text();
  }

  /** E-mail addresses alone by a regular expression. */
  @Benchmark
  public String emailExpression() {
    return EMAIL.matcher(text).replaceAll("<EMAIL>");
  }
}
