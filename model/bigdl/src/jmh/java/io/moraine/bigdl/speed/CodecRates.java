package io.moraine.bigdl.speed;

import com.intel.analytics.bigdl.utils.Engine$;
import io.moraine.model.collective.codec.GradientCodec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;

/**
 * GB/s of float32, by the wall's time, of one core: BigDL computes in a thread of its own pool,
 * which is set to one. Each round is of all sides in turn; a row has the median of the last half of
 * the rounds. Errors are of normal values, relative to their standard deviation, or to that of
 * sums.
 */
public final class CodecRates implements IntConsumer {

  private static final int ELEMENTS = 1 << 20;
  private static final int TIMES = 4;
  private static final int RANKS = 8;
  private static final double DEVIATION = 1e-3;

  private final float[] target = new float[ELEMENTS];
  private final SplittableRandom random = new SplittableRandom(1);

  /** For {@code BigDl}. */
  public CodecRates() {}

  /** GB/s of one operation, round by round. */
  private record Rates(double[] all) {

    void measure(int round, Runnable work) {
      long start = System.nanoTime();
      for (int i = 0; i < TIMES; i++) {
        work.run();
      }
      all[round] = (double) Float.BYTES * ELEMENTS * TIMES / (System.nanoTime() - start);
    }

    double median() {
      double[] last = Arrays.copyOfRange(all, all.length / 2, all.length);
      Arrays.sort(last);
      return last[last.length / 2];
    }
  }

  /** What is measured of a side. */
  private record Measured(Side side, Rates encode, Rates decode, Rates add) {

    Measured(Side side, int rounds) {
      this(
          side,
          new Rates(new double[rounds]),
          new Rates(new double[rounds]),
          new Rates(new double[rounds]));
    }
  }

  @Override
  public void accept(int rounds) {
    Engine$.MODULE$.setCoreNumber(1);
    float[] values = normal();
    List<Measured> all = new ArrayList<>();
    all.add(new Measured(new Fp16Compressed(ELEMENTS), rounds));
    for (GradientCodec codec : GradientCodec.all()) {
      all.add(new Measured(new OwnCodec(codec, ELEMENTS), rounds));
    }
    Rates copy = new Rates(new double[rounds]);
    for (int round = 0; round < rounds; round++) {
      copy.measure(round, () -> System.arraycopy(values, 0, target, 0, ELEMENTS));
      for (Measured each : all) {
        each.encode.measure(round, () -> each.side.encode(values));
        each.decode.measure(round, () -> each.side.decode(target));
        each.add.measure(round, each.side::add);
      }
    }
    print(all, copy, values);
  }

  private void print(List<Measured> all, Rates copy, float[] values) {
    System.out.printf(
        Locale.ROOT,
        "%d elements, kernels %s, copy %.1f GB/s%n",
        ELEMENTS,
        GradientCodec.kernels(),
        copy.median());
    System.out.println(
        "| codec | bytes per element | encode | decode | add | error | shrinks by | error of a sum of %d |"
            .formatted(RANKS));
    System.out.println("|---|---|---|---|---|---|---|---|");
    float[][] contributions = new float[RANKS][];
    Arrays.setAll(contributions, rank -> normal());
    for (Measured each : all) {
      each.side.encode(values);
      each.side.decode(target);
      System.out.printf(
          Locale.ROOT,
          "| `%s` | %.3f | %.1f | %.1f | %.1f | %.2g | %.2g | %.2g |%n",
          each.side.name(),
          (double) each.side.bytes() / ELEMENTS,
          each.encode.median(),
          each.decode.median(),
          each.add.median(),
          error(values, target) / DEVIATION,
          shrinkage(values, target),
          errorOfSum(each.side, contributions));
    }
  }

  private static double errorOfSum(Side side, float[][] contributions) {
    float[] exact = new float[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
      double sum = 0;
      for (float[] contribution : contributions) {
        sum += contribution[i];
      }
      exact[i] = (float) sum;
    }
    return error(exact, side.sumForAll(contributions)) / (DEVIATION * Math.sqrt(RANKS));
  }

  /** Root of the mean square. */
  private static double error(float[] exact, float[] decoded) {
    double squares = 0;
    for (int i = 0; i < ELEMENTS; i++) {
      double difference = exact[i] - (double) decoded[i];
      squares += difference * difference;
    }
    return Math.sqrt(squares / ELEMENTS);
  }

  /** By which share values are nearer to zero than they were, in the mean. */
  private static double shrinkage(float[] exact, float[] decoded) {
    double before = 0;
    double after = 0;
    for (int i = 0; i < ELEMENTS; i++) {
      before += Math.abs(exact[i]);
      after += Math.signum(exact[i]) * decoded[i];
    }
    return 1 - after / before;
  }

  private float[] normal() {
    float[] values = new float[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
      values[i] = (float) (DEVIATION * random.nextGaussian());
    }
    return values;
  }
}
