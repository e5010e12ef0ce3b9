package io.moraine.jobs.figures;

import io.moraine.model.train.ExpertLoad;
import io.moraine.model.train.TrainConfig;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.ModelCost;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/** The metrics of one run, summed up step by step over spans of equally many. */
final class RunCurve {

  /** Spans of the expert loads, at most: each is a picture of its own. */
  private static final int LOAD_SPANS = 50;

  /** The last part of a run whose mean loss stands for what it came to. */
  private static final double LAST = 0.01;

  private final Optional<ModelConfig> model;
  private final Optional<Double> flopsPerToken;
  private final int spans;
  private final long lastStep;
  private final long spanSteps;
  private final long loadSpanSteps;

  private final List<Row> points = new ArrayList<>();
  private final List<Row> heldOut = new ArrayList<>();
  private final List<Row> badSteps = new ArrayList<>();
  private final List<Row> balance = new ArrayList<>();
  private final List<Row> loads = new ArrayList<>();
  private final Span all = new Span();
  private final Mean lastLoss = new Mean();
  private Span span = new Span();
  private Span lastSpan = span;
  private long[] load = new long[0];
  private long bad;
  private Double newestHeldOut;

  /**
   * No steps yet.
   *
   * @param model empty if it is another one than the settings', whose sizes and cost are not known
   * @param sequenceLength tokens of a sequence, which decide what attention costs; empty if they
   *     are not known, and so the operations are not
   * @param lastStep the highest of those that will come
   * @param spans points of the curve, at most
   */
  RunCurve(Optional<ModelConfig> model, OptionalInt sequenceLength, long lastStep, int spans) {
    this.model = model;
    this.flopsPerToken =
        sequenceLength.isEmpty()
            ? Optional.empty()
            : model.map(config -> new ModelCost(config).trainingFlops(sequenceLength.getAsInt()));
    this.spans = spans;
    this.lastStep = lastStep;
    this.spanSteps = stepsOf(lastStep, spans);
    this.loadSpanSteps = stepsOf(lastStep, LOAD_SPANS);
  }

  private static long stepsOf(long steps, int spans) {
    return (steps + spans - 1) / spans;
  }

  /** The mean of the finite numbers among values that may be missing. */
  private static final class Mean {
    private double sum;
    private long count;

    void add(Number value) {
      if (value != null && Double.isFinite(value.doubleValue())) {
        sum += value.doubleValue();
        count++;
      }
    }

    Double value() {
      return count == 0 ? null : sum / count;
    }
  }

  /** Steps one behind the other. */
  private static final class Span {
    private final Mean loss = new Mean();
    private final Mean furtherLoss = new Mean();
    private final Mean gradientNorm = new Mean();
    private final Mean learningRate = new Mean();
    private final Mean wireBytes = new Mean();
    private final Mean float32Bytes = new Mean();
    private long tokens;
    private double seconds;
    private long tokensSeen;
    private long steps;

    void add(Row step) {
      loss.add(step.<Double>getAs("loss"));
      furtherLoss.add(step.<Double>getAs("further_loss"));
      gradientNorm.add(step.<Double>getAs("gradient_norm"));
      learningRate.add(step.<Double>getAs("learning_rate"));
      wireBytes.add(step.<Long>getAs("wire_bytes"));
      float32Bytes.add(step.<Long>getAs("float32_wire_bytes"));
      tokens += number(step, "tokens");
      Double took = step.getAs("seconds");
      seconds += took == null ? 0 : took;
      tokensSeen = number(step, "tokens_seen");
      steps++;
    }

    Double tokensPerSecond() {
      return seconds > 0 ? tokens / seconds : null;
    }
  }

