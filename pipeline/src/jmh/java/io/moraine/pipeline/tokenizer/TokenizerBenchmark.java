package io.moraine.pipeline.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * Encoders side by side on the same documents. An operation is one document; {@code megabytes} is
 * what counts: megabytes of UTF-8 in a second.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 4, time = 3)
@Measurement(iterations = 5, time = 3)
public class TokenizerBenchmark {

  /** Ours; Hugging Face's through DJL; jtokkit, which has no DeepSeek-V3. */
  @Param({"moraine", "jtokkit", "huggingface"})
  public String encoder;

  @Param({"cl100k", "o200k", "deepseek-v3"})
  public String vocabulary;

  /** Spark's and Scala's source code; or a folder of text files: -p text=FOLDER. */
  @Param("code")
  public String text;

  private List<String> strings;
  private List<byte[]> documents;
  private Encode encode;

  private interface Encode {
    Object ids(int document);
  }

  /** A thread's place in the documents, and the bytes it has encoded. */
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  @State(Scope.Thread)
  public static class Bytes {
    public double megabytes;
    private int next = System.identityHashCode(this) & 0xff;
  }

  /** Loads documents and the encoder. */
  @Setup
  public void setUp() throws IOException {
    documents = text.equals("code") ? code() : folder(Path.of(text));
    Collections.shuffle(documents, new Random(1));
    strings = documents.stream().map(d -> new String(d, StandardCharsets.UTF_8)).toList();
    encode =
        switch (encoder) {
          case "moraine" -> moraine();
          case "jtokkit" -> jtokkit();
          default -> huggingFace();
        };
  }

  /** One document after the other. */
  @Benchmark
  public void encode(Bytes bytes, Blackhole ids) {
    int document = bytes.next++ % documents.size();
    ids.consume(encode.ids(document));
    bytes.megabytes += documents.get(document).length / 1e6;
  }

  private Encode moraine() throws IOException {
    Tokenizer tokenizer = tokenizer();
    return document -> tokenizer.encode(documents.get(document));
  }

  private Encode jtokkit() {
    EncodingType type =
        switch (vocabulary) {
          case "cl100k" -> EncodingType.CL100K_BASE;
          case "o200k" -> EncodingType.O200K_BASE;
          default -> throw new IllegalArgumentException("jtokkit has no " + vocabulary);
        };
    Encoding encoding = Encodings.newLazyEncodingRegistry().getEncoding(type);
    return document -> encoding.encodeOrdinary(strings.get(document));
  }

  private Encode huggingFace() throws IOException {
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("OPT_OUT_TRACKING", "true");
    System.setProperty("RUST_FLAVOR", "cpu");
    String json =
        vocabulary.equals("deepseek-v3") ? deepSeekV3() : TokenizerJson.write(tokenizer());
    HuggingFaceTokenizer tokenizer =
        HuggingFaceTokenizer.newInstance(
            new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)),
            Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false"));
    return document -> tokenizer.encode(strings.get(document));
  }

  private Tokenizer tokenizer() throws IOException {
    return switch (vocabulary) {
      case "cl100k" -> ranks("cl100k_base", PreTokenizer.CL100K);
      case "o200k" -> ranks("o200k_base", PreTokenizer.O200K);
      default -> TokenizerJson.read(deepSeekV3());
    };
  }

  private static Tokenizer ranks(String name, String pattern) throws IOException {
    try (InputStream in =
        TokenizerBenchmark.class.getResourceAsStream(
            "/com/knuddels/jtokkit/" + name + ".tiktoken")) {
      String ranks = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
      return new Tokenizer(RankFile.read(ranks, Map.of()), new PreTokenizer(List.of(pattern)));
    }
  }

  /** What .ci/fetch-tokenizers gets. */
  private static String deepSeekV3() throws IOException {
    return Files.readString(Path.of("target/tokenizers/deepseek-v3/tokenizer.json"));
  }

  private static List<byte[]> code() throws IOException {
    List<byte[]> code = new ArrayList<>();
    for (String name :
        List.of(
            "/scala/Option.scala",
            "/org/apache/spark/sql/catalyst/InternalRow.scala",
            "/org/apache/spark/sql/Dataset.scala")) {
      JarURLConnection connection =
          (JarURLConnection) TokenizerBenchmark.class.getResource(name).openConnection();
      JarFile jar = connection.getJarFile();
      for (ZipEntry entry : Collections.list(jar.entries())) {
        if (entry.getName().endsWith(".scala") || entry.getName().endsWith(".java")) {
          code.add(jar.getInputStream(entry).readAllBytes());
        }
      }
    }
    return code;
  }

  private static List<byte[]> folder(Path folder) throws IOException {
    List<byte[]> documents = new ArrayList<>();
    try (var files = Files.list(folder)) {
      for (Path file : files.sorted().toList()) {
        documents.add(Files.readAllBytes(file));
      }
    }
    return documents;
  }
}
