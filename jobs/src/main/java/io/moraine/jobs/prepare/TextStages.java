package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max_by;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.trim;
import static org.apache.spark.sql.functions.when;

import io.moraine.jobs.config.DocumentSettings;
import io.moraine.pipeline.decontamination.DecontaminationConfig;
import io.moraine.pipeline.decontamination.EvaluationIndex;
import io.moraine.pipeline.lines.LinesConfig;
import io.moraine.pipeline.spark.CutTexts;
import io.moraine.pipeline.spark.Decontamination;
import io.moraine.pipeline.spark.RepeatedLines;
import io.moraine.pipeline.spark.RepeatedSpans;
import io.moraine.pipeline.substring.SubstringConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * The stages behind deduplication of documents, which look into their texts: repeated lines,
 * repeated spans, evaluation sets. Writes cuts/ if one of them takes place.
 */
final class TextStages {

  private static final Column NONE = lit(null).cast("string");

  private final SparkSession spark;
  private final DocumentSettings settings;
  private final Optional<EvaluationIndex> evaluation;
  private final DatasetTables tables;
  private final Funnel funnel;
  private final Removals removals;
  private final List<Dataset<Row>> cuts = new ArrayList<>();

  /**
   * For one run.
   *
   * @param evaluation of the sets of {@code settings.decontamination()}
   */
  TextStages(
      SparkSession spark,
      DocumentSettings settings,
      Optional<EvaluationIndex> evaluation,
      DatasetTables tables,
      Funnel funnel,
      Removals removals) {
    this.spark = spark;
    this.settings = settings;
    this.evaluation = evaluation;
    this.tables = tables;
    this.funnel = funnel;
    this.removals = removals;
  }

  /**
   * The documents that are left, with what is left of their texts.
   *
   * @param documents with columns id and text, and others
   * @param folder of the cuts
   */
  Dataset<Row> apply(Dataset<Row> documents, String folder) {
    boolean isNone =
        settings.lines().isEmpty() && settings.substring().isEmpty() && evaluation.isEmpty();
    if (isNone) {
      return documents;
    }
    Dataset<Row> texts = tables.stored("distinct-texts", documents);
    if (settings.lines().isPresent()) {
      texts = withoutRepeatedLines(texts, settings.lines().get());
    }
    if (settings.substring().isPresent()) {
      texts = withoutRepeatedSpans(texts, settings.substring().get());
    }
    if (evaluation.isPresent()) {
      texts = decontaminated(texts, settings.decontamination().orElseThrow(), evaluation.get());
    }
    Dataset<Row> all = cuts.stream().reduce(Dataset::unionByName).orElseThrow();
    tables.write(all, folder, List.of("id", "stage", "pass", "start_word"));
    return texts;
  }

  private Dataset<Row> withoutRepeatedLines(Dataset<Row> texts, LinesConfig config) {
    funnel.begin("lines");
    Dataset<Row> done =
        tables.storedOnce("lines-cut", () -> RepeatedLines.cut(spark, texts, config));
    return cut("lines", CutTexts.documents(done), CutTexts.cuts(done));
  }

  private Dataset<Row> withoutRepeatedSpans(Dataset<Row> texts, SubstringConfig config) {
    funnel.begin("substring");
    if (!tables.isStored("substring")) {
      cutRepeatedSpans(texts, config);
    }
    Row passes = tables.read("substring").first();
    Dataset<Row> left = cut("substring", tables.read("cut-texts"), tables.read("substring-cuts"));
    if (!passes.<Boolean>getAs("complete")) {
      funnel.say(
          "after %d passes repeated spans are left: raise substring.max-passes."
              .formatted(passes.<Integer>getAs("passes")));
    }
    return left;
  }

  /** Stores cuts and texts, and behind them a row that says how many passes it took. */
  private void cutRepeatedSpans(Dataset<Row> texts, SubstringConfig config) {
    RepeatedSpans.Outcome outcome = RepeatedSpans.cut(spark, texts, config);
    tables.stored("substring-cuts", outcome.cuts());
    tables.stored("cut-texts", outcome.documents());
    Row passes = RowFactory.create(outcome.passes(), outcome.complete());
    StructType schema = new StructType().add("passes", "int").add("complete", "boolean");
    tables.stored("substring", spark.createDataFrame(List.of(passes), schema));
  }

  /** Counts what a stage cut; documents of which no word is left are removed. */
  private Dataset<Row> cut(String stage, Dataset<Row> documents, Dataset<Row> cutsOfStage) {
    cuts.add(cutsOfStage.withColumn("stage", lit(stage)).withColumn("item", NONE));
    Column isEmpty = col("cut_words").gt(0).and(trim(col("text")).equalTo(""));
    Dataset<Row> empty = documents.where(isEmpty).select("id", "cut_words");
    Dataset<Row> emptied = tables.stored(stage + "-emptied", emptied(empty, cutsOfStage));
    removals.add(
        stage,
        emptied,
        lit("nothing-left"),
        concat(col("cut_words"), lit(" words stand in other documents")),
        NONE);
    String words = words(documents.agg(sum("cut_words")));
    funnel.counted(
        stage,
        documents.count(),
        emptied.count(),
        "documents, " + words + " words cut, %,d documents empty");
    return documents.where(not(isEmpty)).drop("cut_words", "cut_spans");
  }

  /** Documents without a word, and where the first copy of their last cut stands, if it stands. */
  private static Dataset<Row> emptied(Dataset<Row> empty, Dataset<Row> cuts) {
    Dataset<Row> lastCut =
        cuts.groupBy("id")
            .agg(max_by(col("first_id"), struct("pass", "start_word")).as("first_id"));
    Dataset<Row> ids = empty.select(col("id").as("empty_id"));
    return empty
        .join(lastCut, "id")
        .join(ids, col("first_id").equalTo(col("empty_id")), "left")
        .select(
            col("id"),
            when(col("empty_id").isNull(), col("first_id")).as("kept_id"),
            col("cut_words"));
  }

  private Dataset<Row> decontaminated(
      Dataset<Row> texts, DecontaminationConfig config, EvaluationIndex index) {
    funnel.begin("decontamination");
    Decontamination.Outcome outcome =
        Decontamination.search(
            spark,
            texts,
            index,
            config,
            (name, rows) -> tables.stored("decontamination-" + name, rows));
    tables.stored(CorpusReport.DECONTAMINATION, outcome.report());
    Dataset<Row> removed = outcome.removed();
    removals.add(
        "decontamination", removed.withColumn("kept_id", NONE), col("reason"), col("detail"), NONE);
    cuts.add(
        outcome
            .cuts()
            .withColumn("stage", lit("decontamination"))
            .withColumn("first_id", NONE)
            .withColumn("first_word", lit(null).cast("int")));
    funnel.counted(
        "decontamination",
        texts.count(),
        removed.count(),
        "documents, " + words(outcome.cuts().agg(sum("words"))) + " words cut, %,d removed");
    return outcome.documents();
  }

  private static String words(Dataset<Row> total) {
    long words = total.select(coalesce(col(total.columns()[0]), lit(0L))).first().getLong(0);
    return String.format(Locale.ROOT, "%,d", words);
  }
}
