package io.moraine.pipeline.language;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import opennlp.tools.langdetect.LanguageDetectorME;
import opennlp.tools.langdetect.LanguageDetectorModel;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * 26 texts, one in each language of the suite, per operation; the baseline is OpenNLP's detector.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class LanguageDetectorBenchmark {

  /** How often each paragraph of about 300 characters stands in its text. */
  @Param({"1", "6", "60"})
  public int repetitions;

  private List<String> texts;
  private LanguageDetector detector;
  private LanguageDetectorME baseline;

  /** Reads the suite's prose and both models. */
  @Setup
  public void setUp() throws IOException {
    try (InputStream in = getClass().getResourceAsStream("/languages.tsv")) {
      String all = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      texts = all.lines().map(line -> line.substring(3).repeat(repetitions)).toList();
    }
    try (InputStream in = getClass().getResourceAsStream(LanguageModel.RESOURCE)) {
      baseline = new LanguageDetectorME(new LanguageDetectorModel(in));
    }
    detector = new LanguageDetector();
    long bytes = texts.stream().mapToLong(t -> t.getBytes(StandardCharsets.UTF_8).length).sum();
    System.out.printf("# bytes per operation: %d%n", bytes);
  }

  /** Ours: samples, one table look-up per n-gram. */
  @Benchmark
  public double samples() {
    double sum = 0;
    for (String text : texts) {
      sum += detector.detect(text).confidence();
    }
    return sum;
  }

  /** OpenNLP's on the whole text. */
  @Benchmark
  public double openNlp() {
    double sum = 0;
    for (String text : texts) {
      sum += baseline.predictLanguage(text).getConfidence();
    }
    return sum;
  }
}
