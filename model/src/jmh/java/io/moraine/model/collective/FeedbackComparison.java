package io.moraine.model.collective;

import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.optim.AdamW;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * What codecs and error feedback are worth to a network of three layers, 64-128-128-10 with biases,
 * that four workers train on samples of their own: where SGD with momentum sums what they send, and
 * where AdamW does.
 *
 * <p>Arguments: steps, samples of a worker in a step, number of seeds, then optimizers (sgd,
 * adamw). The task is another network's answers with noise on them, one for all seeds. Prints for
 * each codec, without and with feedback, the mean training loss of the last 100 steps by seed,
 * their mean and standard deviation.
 */
public final class FeedbackComparison {

  private static final int WORKERS = 4;
  private static final int[] WIDTHS = {64, 128, 128, 10};
  private static final int TEACHER_WIDTH = 32;
  private static final int SAMPLES = 2048;
  private static final double NOISE = 1;
  private static final int LAST = 100;
  private static final float MOMENTUM = 0.9f;
  private static final float SGD_RATE = 0.02f;
  private static final double ADAMW_RATE = 1e-3;

  private final int steps;
  private final int batch;

  private FeedbackComparison(int steps, int batch) {
    this.steps = steps;
    this.batch = batch;
  }

  public static void main(String[] args) {
    FeedbackComparison comparison =
        new FeedbackComparison(Integer.parseInt(args[0]), Integer.parseInt(args[1]));
    int seeds = Integer.parseInt(args[2]);
    List<GradientCodec> codecs =
        Arrays.stream(args[3].split(",", -1)).map(FeedbackComparison::codec).toList();
    for (String optimizer : Arrays.asList(args).subList(4, args.length)) {
      for (GradientCodec codec : codecs) {
        for (boolean isFedBack : codec.isCoarse() ? new boolean[] {false, true} : new boolean[1]) {
          double[] losses =
              IntStream.rangeClosed(1, seeds)
                  .mapToDouble(seed -> comparison.train(codec, isFedBack, optimizer, seed))
                  .toArray();
          print(optimizer, codec, isFedBack, losses);
        }
      }
    }
  }

  private static GradientCodec codec(String name) {
    return name.equals("topk") ? GradientCodec.topK(0.01) : GradientCodec.of(name);
  }

  private static void print(
      String optimizer, GradientCodec codec, boolean isFedBack, double[] losses) {
    double mean = Arrays.stream(losses).average().orElseThrow();
    double squares = Arrays.stream(losses).map(l -> (l - mean) * (l - mean)).sum();
    System.out.printf(
        Locale.ROOT,
        "| %s | `%s` | %s | %s | %.4f | %.4f |%n",
        optimizer,
        codec.name(),
        isFedBack ? "with" : "without",
        String.join(
            ", ",
            Arrays.stream(losses).mapToObj(l -> String.format(Locale.ROOT, "%.4f", l)).toList()),
        mean,
        Math.sqrt(squares / (losses.length - 1)));
  }

  /** Mean training loss of the last steps. */
  private double train(GradientCodec codec, boolean isFedBack, String optimizer, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Samples samples = Samples.drawn(new SplittableRandom(0));
    Network network = new Network(batch);
    float[] weights = network.initial(random);
    List<ErrorFeedback> feedback = new ArrayList<>();
    for (int worker = 0; worker < WORKERS; worker++) {
      feedback.add(new ErrorFeedback(weights.length));
    }
    Update update = update(optimizer, weights.length);
    byte[] bytes = new byte[codec.encodedBytes(weights.length)];
    float[] gradient = new float[weights.length];
    double last = 0;
    for (int step = 1; step <= steps; step++) {
      float[] sum = new float[weights.length];
      double loss = 0;
      for (int worker = 0; worker < WORKERS; worker++) {
        loss += network.gradient(weights, samples, worker, random, gradient);
        int written =
            isFedBack
                ? feedback.get(worker).encode(codec, 0, gradient, gradient.length, bytes)
                : codec.encode(gradient, 0, bytes, 0, gradient.length);
        codec.decodeAdd(bytes, 0, written, sum, 0, sum.length);
      }
      update.apply(step, weights, sum);
      last += step > steps - LAST ? loss / WORKERS : 0;
    }
    return last / LAST;
  }

