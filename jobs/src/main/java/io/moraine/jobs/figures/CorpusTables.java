package io.moraine.jobs.figures;

import static org.apache.spark.sql.functions.bin;
import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.call_function;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.lower;
import static org.apache.spark.sql.functions.regexp_replace;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import com.fasterxml.jackson.databind.JsonNode;
import io.moraine.jobs.prepare.PreparedDataset;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;

/**
 * What is to be seen of a prepared dataset, or of deduplicated documents: small tables, each in an
 * order that is the same each time. Nothing is computed before a table is looked at.
 */
public final class CorpusTables {

  /** Stands for all sources or languages beyond those shown. */
  static final String OTHERS = "(others)";

  private static final int SHOWN_CHARACTERS = 300;

  private final SparkSession spark;
  private final PreparedDataset dataset;
  private final JsonNode manifest;

  private CorpusTables(SparkSession spark, PreparedDataset dataset, JsonNode manifest) {
    this.spark = spark;
    this.dataset = dataset;
    this.manifest = manifest;
  }

  /**
   * The tables of a dataset.
   *
   * @param path of {@code prepare} or {@code dedup}
   * @throws FileNotFoundException if it is no dataset
   */
  public static CorpusTables of(SparkSession spark, String path) throws IOException {
    PreparedDataset dataset = PreparedDataset.at(path);
    return new CorpusTables(
        spark, dataset, dataset.manifestTree(spark.sparkContext().hadoopConfiguration()));
  }

  /** Whether there are tokens: {@code dedup} makes none. */
  public boolean hasTokens() {
    return manifest.has("tokenizer_digest");
  }

  /**
   * What is to be seen of its tokens.
   *
   * @throws FileNotFoundException if it has none
   */
  public TokenTables tokens() throws IOException {
    if (!hasTokens()) {
      throw new FileNotFoundException(
          "%s holds deduplicated documents without tokens. Prepare them with: moraine prepare --input %s --output PATH"
              .formatted(dataset.root(), dataset.documents()));
    }
    return TokenTables.of(spark, dataset);
  }

  /** The content of {@code manifest.json}. */
  JsonNode manifest() {
    return manifest;
  }

  /**
   * Makes every table a temporary view of its name: funnel, passed_over, removals, languages,
   * sources, lengths, clusters, largest_cluster, decontamination, personal_data; and of tokens
   * those of {@link TokenTables#createViews}, without rows if there are none.
   *
   * @param shown sources, languages, members of a cluster and tokens, at most
   */
  public void createViews(int shown) throws IOException {
    funnel().createOrReplaceTempView("funnel");
    passedOver().createOrReplaceTempView("passed_over");
    removals().createOrReplaceTempView("removals");
    languages(shown).createOrReplaceTempView("languages");
    sources(shown).createOrReplaceTempView("sources");
    lengths().createOrReplaceTempView("lengths");
    clusters().createOrReplaceTempView("clusters");
    largestCluster(shown).createOrReplaceTempView("largest_cluster");
    decontamination().createOrReplaceTempView("decontamination");
    personalData().createOrReplaceTempView("personal_data");
    if (hasTokens()) {
      tokens().createViews(shown);
    } else {
      TokenTables.createEmptyViews(spark);
    }
  }

  /** Each stage in order: position, stage, in, removed, out (documents). */
  public Dataset<Row> funnel() {
    return table("funnel", "position INT, stage STRING, `in` LONG, removed LONG, `out` LONG")
        .orderBy("position");
  }

  /**
   * What reading passed over, the most first: reason, count; none in datasets of earlier programs,
   * which did not count it.
   */
  public Dataset<Row> passedOver() {
    List<Row> rows = new ArrayList<>();
    manifest
        .path("passed_over")
        .fields()
        .forEachRemaining(
            one -> rows.add(RowFactory.create(one.getKey(), one.getValue().asLong())));
    return spark
        .createDataFrame(rows, StructType.fromDDL("reason STRING, `count` LONG"))
        .orderBy(col("count").desc(), col("reason"));
  }

  /** Removed documents by stage and rule, the most first: stage, reason, documents. */
  public Dataset<Row> removals() {
    return table("removals", "stage STRING, reason STRING, documents LONG")
        .orderBy(col("documents").desc(), col("stage"), col("reason"))
        .withColumn("reason", cell(col("reason")));
  }

