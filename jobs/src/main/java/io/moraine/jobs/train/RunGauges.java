package io.moraine.jobs.train;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import java.util.function.Function;
import org.apache.spark.SparkContext;
import org.apache.spark.metrics.source.Source;

/**
 * Where a run stands, as gauges of Spark's own metrics system on the driver, for whatever sinks are
 * configured there; NaN where it is not known yet.
 */
final class RunGauges implements Source {

  private final MetricRegistry registry = new MetricRegistry();
  private volatile Status newest = new Status();

  RunGauges() {
    gauge("step", status -> status.step);
    gauge("steps", status -> status.steps);
    gauge("loss", status -> status.loss);
    gauge("held-out-loss", status -> status.heldOutLoss);
    gauge("tokens-seen", status -> status.tokensSeen);
    gauge("tokens-per-second", status -> status.tokensPerSecond);
    gauge("seconds-to-go", status -> status.secondsToGo);
    gauge("max-violation", status -> status.maxViolation);
    gauge("wire-bytes", status -> status.wireBytes);
    gauge("bad-steps", status -> status.badSteps);
    gauge("last-checkpoint", status -> status.lastCheckpoint);
  }

  @Override
  public String sourceName() {
    return "moraine";
  }

  @Override
  public MetricRegistry metricRegistry() {
    return registry;
  }

  /** From now on gauges say this. */
  void show(Status status) {
    newest = status;
  }

  /** Spark's sinks see it from now on. */
  void register(SparkContext spark) {
    spark.env().metricsSystem().registerSource(this);
  }

  void remove(SparkContext spark) {
    if (!spark.isStopped()) {
      spark.env().metricsSystem().removeSource(this);
    }
  }

  private void gauge(String name, Function<Status, Number> value) {
    Gauge<Number> gauge =
        () -> {
          Number number = value.apply(newest);
          return number == null ? Double.valueOf(Double.NaN) : number;
        };
    registry.register(name, gauge);
  }
}
