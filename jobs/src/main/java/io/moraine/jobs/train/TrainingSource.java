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
final class TrainingSource implements Source {

  private final MetricRegistry registry = new MetricRegistry();
  private volatile Status status = Status.NONE;

  TrainingSource() {
    gauge("step", Status::step);
    gauge("steps", Status::steps);
    gauge("loss", Status::loss);
    gauge("held-out-loss", Status::heldOutLoss);
    gauge("tokens-seen", Status::tokensSeen);
    gauge("tokens-per-second", Status::tokensPerSecond);
    gauge("seconds-to-go", Status::secondsToGo);
    gauge("max-violation", Status::maxViolation);
    gauge("wire-bytes", Status::wireBytes);
    gauge("bad-steps", Status::badSteps);
    gauge("last-checkpoint", Status::lastCheckpoint);
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
  void show(Status newest) {
    status = newest;
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
          Number number = value.apply(status);
          return number == null ? Double.valueOf(Double.NaN) : number;
        };
    registry.register(name, gauge);
  }
}