  /** An optimizer's step on the sum of the workers' mean gradients. */
  private interface Update {
    void apply(int step, float[] weights, float[] sum);
  }

  private static Update update(String optimizer, int length) {
    if (optimizer.equals("adamw")) {
      AdamW adamw = new AdamW(new AdamW.Config(0.9, 0.95, 1e-8, 0), new boolean[length]);
      return (step, weights, sum) -> adamw.update(step, ADAMW_RATE, weights, sum, 1.0 / WORKERS);
    }
    float[] velocity = new float[length];
    return (step, weights, sum) -> {
      for (int i = 0; i < weights.length; i++) {
        velocity[i] = MOMENTUM * velocity[i] + sum[i] / WORKERS;
        weights[i] -= SGD_RATE * velocity[i];
      }
    };
  }

  /**
   * What the workers train on, worker after worker.
   *
   * @param inputs (samples, 64), normal
   * @param labels the largest of another network's outputs with noise on them
   */
  private record Samples(float[] inputs, int[] labels) {

    static Samples drawn(SplittableRandom random) {
      int in = WIDTHS[0];
      int out = WIDTHS[WIDTHS.length - 1];
      double[] first = normal(random, in * TEACHER_WIDTH, 1 / Math.sqrt(in));
      double[] second = normal(random, TEACHER_WIDTH * out, 4 / Math.sqrt(TEACHER_WIDTH));
      float[] inputs = new float[WORKERS * SAMPLES * in];
      int[] labels = new int[WORKERS * SAMPLES];
      for (int s = 0; s < labels.length; s++) {
        double[] scores = normal(random, out, NOISE);
        double[] hidden = new double[TEACHER_WIDTH];
        for (int i = 0; i < in; i++) {
          float x = (float) random.nextGaussian();
          inputs[s * in + i] = x;
          for (int j = 0; j < TEACHER_WIDTH; j++) {
            hidden[j] += x * first[i * TEACHER_WIDTH + j];
          }
        }
        for (int j = 0; j < TEACHER_WIDTH; j++) {
          for (int o = 0; o < out; o++) {
            scores[o] += Math.tanh(hidden[j]) * second[j * out + o];
          }
        }
        for (int o = 1; o < out; o++) {
          labels[s] = scores[o] > scores[labels[s]] ? o : labels[s];
        }
      }
      return new Samples(inputs, labels);
    }

    private static double[] normal(SplittableRandom random, int length, double deviation) {
      return IntStream.range(0, length)
          .mapToDouble(i -> deviation * random.nextGaussian())
          .toArray();
    }
  }

  /** Layers of a matrix (inputs, outputs) and a bias each, one behind the other; ReLU between. */
  private static final class Network {

    private final int batch;
    private final float[][] values = new float[WIDTHS.length][];
    private final float[][] slopes = new float[WIDTHS.length][];

    Network(int batch) {
      this.batch = batch;
      for (int layer = 0; layer < WIDTHS.length; layer++) {
        values[layer] = new float[batch * WIDTHS[layer]];
        slopes[layer] = new float[batch * WIDTHS[layer]];
      }
    }

    float[] initial(SplittableRandom random) {
      int length = 0;
      for (int layer = 1; layer < WIDTHS.length; layer++) {
        length += (WIDTHS[layer - 1] + 1) * WIDTHS[layer];
      }
      float[] weights = new float[length];
      int at = 0;
      for (int layer = 1; layer < WIDTHS.length; layer++) {
        double deviation = Math.sqrt(2.0 / WIDTHS[layer - 1]);
        for (int i = 0; i < WIDTHS[layer - 1] * WIDTHS[layer]; i++) {
          weights[at + i] = (float) (deviation * random.nextGaussian());
        }
        at += (WIDTHS[layer - 1] + 1) * WIDTHS[layer];
      }
      return weights;
    }

