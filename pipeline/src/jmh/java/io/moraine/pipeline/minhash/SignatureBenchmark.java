package io.moraine.pipeline.minhash;

import io.moraine.pipeline.hash.Mix64;
import io.moraine.pipeline.hash.Murmur3;
import io.moraine.pipeline.text.Shingles;
import io.moraine.pipeline.text.Words;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * Text in memory to signature, bytes of UTF-8 per second (the counter {@code bytes}); one document
 * per operation. The baseline is the definition: a String and a hash per word, a sorted set.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class SignatureBenchmark {

  private static final int WORDS = 5;

  /** Java files below this folder are the documents. */
  @Param("pipeline/src")
  public String folder;

  /** As they are; with typographic quotation marks; in Cyrillic letters. */
  @Param({"ascii", "typographic", "cyrillic"})
  public String letters;

  private final MinHasher hasher = new MinHasher(128, 1);
  private String[] texts;
  private byte[][] utf8;
  private int next;

  /** Counts bytes of UTF-8. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Volume {
    /** Of the texts whose signatures were computed. */
    public long bytes;
  }

  /** Reads the documents. */
  @Setup
  public void setUp() throws IOException {
    List<String> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(Path.of(folder))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".java")).sorted().toList()) {
        found.add(inLetters(Files.readString(file)));
      }
    }
    texts = found.toArray(String[]::new);
    utf8 = found.stream().map(t -> t.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
  }

  private String inLetters(String text) {
    return switch (letters) {
      case "ascii" -> text;
      case "typographic" -> text.replace('"', '\u201d').replace('\'', '\u2019');
      case "cyrillic" ->
          text.codePoints()
              .map(c -> Character.isUpperCase(c) ? c - 'A' + '\u0410' : c)
              .map(c -> c >= 'a' && c <= 'z' ? c - 'a' + '\u0430' : c)
              .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
              .toString();
      default -> throw new IllegalArgumentException("no such letters: " + letters);
    };
  }

  private int nextText(Volume volume) {
    next = next + 1 == texts.length ? 0 : next + 1;
    volume.bytes += utf8[next].length;
    return next;
  }

  /** From a String, by the sorted set of shingles that is stored. */
  @Benchmark
  public long[] stringToSetAndSignature(Volume volume) {
    return hasher.signature(Shingles.of(texts[nextText(volume)], WORDS));
  }

  /** From UTF-8 in memory. */
  @Benchmark
  public long[] utf8ToSignature(Volume volume) {
    return hasher.signature(Shingles.inOrder(utf8[nextText(volume)], WORDS));
  }

  /** From a String. */
  @Benchmark
  public long[] stringToSignature(Volume volume) {
    byte[] bytes = texts[nextText(volume)].getBytes(StandardCharsets.UTF_8);
    return hasher.signature(Shingles.inOrder(bytes, WORDS));
  }

  /** The definition. */
  @Benchmark
  public long[] plain(Volume volume) {
    List<Long> words = new ArrayList<>();
    Words.forEach(
        texts[nextText(volume)],
        word -> {
          byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
          words.add(Murmur3.hash128(bytes, 0, bytes.length, 0).low());
        });
    long[] shingles = new long[Math.max(1, words.size() - WORDS + 1)];
    for (int i = 0; i < shingles.length; i++) {
      for (int j = i; j < Math.min(i + WORDS, words.size()); j++) {
        shingles[i] = Mix64.combine(shingles[i], words.get(j));
      }
    }
    return hasher.signature(Arrays.stream(shingles).sorted().distinct().toArray());
  }
}
