package io.moraine.pipeline.minhash;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Signatures of one document per operation; the baseline hashes once per component and shingle. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class MinHasherBenchmark {

  /** Shingles of a document. */
  @Param({"100", "1000", "10000"})
  public int shingles;

  private long[] set;
  private MinHasher hasher;

  /** Makes a random set. */
  @Setup
  public void setUp() {
    SplittableRandom random = new SplittableRandom(1);
    set = random.longs(shingles).toArray();
    hasher = new MinHasher(128, 1);
  }

  /** One permutation with densification. */
  @Benchmark
  public long[] onePermutation() {
    return hasher.signature(set);
  }

  /** 128 independent hash functions, as the peers compute. */
  @Benchmark
  public long[] independentHashes() {
    long[] minima = new long[128];
    Arrays.fill(minima, Long.MAX_VALUE);
    for (long shingle : set) {
      for (int i = 0; i < minima.length; i++) {
        minima[i] = Math.min(minima[i], (2L * i + 1) * shingle + i);
      }
    }
    return minima;
  }
}
