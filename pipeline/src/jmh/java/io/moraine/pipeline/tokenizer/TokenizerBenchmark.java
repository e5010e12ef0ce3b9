package io.moraine.pipeline.tokenizer;

import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Operations per second on one megabyte of text: megabytes per second and core. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class TokenizerBenchmark {

  private String text;
  private Tokenizer tokenizer;
  private PreTokenizer preTokenizer;

  /** Makes a megabyte of words with a long-tailed distribution and trains on it. */
  @Setup
  public void setUp() {
    SplittableRandom random = new SplittableRandom(1);
    StringBuilder words = new StringBuilder();
    while (words.length() < 1_000_000) {
      int rank = (int) Math.exp(random.nextDouble() * Math.log(20_000));
      words.append(Integer.toString(rank * 7919, 36)).append(random.nextInt(8) == 0 ? ".\n" : " ");
    }
    text = words.toString();
    preTokenizer = new PreTokenizer(List.of(PreTokenizer.CL100K));
    PieceCounts counts = new PieceCounts();
    preTokenizer.split(text, counts);
    TokenizerConfig config =
        new TokenizerConfig(4096, 2, Long.MAX_VALUE, List.of(Tokenizer.END_OF_TEXT));
    BpeModel model = BpeTrainer.train(counts, config, size -> {});
    tokenizer = new Tokenizer(model, preTokenizer);
  }

  /** The whole encoder. */
  @Benchmark
  public int[] encode() {
    return tokenizer.encode(text);
  }

  /** The pre-tokenizer alone. */
  @Benchmark
  public int split() {
    int[] pieces = new int[1];
    preTokenizer.split(text, piece -> pieces[0]++);
    return pieces[0];
  }
}
