package io.moraine.jobs.figures;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;

import com.fasterxml.jackson.databind.JsonNode;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.progress.Progress;
import io.moraine.jobs.train.GenerateJob;
import io.moraine.jobs.train.RunFolder;
import io.moraine.model.generate.SamplingConfig;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * What is to be seen of one or several training runs, which the first column, {@code run}, names.
 * Metrics are summed up over as many steps as make the rows few; they are read when the first table
 * is asked for that needs them, and once.
 */
public final class RunTables {

  /** Points of a curve, at most. */
  private static final int SPANS = 400;

  private static final int SAMPLES_SHOWN = 60;

  /**
   * Of a sample's text and of its prompt, at most; with both and a label {@link #SAMPLES_SHOWN}
   * rows are fewer bytes than Zeppelin shows.
   */
  private static final int SAMPLE_BYTES = 1000;

  private static final int PROMPT_BYTES = 300;
  private static final int BAD_STEPS_SHOWN = 100;

  /** Cells of the pictures of all runs' balance, at most. */
  private static final int HEAT_CELLS = 1200;

  private static final String LOAD = "step LONG, layer INT, expert INT, load DOUBLE";

  private static final StructType METRICS =
      StructType.fromDDL(
          "step LONG, loss DOUBLE, further_loss DOUBLE, held_out_loss DOUBLE, gradient_norm DOUBLE,"
              + " learning_rate DOUBLE, tokens LONG, tokens_seen LONG, seconds DOUBLE,"
              + " wire_bytes LONG, float32_wire_bytes LONG, left_out BOOLEAN, bad STRING,"
              + " experts INT, expert_load ARRAY<LONG>");

  private static final StructType SAMPLES =
      StructType.fromDDL("step LONG, prompt STRING, text STRING");

  private final SparkSession spark;
  private final List<Run> runs;

  private RunTables(SparkSession spark, List<Run> runs) {
    this.spark = spark;
    this.runs = runs;
  }

  /** A run and, once they were read, its metrics. */
  private static final class Run {
    private final String label;
    private final RunFolder folder;
    private final TrainSettings settings;
    private RunCurve curve;

    Run(String label, RunFolder folder, TrainSettings settings) {
      this.label = label;
      this.folder = folder;
      this.settings = settings;
    }
  }

  /**
   * The tables of runs.
   *
   * @throws FileNotFoundException if one is no training run
   */
  public static RunTables of(SparkSession spark, List<String> paths) throws IOException {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    List<String> labels = PathLabels.of(paths);
    List<Run> runs = new ArrayList<>();
    for (int i = 0; i < paths.size(); i++) {
      RunFolder folder = RunFolder.at(paths.get(i));
      runs.add(new Run(labels.get(i), folder, folder.recordedSettings(hadoop)));
    }
    return new RunTables(spark, runs);
  }

  /** What the runs are called: the ends of their paths that tell them apart. */
  public List<String> labels() {
    return runs.stream().map(run -> run.label).toList();
  }

  /** The settings of the runs. */
  List<JsonNode> settings() {
    return runs.stream().map(run -> SettingsDifference.tree(run.settings.rendered())).toList();
  }

  /**
   * Makes what Zeppelin draws temporary views, each of no more rows than it shows: run_summary,
   * curves_by_tokens, curves_by_flops, held_out_by_tokens, held_out_by_flops (lines over a common
   * grid), bad_steps, expert_load (some layers of many), wire, samples.
   */
  public void createViews() throws IOException {
    summary().createOrReplaceTempView("run_summary");
    curvesByTokens().createOrReplaceTempView("curves_by_tokens");
    curvesByFlops().createOrReplaceTempView("curves_by_flops");
    heldOutByTokens().createOrReplaceTempView("held_out_by_tokens");
    heldOutByFlops().createOrReplaceTempView("held_out_by_flops");
    badSteps().createOrReplaceTempView("bad_steps");
    table(LOAD, run -> LayerRows.ofLoads(curve(run).loads(), LineGrid.ROWS / runs.size()))
        .createOrReplaceTempView("expert_load");
    wire().createOrReplaceTempView("wire");
    samples().createOrReplaceTempView("samples");
  }

