package io.moraine.jobs.report;

import io.moraine.jobs.figures.RunTables;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a report says of training runs. */
final class RunPart {

  private RunPart() {}

  /** Adds the parts of runs. */
  static void write(ReportPage page, RunTables runs) throws IOException {
    page.section(
        "Training",
        runs.labels().size() == 1
            ? "The run " + runs.labels().get(0) + "."
            : "The runs " + String.join(", ", runs.labels()) + ".");
    page.table(
        "What each run came to",
        "loss: mean of the last hundredth of the steps, in nats per token; flops: operations,"
            + " attention at full sequence length.",
        Table.of(runs.summary()));
    page.table("Settings in which the runs differ", "", Table.of(runs.differingSettings()));
    curves(page, Table.of(runs.curves()), Table.of(runs.heldOut()));
    wire(page, Table.of(runs.wire()));
    experts(page, runs);
    samples(page, Table.of(runs.samples()));
    page.table(
        "Bad steps",
        "Losses that were no numbers, and spikes; a step that was left out is not in the weights."
            + " Of many the newest.",
        Table.of(runs.badSteps()));
  }

  private static void curves(ReportPage page, Table curves, Table heldOut) {
    Table losses = curves.select("run", "step", "tokens_seen", "flops", "loss", "further_loss");
    page.figure(
        "Loss by tokens",
        "Nats per token, means over some steps; held-out loss where it was measured.",
        Chart.lines(lossLines(curves, heldOut, "tokens_seen"), "tokens seen", "loss"),
        losses);
    page.figure(
        "Loss by operations",
        "The same against floating-point operations of training.",
        Chart.lines(lossLines(curves, heldOut, "flops"), "floating-point operations", "loss"),
        heldOut.isEmpty() ? losses : heldOut);
    curve(page, curves, "gradient_norm", "Gradient norm", "Before it is clipped.");
    curve(page, curves, "learning_rate", "Learning rate", "");
    curve(page, curves, "tokens_per_second", "Speed", "Tokens per second of all ranks.");
  }

  private static void curve(
      ReportPage page, Table curves, String column, String heading, String about) {
    page.figure(
        heading,
        about,
        Chart.lines(
            withoutNulls(curves.select("tokens_seen", "run", column)),
            "tokens seen",
            column.replace('_', ' ')),
        curves.select("run", "step", "tokens_seen", column));
  }

  private static void wire(ReportPage page, Table wire) {
    List<List<Object>> rows = new ArrayList<>();
    for (List<Object> row : wire.rows()) {
      Object run = wire.value(row, "run");
      Object codecs =
          "%s: %s, weights %s"
              .formatted(run, wire.value(row, "gradients"), wire.value(row, "weights"));
      rows.add(Arrays.asList(codecs, "sent", wire.value(row, "wire_bytes")));
      rows.add(
          Arrays.asList(run + ": all in float32", "float32", wire.value(row, "float32_bytes")));
    }
    page.figure(
        "Bytes on the wire, by codec",
        "What rank 0 sends in a step at the end, and what that would be in float32.",
        Chart.bars(
            withoutNulls(new Table(List.of("codec", "by", "value"), rows)), "bytes per step"),
        wire);
  }

  private static void experts(ReportPage page, RunTables runs) throws IOException {
    Table balance = Table.of(runs.balance());
    Table load = Table.of(runs.expertLoad());
    double mostViolation = runs.mostViolation();
    double mostLoad = Math.max(2, load.most("load"));
    for (String run : runs.labels()) {
      Table ofRun = balance.where("run", run);
      page.figure(
          "Expert load, " + run,
          "MaxVio, how far the fullest expert of a layer is above the mean: 0 is even.",
          Chart.heat(
              ofRun.select("step", "layer", "max_violation"), "step", "MoE layer", mostViolation),
          ofRun);
      Table last = load.where("run", run);
      page.figure(
          "Each expert's load at the end, " + run,
          "Against the mean of its layer: 1 is even.",
          Chart.aroundOne(last.select("expert", "layer", "load"), "expert", "MoE layer", mostLoad),
          last);
    }
  }

  private static void samples(ReportPage page, Table samples) {
    page.table(
        "Samples as they changed",
        "What the model made of the same prompts while it was trained.",
        samples);
  }

  /** The lines of all runs' losses and held-out losses. */
  private static Table lossLines(Table curves, Table heldOut, String across) {
    List<List<Object>> rows = new ArrayList<>();
    for (List<Object> row : curves.rows()) {
      rows.add(
          Arrays.asList(
              curves.value(row, across), curves.value(row, "run"), curves.value(row, "loss")));
    }
    for (List<Object> row : heldOut.rows()) {
      rows.add(
          Arrays.asList(
              heldOut.value(row, across),
              heldOut.value(row, "run") + ", held out",
              heldOut.value(row, "held_out_loss")));
    }
    return withoutNulls(new Table(List.of(across, "run", "loss"), rows));
  }

  private static Table withoutNulls(Table table) {
    return new Table(
        table.columns(), table.rows().stream().filter(row -> !row.contains(null)).toList());
  }
}
