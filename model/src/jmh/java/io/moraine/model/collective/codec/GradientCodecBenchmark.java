package io.moraine.model.collective.codec;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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

/** Operations per second on 65,536 elements (256 KiB of float32); fp32 is the baseline. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class GradientCodecBenchmark {

  private static final int ELEMENTS = 1 << 16;

  /** The codec. */
  @Param({"fp32", "bf16", "int8"})
  public String codec;

  private GradientCodec subject;
  private float[] values;
  private ByteBuffer bytes;

  /** Makes gradients of about the usual size. */
  @Setup
  public void setUp() {
    SplittableRandom random = new SplittableRandom(1);
    values = new float[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
      values[i] = (float) (1e-3 * random.nextGaussian());
    }
    subject = GradientCodec.of(codec);
    bytes = ByteBuffer.allocate(subject.encodedBytes(ELEMENTS)).order(ByteOrder.LITTLE_ENDIAN);
    subject.encode(values, 0, ELEMENTS, bytes);
  }

  /** Float32 to bytes. */
  @Benchmark
  public ByteBuffer encode() {
    bytes.clear();
    subject.encode(values, 0, ELEMENTS, bytes);
    return bytes;
  }

  /** Bytes to float32. */
  @Benchmark
  public float[] decode() {
    bytes.clear();
    subject.decode(bytes, values, 0, ELEMENTS);
    return values;
  }
}