  /** The next step. */
  void add(Row step) {
    long number = number(step, "step");
    span.add(step);
    all.add(step);
    if (number > lastStep - Math.max(1, Math.round(lastStep * LAST))) {
      lastLoss.add(step.<Double>getAs("loss"));
    }
    addHeldOut(number, step);
    addBad(number, step);
    addLoad(number, step);
    if (number % spanSteps == 0 || number == lastStep) {
      points.add(
          RowFactory.create(
              number,
              span.tokensSeen,
              flops(span),
              span.loss.value(),
              span.furtherLoss.value(),
              span.gradientNorm.value(),
              span.learningRate.value(),
              span.tokensPerSecond(),
              span.wireBytes.value()));
      lastSpan = span;
      span = new Span();
    }
  }

  private Double flops(Span seen) {
    return flopsPerToken.map(each -> seen.tokensSeen * each).orElse(null);
  }

  private void addHeldOut(long number, Row step) {
    Double loss = step.getAs("held_out_loss");
    if (loss != null && Double.isFinite(loss)) {
      heldOut.add(RowFactory.create(number, span.tokensSeen, flops(span), loss));
      newestHeldOut = loss;
    }
  }

  private void addBad(long number, Row step) {
    String why = step.getAs("bad");
    Boolean isLeftOut = step.getAs("left_out");
    if (why != null || Boolean.TRUE.equals(isLeftOut)) {
      badSteps.add(RowFactory.create(number, why, isLeftOut, step.<Double>getAs("loss")));
      bad += why != null ? 1 : 0;
    }
  }

  private void addLoad(long number, Row step) {
    Integer experts = step.getAs("experts");
    if (experts == null || experts == 0) {
      return;
    }
    List<Long> tokens = step.getList(step.fieldIndex("expert_load"));
    load = load.length == 0 ? new long[tokens.size()] : load;
    for (int i = 0; i < load.length; i++) {
      load[i] += tokens.get(i);
    }
    if (number % loadSpanSteps == 0 || number == lastStep) {
      addPicture(number, new ExpertLoad(load, experts));
      load = new long[0];
    }
  }

  private void addPicture(long number, ExpertLoad load) {
    loads.clear();
    for (int layer = 0; layer < load.layers(); layer++) {
      double mean = load.layer(layer).mean();
      balance.add(RowFactory.create(number, layer, mean > 0 ? load.maxViolation(layer) : null));
      for (int expert = 0; expert < load.experts(); expert++) {
        double tokens = load.tokens()[layer * load.experts() + expert];
        loads.add(RowFactory.create(number, layer, expert, mean > 0 ? tokens / mean : null));
      }
    }
  }

  /** Columns of {@link RunTables#curves}, without the run. */
  List<Row> points() {
    return points;
  }

  /** Columns of {@link RunTables#heldOut}, without the run; no more than points. */
  List<Row> heldOut() {
    return Spread.evenly(heldOut, spans);
  }

  /** Columns of {@link RunTables#badSteps}, without the run. */
  List<Row> badSteps() {
    return badSteps;
  }

  /** Columns of {@link RunTables#balance}, without the run. */
  List<Row> balance() {
    return balance;
  }

  /** Columns of {@link RunTables#expertLoad}, without the run. */
  List<Row> loads() {
    return loads;
  }

  /** Columns of {@link RunTables#summary}, without the run. */
  Row summary() {
    return RowFactory.create(
        model.map(ModelConfig::parameters).orElse(null),
        model.map(ModelConfig::activeParameters).orElse(null),
        all.steps == 0 ? 0L : lastStep,
        all.tokensSeen,
        flops(all),
        lastLoss.value(),
        newestHeldOut,
        all.tokensPerSecond(),
        bad);
  }

  /**
   * Columns of {@link RunTables#wire}, without the run; none if nothing was sent. Of the last span,
   * for earlier starts may have had other codecs.
   */
  List<Row> wire(TrainConfig.Wire wire) {
    Double sent = lastSpan.wireBytes.value();
    Double float32 = lastSpan.float32Bytes.value();
    if (sent == null || sent == 0) {
      return List.of();
    }
    return List.of(
        RowFactory.create(
            wire.gradients().name(),
            wire.weights().settingName(),
            sent,
            float32,
            float32 == null ? null : float32 / sent));
  }

  private static long number(Row step, String column) {
    Long value = step.getAs(column);
    return value == null ? 0 : value;
  }
}
