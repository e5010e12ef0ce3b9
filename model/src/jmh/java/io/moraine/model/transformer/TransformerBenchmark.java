package io.moraine.model.transformer;

import io.moraine.model.attention.LatentConfig;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.precision.Precision;
import io.moraine.model.tensor.Torch;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Tokens per second of the demo's model on one thread. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class TransformerBenchmark {

  private static final int SEQUENCES = 4;
  private static final int LENGTH = 256;
  private static final int VOCABULARY = 8192;

  /** Of matrix products. */
  @Param({"FLOAT32", "BF16", "FP8"})
  public Precision precision;

  private Transformer model;
  private TokenBatch batch;

  /** Makes the model of conf/models/demo.conf. */
  @Setup
  public void setUp() {
    Torch.start(1);
    ModelConfig config =
        new ModelConfig(
            VOCABULARY,
            192,
            4,
            1,
            512,
            LENGTH,
            1e-6,
            0.02,
            new LatentConfig(4, 96, 64, 32, 16, 32),
            RotaryConfig.deepSeek(10000, LENGTH, 40, 32, 1, 1),
            new ModelConfig.ExpertsConfig(1, 96),
            new RouterConfig(8, 2, 1, 1, RouterConfig.Score.SIGMOID, 1, true, 1e-4),
            false);
    model = new Transformer(config.with(precision));
    InitialWeights.put(model.config(), 1, model.parameters());
    SplittableRandom random = new SplittableRandom(1);
    batch =
        new TokenBatch(
            SEQUENCES, LENGTH, random.ints(SEQUENCES * (LENGTH + 1), 0, VOCABULARY).toArray());
  }

  /** Forward and backward. */
  @Benchmark
  @OperationsPerInvocation(SEQUENCES * LENGTH)
  public double forwardBackward() {
    return model.forwardBackward(batch, 1);
  }

  /** Forward alone. */
  @Benchmark
  @OperationsPerInvocation(SEQUENCES * LENGTH)
  public double forward() {
    return model.loss(batch);
  }
}