  /**
   * What each run came to: run, parameters, active_parameters, steps, tokens, flops, loss (mean of
   * the last hundredth of the steps), held_out_loss (the newest), tokens_per_second, bad_steps. Of
   * a model that BigDL alone knows, parameters and flops are null; flops also before the first
   * checkpoint.
   */
  public Dataset<Row> summary() throws IOException {
    return table(
        "parameters LONG, active_parameters LONG, steps LONG, tokens LONG, flops DOUBLE,"
            + " loss DOUBLE, held_out_loss DOUBLE, tokens_per_second DOUBLE, bad_steps LONG",
        run -> List.of(curve(run).summary()));
  }

  /** Settings in which the runs differ: setting, and a column for each run, named as it is. */
  public Dataset<Row> differingSettings() {
    StructType schema = new StructType().add("setting", "string");
    for (Run run : runs) {
      schema = schema.add(run.label, "string");
    }
    return spark.createDataFrame(SettingsDifference.rows(settings()), schema);
  }

  /**
   * Losses and the like, each row the mean over some steps whose last one it names: run, step,
   * tokens_seen, flops (operations so far), loss, further_loss, gradient_norm, learning_rate,
   * tokens_per_second, wire_bytes (per step). What no step has is null.
   */
  public Dataset<Row> curves() throws IOException {
    return table(
        "step LONG, tokens_seen LONG, flops DOUBLE, loss DOUBLE, further_loss DOUBLE,"
            + " gradient_norm DOUBLE, learning_rate DOUBLE, tokens_per_second DOUBLE,"
            + " wire_bytes DOUBLE",
        run -> curve(run).points());
  }

  /**
   * The curves by tokens as lines over one grid of tokens that all runs have, linear in between:
   * run, tokens_seen, loss, gradient_norm, learning_rate, tokens_per_second. Null beyond a line's
   * ends.
   */
  Dataset<Row> curvesByTokens() throws IOException {
    return lines(
        "tokens_seen LONG, loss DOUBLE, gradient_norm DOUBLE, learning_rate DOUBLE,"
            + " tokens_per_second DOUBLE",
        run -> LineGrid.Lines.of(run.label, curve(run).points(), 1, 3, 5, 6, 7));
  }

  /** The losses likewise by operations: run, flops, loss. None of runs whose cost is not known. */
  Dataset<Row> curvesByFlops() throws IOException {
    return lines(
        "flops DOUBLE, loss DOUBLE",
        run -> LineGrid.Lines.of(run.label, curve(run).points(), 2, 3));
  }

  /** Held-out losses likewise by tokens: run, tokens_seen, held_out_loss. */
  Dataset<Row> heldOutByTokens() throws IOException {
    return lines(
        "tokens_seen LONG, held_out_loss DOUBLE",
        run -> LineGrid.Lines.of(run.label, curve(run).heldOut(), 1, 3));
  }

  /** Held-out losses likewise by operations: run, flops, held_out_loss. */
  Dataset<Row> heldOutByFlops() throws IOException {
    return lines(
        "flops DOUBLE, held_out_loss DOUBLE",
        run -> LineGrid.Lines.of(run.label, curve(run).heldOut(), 2, 3));
  }

  /**
   * Held-out losses as they were measured, of more than 400 some, evenly spread: run, step,
   * tokens_seen, flops, held_out_loss.
   */
  public Dataset<Row> heldOut() throws IOException {
    return table(
        "step LONG, tokens_seen LONG, flops DOUBLE, held_out_loss DOUBLE",
        run -> curve(run).heldOut());
  }