  /** Documents of each language by what became of them: language, stage or kept, documents. */
  public Dataset<Row> languages(int shown) {
    Dataset<Row> all =
        table("languages", "language STRING, stage STRING, documents LONG, mean_confidence DOUBLE");
    return largest(all, "language", "stage", shown);
  }

  /** Documents of each source by what became of them: source, stage or kept, documents. */
  public Dataset<Row> sources(int shown) {
    return largest(
        table("sources", "source STRING, stage STRING, documents LONG"), "source", "stage", shown);
  }

  /** Documents by length: from_characters, kept, removed. */
  public Dataset<Row> lengths() {
    return table("lengths", "from_characters LONG, kept LONG, removed LONG")
        .orderBy("from_characters");
  }

  /** Near-duplicate clusters by documents, in powers of two: from_documents, clusters. */
  public Dataset<Row> clusters() {
    return table("clusters", "documents LONG, clusters LONG")
        .groupBy(powerOfTwo(col("documents")).as("from_documents"))
        .agg(sum("clusters").cast("long").as("clusters"))
        .orderBy("from_documents");
  }

  /**
   * Evaluation sets: set, items, items_short (too short to be looked for), items_found, documents;
   * none where none were looked for.
   */
  public Dataset<Row> decontamination() {
    return table(
            "decontamination",
            "`set` STRING, items LONG, items_short LONG, items_found LONG, n_grams LONG,"
                + " n_grams_ignored LONG, documents LONG")
        .select("set", "items", "items_short", "items_found", "documents")
        .orderBy(col("items_found").desc(), col("set"))
        .withColumn("set", cell(col("set")));
  }

  /** Personal data replaced: kind, documents, replacements; none where it was not looked for. */
  public Dataset<Row> personalData() {
    return table("pii", "kind STRING, documents LONG, replacements LONG").orderBy("kind");
  }

  /**
   * The near-duplicate cluster with the most documents, opened: place (kept or removed), id,
   * similarity with the kept one, source, text (its beginning; null of removed documents that are
   * in no sampled pair, for datasets hold no removed texts). The kept one first.
   *
   * @param shown members, at most
   */
  public Dataset<Row> largestCluster(int shown) {
    Dataset<Row> near =
        dataset
            .removedTable(spark)
            .where(col("stage").equalTo("near").and(col("kept_id").isNotNull()));
    Dataset<Row> keptId =
        near.groupBy("kept_id")
            .agg(count(lit(1)).as("size"))
            .orderBy(col("size").desc(), col("kept_id"))
            .limit(1)
            .select(col("kept_id").as("largest"));
    Dataset<Row> kept =
        dataset
            .documentsTable(spark)
            .join(keptId, col("id").equalTo(col("largest")))
            .select(
                lit("kept").as("place"),
                col("id"),
                lit(1.0).as("similarity"),
                col("source"),
                beginning("text"));
    Dataset<Row> removed =
        near.join(keptId, col("kept_id").equalTo(col("largest")))
            .join(sampledTexts(), col("id").equalTo(col("text_id")), "left")
            .select(
                lit("removed").as("place"),
                col("id"),
                col("similarity"),
                lit(null).cast("string").as("source"),
                beginning("text"));
    return kept.union(removed)
        .orderBy(col("place"), col("similarity").desc_nulls_last(), col("id"))
        .limit(shown)
        .select(
            col("place"),
            cell(col("id")).as("id"),
            col("similarity"),
            cell(col("source")).as("source"),
            col("text"));
  }

  /** The sampled pairs, spread over the range of similarities. */
  public DuplicatePairs pairs() {
    return DuplicatePairs.of(pairsTable().collectAsList());
  }

