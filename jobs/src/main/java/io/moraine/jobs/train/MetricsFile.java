package io.moraine.jobs.train;

import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.model.train.StepMetrics;
import java.io.IOException;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

/**
 * Metrics of some steps as one Parquet file, {@code metrics/steps-00000101-00000200.parquet}. Files
 * end at checkpoints, so that a resumed run replaces whole files.
 */
final class MetricsFile {

  private static final MessageType SCHEMA =
      MessageTypeParser.parseMessageType(
          """
          message step {
            required int64 step;
            required double loss;
            optional double further_loss;
            optional double held_out_loss;
            required double gradient_norm;
            required double learning_rate;
            required int64 tokens;
            required int64 tokens_seen;
            required double seconds;
            required double tokens_per_second;
            required double max_violation;
            required int64 wire_bytes;
            required int64 float32_wire_bytes;
            required boolean left_out;
            optional binary bad (STRING);
            required int32 experts;
            required group expert_load (LIST) {
              repeated group list { required int64 element; }
            }
          }
          """);

  private MetricsFile() {}

  /**
   * A step's metrics, and what became known of it later.
   *
   * @param heldOutLoss NaN if it was not measured then
   * @param isLeftOut whether its update is not in the weights
   * @param bad why it is bad; empty for a good step
   */
  record Row(StepMetrics metrics, double heldOutLoss, boolean isLeftOut, String bad) {

    static Row of(StepMetrics metrics) {
      return new Row(metrics, Double.NaN, false, "");
    }

    Row heldOutLoss(double loss) {
      return new Row(metrics, loss, isLeftOut, bad);
    }

    Row leftOut() {
      return new Row(metrics, heldOutLoss, true, bad);
    }

    Row bad(String why) {
      return new Row(metrics, heldOutLoss, isLeftOut, why);
    }
  }

  static void write(LeasedWriter writer, Path folder, List<Row> rows) throws IOException {
    long first = rows.get(0).metrics().step();
    long last = rows.get(rows.size() - 1).metrics().step();
    Path file = new Path(folder, "steps-%08d-%08d.parquet".formatted(first, last));
    RunTable.write(writer, file, SCHEMA, rows.stream().map(MetricsFile::group).toList());
  }

  private static Group group(Row row) {
    StepMetrics metrics = row.metrics();
    Group group = new SimpleGroup(SCHEMA);
    group.add("step", metrics.step());
    group.add("loss", metrics.loss());
    if (!Double.isNaN(metrics.furtherLoss())) {
      group.add("further_loss", metrics.furtherLoss());
    }
    if (!Double.isNaN(row.heldOutLoss())) {
      group.add("held_out_loss", row.heldOutLoss());
    }
    group.add("gradient_norm", metrics.gradientNorm());
    group.add("learning_rate", metrics.learningRate());
    group.add("tokens", metrics.tokens());
    group.add("tokens_seen", metrics.tokensSeen());
    group.add("seconds", metrics.seconds());
    group.add("tokens_per_second", metrics.tokensPerSecond());
    group.add("max_violation", metrics.maxViolation());
    group.add("wire_bytes", metrics.wireBytes());
    group.add("float32_wire_bytes", metrics.float32WireBytes());
    group.add("left_out", row.isLeftOut());
    if (!row.bad().isEmpty()) {
      group.add("bad", row.bad());
    }
    group.add("experts", metrics.experts());
    Group load = group.addGroup("expert_load");
    for (long tokens : metrics.expertLoad()) {
      load.addGroup("list").add("element", tokens);
    }
    return group;
  }
}