  /**
   * Bad steps and those left out because of them, of more than a hundred the newest of each run:
   * run, step, bad (why), left_out, loss.
   */
  public Dataset<Row> badSteps() throws IOException {
    return table(
        "step LONG, bad STRING, left_out BOOLEAN, loss DOUBLE",
        run -> {
          List<Row> bad = curve(run).badSteps();
          int shown = Math.min(bad.size(), Math.max(1, BAD_STEPS_SHOWN / runs.size()));
          return bad.subList(bad.size() - shown, bad.size());
        });
  }

  /** How uneven experts are loaded, over the run: run, step, layer, max_violation (MaxVio). */
  public Dataset<Row> balance() throws IOException {
    return table("step LONG, layer INT, max_violation DOUBLE", run -> curve(run).balance());
  }

  /**
   * The load of every expert in the last steps: run, step, layer, expert, load (1: as much as the
   * layer's mean).
   */
  public Dataset<Row> expertLoad() throws IOException {
    return table(LOAD, run -> curve(run).loads());
  }

  /**
   * Bytes that rank 0 sends per step in the last span of the curves, by what encodes them: run,
   * gradients, weights, wire_bytes, float32_bytes (what float32 would be), times_less. One row a
   * run; none where one rank trained.
   */
  public Dataset<Row> wire() throws IOException {
    return table(
        "gradients STRING, weights STRING, wire_bytes DOUBLE, float32_bytes DOUBLE,"
            + " times_less DOUBLE",
        run -> curve(run).wire(run.settings.train().wire()));
  }

  /**
   * Texts written while training (their beginnings): run, step, prompt, text. Of more than 60 some,
   * of each prompt and run evenly spread over its steps, the first and the last one among them.
   */
  public Dataset<Row> samples() throws IOException {
    SortedMap<String, SortedMap<String, List<Row>>> byPrompt = new TreeMap<>();
    for (Run run : runs) {
      for (Row row : read(run.folder.samples(), SAMPLES).orderBy("step").collectAsList()) {
        String prompt = row.getString(1);
        byPrompt
            .computeIfAbsent(prompt, key -> new TreeMap<>())
            .computeIfAbsent(run.label, key -> new ArrayList<>())
            .add(
                RowFactory.create(
                    run.label,
                    row.get(0),
                    beginning(prompt, PROMPT_BYTES),
                    beginning(row.getString(2), SAMPLE_BYTES)));
      }
    }
    List<List<Row>> series =
        byPrompt.values().stream().flatMap(byRun -> byRun.values().stream()).toList();
    int each = Math.max(2, SAMPLES_SHOWN / Math.max(1, series.size()));
    List<Row> some = new ArrayList<>();
    series.forEach(rows -> some.addAll(Spread.evenly(rows, each)));
    return spark.createDataFrame(
        Spread.evenly(some, SAMPLES_SHOWN),
        StructType.fromDDL("run STRING, step LONG, prompt STRING, text STRING"));
  }

  private static String beginning(String text, int bytes) {
    return VisibleText.cell(VisibleText.beginning(text, bytes));
  }

  /**
   * How uneven experts are loaded as HTML: for each run a table of MoE layers and steps whose cells
   * are the darker the further the fullest expert of a layer is above the mean (MaxVio), on one
   * scale for all. Of many layers and steps some, evenly spread.
   */
  public String balanceHtml() throws IOException {
    StringBuilder html = new StringBuilder();
    double most = mostViolation();
    for (Run run : runs) {
      List<Row> some = LayerRows.ofBalance(curve(run).balance(), HEAT_CELLS / runs.size());
      html.append(HeatTable.html(run.label, some, most));
    }
    return html.toString();
  }

  /** The upper end of a scale for all runs' MaxVio: 1, or what is most. */
  public double mostViolation() throws IOException {
    double most = 1;
    for (Run run : runs) {
      for (Row row : curve(run).balance()) {
        most = row.isNullAt(2) ? most : Math.max(most, row.getDouble(2));
      }
    }
    return most;
  }

