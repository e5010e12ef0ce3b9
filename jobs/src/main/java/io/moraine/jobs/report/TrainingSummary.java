package io.moraine.jobs.report;

import static org.apache.spark.sql.functions.abs;
import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.sum;

import io.moraine.jobs.train.RunFolder;
import io.moraine.model.train.ExpertLoad;
import io.moraine.model.train.StepMetrics;
import io.moraine.model.train.TrainResult;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** What a training run came to, as text, from the metrics that it wrote. */
public final class TrainingSummary {

  private static final int CHART_WIDTH = 72;
  private static final int CHART_HEIGHT = 10;

  private TrainingSummary() {}

  /** The loss curve, expert load, wire bytes and speed. */
  public static List<String> lines(SparkSession spark, RunFolder run, TrainResult result) {
    Dataset<Row> metrics = spark.read().parquet(run.metrics().toString()).orderBy("step");
    List<Row> steps =
        metrics
            .select("step", "loss")
            .where(abs(col("loss")).lt(Double.POSITIVE_INFINITY))
            .collectAsList();
    List<String> lines = new ArrayList<>();
    lines.add("training loss (nats per token) over %,d steps:".formatted(steps.size()));
    double[] losses = steps.stream().mapToDouble(row -> row.getDouble(1)).toArray();
    if (losses.length > 0) {
      lines.addAll(LineChart.draw(losses, CHART_WIDTH, CHART_HEIGHT));
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "last step %,d: loss %.3f, loss on the first held-out sequences %.3f%s",
            result.step(),
            losses.length == 0 ? Double.NaN : losses[losses.length - 1],
            result.heldOutLoss(),
            result.resumedFrom() > 0 ? ", resumed from step " + result.resumedFrom() : ""));
    addExpertLoad(metrics, lines);
    addWireAndSpeed(metrics, lines);
    return lines;
  }

  private static void addExpertLoad(Dataset<Row> metrics, List<String> lines) {
    int experts = metrics.select("experts").first().getInt(0);
    if (experts == 0) {
      return;
    }
    long[] load = new long[0];
    for (Row row : metrics.orderBy(col("step").desc()).select("expert_load").takeAsList(50)) {
      List<Long> values = row.getList(0);
      load = load.length == 0 ? new long[values.size()] : load;
      for (int i = 0; i < load.length; i++) {
        load[i] += values.get(i);
      }
    }
    ExpertLoad last = new ExpertLoad(load, experts);
    for (int layer = 0; layer < last.layers(); layer++) {
      StepMetrics.LoadStatistics statistics = last.layer(layer);
      lines.add(
          String.format(
              Locale.ROOT,
              "expert load, MoE layer %d, last 50 steps: min %.2f, max %.2f of the mean,"
                  + " coefficient of variation %.2f",
              layer,
              statistics.min() / statistics.mean(),
              statistics.max() / statistics.mean(),
              statistics.variation()));
    }
  }

  private static void addWireAndSpeed(Dataset<Row> metrics, List<String> lines) {
    Row totals =
        metrics
            .agg(avg("wire_bytes"), avg("float32_wire_bytes"), sum("tokens"), sum("seconds"))
            .first();
    double wire = totals.getDouble(0);
    double float32 = totals.getDouble(1);
    if (float32 > 0) {
      lines.add(
          String.format(
              Locale.ROOT,
              "wire: %,.0f bytes per step and rank, float32 would be %,.0f: %.1f times less",
              wire,
              float32,
              float32 / wire));
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "speed: %,.0f tokens/s over all ranks, %,d tokens",
            totals.getLong(2) / totals.getDouble(3),
            totals.getLong(2)));
  }
}