  /**
   * Removed documents whose id, stage, reason, detail or kept document has a text in it, upper and
   * lower case alike.
   *
   * @param text empty for all
   * @param shown documents, at most
   * @cost reads removed documents and kept texts; unless the text is empty it shuffles both and
   *     keeps what is found in memory or on disk until it is counted
   */
  public RemovedDocuments removedDocuments(String text, int shown) {
    if (text.isEmpty()) {
      Dataset<Row> removed = dataset.removedTable(spark);
      Dataset<Row> few = removed.orderBy("id").limit(shown);
      // So few that they go to the kept texts, not these to them.
      Dataset<Row> wanted = broadcast(few.select(col("kept_id").as("wanted")));
      Dataset<Row> kept =
          keptDocuments().join(wanted, col("document").equalTo(col("wanted")), "left_semi");
      return first(withKept(few, kept).drop("searched"), shown, removed.count());
    }
    Dataset<Row> found =
        withKept(dataset.removedTable(spark), keptDocuments())
            .where(lower(col("searched")).contains(text.toLowerCase(Locale.ROOT)))
            .drop("searched")
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      return first(found, shown, found.count());
    } finally {
      found.unpersist();
    }
  }

  private RemovedDocuments first(Dataset<Row> found, int shown, long count) {
    Dataset<Row> first = found.orderBy("removed_id").limit(shown);
    List<Row> rows = first.drop("removed_id").collectAsList();
    return new RemovedDocuments(
        spark.createDataFrame(rows, first.drop("removed_id").schema()), rows.size(), count);
  }

  private Dataset<Row> keptDocuments() {
    return dataset
        .documentsTable(spark)
        .select(
            col("id").as("document"),
            col("source").as("kept_source"),
            col("url"),
            col("text").as("whole_text"));
  }

  /** Removed documents with those kept instead, and in one text what is searched. */
  private static Dataset<Row> withKept(Dataset<Row> removed, Dataset<Row> kept) {
    Column searched =
        concat_ws(
            "\n",
            col("id"),
            col("stage"),
            col("reason"),
            col("detail"),
            col("kept_id"),
            col("kept_source"),
            col("url"),
            col("whole_text"));
    return removed
        .join(kept, col("kept_id").equalTo(col("document")), "left")
        .select(
            col("id").as("removed_id"),
            searched.as("searched"),
            cell(col("id")).as("id"),
            col("stage"),
            cell(col("reason")).as("reason"),
            cell(col("detail")).as("detail"),
            col("similarity"),
            cell(col("kept_id")).as("kept_id"),
            cell(col("kept_source")).as("kept_source"),
            beginning("whole_text").as("kept_text"));
  }

  private Dataset<Row> pairsTable() {
    return table(
        "pairs",
        "`from` DOUBLE, id STRING, other_id STRING, similarity DOUBLE, removed BOOLEAN,"
            + " text STRING, other_text STRING");
  }

  private Dataset<Row> sampledTexts() {
    Dataset<Row> pairs = pairsTable();
    return pairs
        .select(col("id").as("text_id"), col("text"))
        .union(pairs.select("other_id", "other_text"))
        .where(col("text").isNotNull())
        .dropDuplicates("text_id");
  }

  private Dataset<Row> table(String name, String schema) {
    return dataset.reportTable(spark, name, schema);
  }

  /** Documents by two columns, those of the smaller values of the first one summed up. */
  private static Dataset<Row> largest(Dataset<Row> rows, String key, String by, int shown) {
    Column documents = sum("documents").as("all");
    Dataset<Row> first =
        rows.groupBy(key)
            .agg(documents)
            .orderBy(col("all").desc(), col(key))
            .limit(shown)
            .select(col(key).as("shown"), col("all"));
    Column isShown = col("shown").isNotNull();
    return rows.join(first, col(key).equalTo(col("shown")), "left")
        .select(
            when(isShown, col(key)).otherwise(lit(OTHERS)).as(key),
            col(by),
            col("documents"),
            when(isShown, col("all")).otherwise(lit(-1L)).as("all"))
        .groupBy(key, by, "all")
        .agg(sum("documents").as("documents"))
        .orderBy(col("all").desc(), col(key), col(by))
        .select(cell(col(key)).as(key), col(by), col("documents"));
  }

  private static Column beginning(String column) {
    return cell(col(column).substr(1, SHOWN_CHARACTERS)).as("text");
  }

  /** {@link VisibleText#cell} of a column. */
  static Column cell(Column text) {
    Column oneRow = regexp_replace(text, "\\r(?!\\n)", " ");
    return when(oneRow.rlike("^[%\"]"), concat(lit(" "), oneRow)).otherwise(oneRow);
  }

  /** The power of two that a number is at or above, the next one being above it. */
  static Column powerOfTwo(Column number) {
    return call_function("shiftleft", lit(1L), length(bin(number)).minus(1));
  }
}