  /**
   * What the newest checkpoint of the first run makes of a prompt, as HTML; drawn from the 40
   * likeliest tokens at temperature 0.7, the same each time.
   */
  String generatedHtml(String prompt, int tokens) throws IOException {
    SamplingConfig sampling = new SamplingConfig(0.7, 40, 1, 1, 1);
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    GenerateJob.Generated generated =
        GenerateJob.generate(
            hadoop,
            runs.get(0).folder,
            prompt,
            tokens,
            sampling,
            false,
            new Progress(System.err, false, System::nanoTime));
    return "<pre style=\"white-space: pre-wrap\">" + VisibleText.html(generated.text()) + "</pre>";
  }

  /** What makes the rows of one run, without its label. */
  private interface Rows {
    List<Row> of(Run run) throws IOException;
  }

  private Dataset<Row> table(String columns, Rows rows) throws IOException {
    StructType schema = new StructType().add("run", "string");
    for (StructField field : StructType.fromDDL(columns).fields()) {
      schema = schema.add(field);
    }
    List<Row> all = new ArrayList<>();
    for (Run run : runs) {
      for (Row row : rows.of(run)) {
        Object[] values = new Object[schema.size()];
        values[0] = run.label;
        for (int i = 1; i < values.length; i++) {
          values[i] = row.get(i - 1);
        }
        all.add(RowFactory.create(values));
      }
    }
    return spark.createDataFrame(all, schema);
  }

  /** What makes the lines of one run. */
  private interface LinesOfRun {
    LineGrid.Lines of(Run run) throws IOException;
  }

  /**
   * Lines over their common grid.
   *
   * @param columns x, and those of the values
   */
  private Dataset<Row> lines(String columns, LinesOfRun linesOfRun) throws IOException {
    StructType schema = StructType.fromDDL("run STRING, " + columns);
    boolean isWhole = schema.apply(1).dataType().equals(DataTypes.LongType);
    List<LineGrid.Lines> lines = new ArrayList<>();
    for (Run run : runs) {
      lines.add(linesOfRun.of(run));
    }
    List<Row> rows = new ArrayList<>();
    for (LineGrid.Point point : LineGrid.points(lines)) {
      List<Object> values = new ArrayList<>();
      values.add(point.run());
      values.add(isWhole ? (Object) (long) point.x() : (Object) point.x());
      values.addAll(point.values());
      rows.add(RowFactory.create(values.toArray()));
    }
    return spark.createDataFrame(rows, schema);
  }

  private RunCurve curve(Run run) throws IOException {
    if (run.curve == null) {
      Dataset<Row> metrics = read(run.folder.metrics(), METRICS);
      Row last = metrics.agg(max("step")).first();
      Configuration hadoop = spark.sparkContext().hadoopConfiguration();
      run.curve =
          last.isNullAt(0)
              ? new RunCurve(run.settings.configuredModel(), OptionalInt.empty(), 1, 1)
              : new RunCurve(
                  run.settings.configuredModel(),
                  run.folder.knownSequenceLength(hadoop),
                  Math.max(1, last.getLong(0)),
                  SPANS);
      metrics.orderBy("step").toLocalIterator().forEachRemaining(run.curve::add);
    }
    return run.curve;
  }

  /** A folder of Parquet files of which older ones may lack columns; no rows if it is not there. */
  private Dataset<Row> read(Path folder, StructType schema) throws IOException {
    FileSystem files = folder.getFileSystem(spark.sparkContext().hadoopConfiguration());
    if (!files.exists(folder)
        || files.listStatus(folder, file -> file.getName().endsWith(".parquet")).length == 0) {
      return spark.createDataFrame(List.of(), schema);
    }
    Dataset<Row> stored = spark.read().option("mergeSchema", true).parquet(folder.toString());
    List<String> names = List.of(stored.columns());
    List<Column> columns = new ArrayList<>();
    for (StructField field : schema.fields()) {
      Column column = names.contains(field.name()) ? col(field.name()) : lit(null);
      columns.add(column.cast(field.dataType()).as(field.name()));
    }
    return stored.select(columns.toArray(Column[]::new));
  }
}