    /** Mean cross-entropy of a batch drawn from a worker's samples, and its gradient. */
    double gradient(
        float[] weights, Samples samples, int worker, SplittableRandom random, float[] gradient) {
      int[] labels = new int[batch];
      for (int b = 0; b < batch; b++) {
        int sample = worker * SAMPLES + random.nextInt(SAMPLES);
        labels[b] = samples.labels()[sample];
        System.arraycopy(samples.inputs(), sample * WIDTHS[0], values[0], b * WIDTHS[0], WIDTHS[0]);
      }
      int at = 0;
      for (int layer = 1; layer < WIDTHS.length; layer++) {
        forward(weights, at, layer);
        at += (WIDTHS[layer - 1] + 1) * WIDTHS[layer];
      }
      double loss = crossEntropy(labels);
      Arrays.fill(gradient, 0);
      for (int layer = WIDTHS.length - 1; layer > 0; layer--) {
        at -= (WIDTHS[layer - 1] + 1) * WIDTHS[layer];
        backward(weights, at, layer, gradient);
      }
      return loss;
    }

    private void forward(float[] weights, int at, int layer) {
      int in = WIDTHS[layer - 1];
      int out = WIDTHS[layer];
      float[] y = values[layer];
      for (int b = 0; b < batch; b++) {
        System.arraycopy(weights, at + in * out, y, b * out, out);
        for (int i = 0; i < in; i++) {
          addScaled(values[layer - 1][b * in + i], weights, at + i * out, y, b * out, out);
        }
      }
      for (int i = 0; i < y.length && layer < WIDTHS.length - 1; i++) {
        y[i] = Math.max(0, y[i]);
      }
    }

    /** Mean loss; the last layer's slopes become those of the mean. */
    private double crossEntropy(int[] labels) {
      int out = WIDTHS[WIDTHS.length - 1];
      float[] y = values[WIDTHS.length - 1];
      float[] slope = slopes[WIDTHS.length - 1];
      double loss = 0;
      for (int b = 0; b < batch; b++) {
        double largest = Float.NEGATIVE_INFINITY;
        for (int o = 0; o < out; o++) {
          largest = Math.max(largest, y[b * out + o]);
        }
        double sum = 0;
        for (int o = 0; o < out; o++) {
          sum += Math.exp(y[b * out + o] - largest);
        }
        for (int o = 0; o < out; o++) {
          double p = Math.exp(y[b * out + o] - largest) / sum;
          slope[b * out + o] = (float) ((p - (o == labels[b] ? 1 : 0)) / batch);
        }
        loss += Math.log(sum) + largest - y[b * out + labels[b]];
      }
      return loss / batch;
    }

    private void backward(float[] weights, int at, int layer, float[] gradient) {
      int in = WIDTHS[layer - 1];
      int out = WIDTHS[layer];
      for (int b = 0; b < batch; b++) {
        addScaled(1, slopes[layer], b * out, gradient, at + in * out, out);
        for (int i = 0; i < in; i++) {
          float x = values[layer - 1][b * in + i];
          addScaled(x, slopes[layer], b * out, gradient, at + i * out, out);
          slopes[layer - 1][b * in + i] =
              x > 0 ? dot(weights, at + i * out, slopes[layer], b * out, out) : 0;
        }
      }
    }

    private static void addScaled(
        float scale, float[] src, int srcOffset, float[] dst, int dstOffset, int length) {
      for (int i = 0; i < length; i++) {
        dst[dstOffset + i] += scale * src[srcOffset + i];
      }
    }

    private static float dot(float[] a, int aOffset, float[] b, int bOffset, int length) {
      float sum = 0;
      for (int i = 0; i < length; i++) {
        sum += a[aOffset + i] * b[bOffset + i];
      }
      return sum;
    }
  }
}
