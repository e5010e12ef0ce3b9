package io.moraine.model.collective.codec;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Bytes of float32 per nanosecond, that is GB/s, on one thread and 65,536 elements (256 KiB of
 * float32, a chunk of the collectives); the baseline is a copy of as many.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(value = 3, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
public class GradientCodecBenchmark {

  private static final int ELEMENTS = 1 << 16;
  private static final int BYTES = 4 * ELEMENTS;
  private static final double TOP_K_SHARE = 0.01;

  /** Gradients of about the usual size. */
  @State(Scope.Thread)
  public static class Values {

    private final float[] values = new float[ELEMENTS];
    private final float[] target = new float[ELEMENTS];

    /** Draws them. */
    @Setup
    public void setUp() {
      SplittableRandom random = new SplittableRandom(1);
      for (int i = 0; i < ELEMENTS; i++) {
        values[i] = (float) (1e-3 * random.nextGaussian());
      }
    }
  }

  /** What a codec makes of them. */
  @State(Scope.Thread)
  public static class Encoded {

    /** The codec. */
    @Param({"fp32", "bf16", "int8", "int4", "sign", "fp8", "topk"})
    public String codec;

    /** What it runs on. */
    @Param({"scalar", "vector"})
    public String kernels;

    private GradientCodec subject;
    private byte[] bytes;
    private int written;

    /** Encodes once, so that there is something to decode. */
    @Setup
    public void setUp(Values values) {
      Kernels chosen = kernels.equals("vector") ? Kernels.vector().orElseThrow() : Kernels.scalar();
      subject =
          Stream.concat(
                  chosen.codecs().stream(),
                  Stream.of(chosen.fp8(GradientCodec.FP8_TILE), new TopKCodec(TOP_K_SHARE, chosen)))
              .filter(candidate -> candidate.name().equals(codec))
              .findFirst()
              .orElseThrow();
      bytes = new byte[subject.encodedBytes(ELEMENTS)];
      written = subject.encode(values.values, 0, bytes, 0, ELEMENTS);
    }
  }

  /** The baseline. */
  @Benchmark
  @OperationsPerInvocation(BYTES)
  public float[] copy(Values values) {
    System.arraycopy(values.values, 0, values.target, 0, ELEMENTS);
    return values.target;
  }

  /** Float32 to bytes. */
  @Benchmark
  @OperationsPerInvocation(BYTES)
  public byte[] encode(Values values, Encoded encoded) {
    encoded.subject.encode(values.values, 0, encoded.bytes, 0, ELEMENTS);
    return encoded.bytes;
  }

  /** Bytes to float32. */
  @Benchmark
  @OperationsPerInvocation(BYTES)
  public float[] decode(Values values, Encoded encoded) {
    encoded.subject.decode(encoded.bytes, 0, encoded.written, values.target, 0, ELEMENTS);
    return values.target;
  }

  /** Bytes to float32, added. */
  @Benchmark
  @OperationsPerInvocation(BYTES)
  public float[] decodeAdd(Values values, Encoded encoded) {
    encoded.subject.decodeAdd(encoded.bytes, 0, encoded.written, values.target, 0, ELEMENTS);
    return values.target;
  }
}
