package io.moraine.jobs.figures;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.greatest;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.octet_length;
import static org.apache.spark.sql.functions.slice;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/** What is to be seen of a prepared dataset's tokens and tokenizer. */
public final class TokenTables {

  /**
   * Sequences in which occurrences are counted: their order is drawn, so the first are a sample.
   */
  private static final long SAMPLED_SEQUENCES = 4096;

  private static final String BYTES_PER_TOKEN =
      "source STRING, documents LONG, bytes LONG, tokens LONG, bytes_per_token DOUBLE";
  private static final String TOKENS_PER_DOCUMENT = "from_tokens LONG, documents LONG";
  private static final String TOKEN_USE = "from_occurrences LONG, tokens LONG";
  private static final String FREQUENT_TOKENS =
      "id INT, token STRING, occurrences LONG, share DOUBLE";
  private static final String LONGEST_TOKENS = "id INT, token STRING, bytes INT, occurrences LONG";

  private final SparkSession spark;
  private final PreparedDataset dataset;
  private final Tokenizer tokenizer;
  private long[] occurrences;

  private TokenTables(SparkSession spark, PreparedDataset dataset, Tokenizer tokenizer) {
    this.spark = spark;
    this.dataset = dataset;
    this.tokenizer = tokenizer;
  }

  static TokenTables of(SparkSession spark, PreparedDataset dataset) throws IOException {
    String json = dataset.tokenizerText(spark.sparkContext().hadoopConfiguration());
    return new TokenTables(spark, dataset, TokenizerJson.read(json));
  }

  /**
   * Makes every table a temporary view of its name: bytes_per_token, tokens_per_document,
   * token_use, frequent_tokens, longest_tokens.
   *
   * @param shown sources and tokens, at most
   * @cost counts the tokens of the sampled sequences
   */
  void createViews(int shown) {
    bytesPerToken(shown).createOrReplaceTempView("bytes_per_token");
    tokensPerDocument().createOrReplaceTempView("tokens_per_document");
    tokenUse().createOrReplaceTempView("token_use");
    frequentTokens(shown).createOrReplaceTempView("frequent_tokens");
    longestTokens(shown).createOrReplaceTempView("longest_tokens");
  }

  /** The same views without rows, for documents without tokens. */
  static void createEmptyViews(SparkSession spark) {
    createEmptyView(spark, "bytes_per_token", BYTES_PER_TOKEN);
    createEmptyView(spark, "tokens_per_document", TOKENS_PER_DOCUMENT);
    createEmptyView(spark, "token_use", TOKEN_USE);
    createEmptyView(spark, "frequent_tokens", FREQUENT_TOKENS);
    createEmptyView(spark, "longest_tokens", LONGEST_TOKENS);
  }

  private static void createEmptyView(SparkSession spark, String name, String columns) {
    spark.createDataFrame(List.of(), StructType.fromDDL(columns)).createOrReplaceTempView(name);
  }

  /**
   * Sources, those with the most bytes first: source, documents, bytes, tokens, bytes_per_token.
   *
   * @param shown sources; the others are summed up
   * @cost reads all documents twice
   */
  public Dataset<Row> bytesPerToken(int shown) {
    Dataset<Row> all =
        dataset
            .documentsTable(spark)
            .groupBy(coalesce(col("source"), lit("")).as("source"))
            .agg(
                count(lit(1)).as("documents"),
                sum(octet_length(col("text"))).cast("long").as("bytes"),
                sum("n_tokens").cast("long").as("tokens"));
    Dataset<Row> first =
        all.orderBy(col("bytes").desc(), col("source"))
            .limit(shown)
            .select(col("source").as("shown"));
    Column isShown = col("shown").isNotNull();
    return all.join(first, col("source").equalTo(col("shown")), "left")
        .groupBy(
            when(isShown, col("source")).otherwise(lit(CorpusTables.OTHERS)).as("source"),
            isShown.as("is_shown"))
        .agg(sum("documents").as("documents"), sum("bytes").as("bytes"), sum("tokens").as("tokens"))
        .orderBy(col("is_shown").desc(), col("bytes").desc(), col("source"))
        .select(
            CorpusTables.cell(col("source")).as("source"),
            col("documents"),
            col("bytes"),
            col("tokens"),
            when(col("tokens").gt(0), col("bytes").cast("double").divide(col("tokens")))
                .as("bytes_per_token"));
  }

  /**
   * Bytes of all kept documents per token; none if there are no tokens.
   *
   * @cost reads all documents
   */
  OptionalDouble meanBytesPerToken() {
    Row sums =
        dataset.documentsTable(spark).agg(sum(octet_length(col("text"))), sum("n_tokens")).first();
    return sums.isNullAt(1) || sums.getLong(1) == 0
        ? OptionalDouble.empty()
        : OptionalDouble.of((double) sums.getLong(0) / sums.getLong(1));
  }

  /** Kept documents by their number of tokens, in powers of two: from_tokens, documents. */
  public Dataset<Row> tokensPerDocument() {
    return dataset
        .documentsTable(spark)
        .groupBy(
            CorpusTables.powerOfTwo(greatest(col("n_tokens"), lit(1)).cast("long"))
                .as("from_tokens"))
        .agg(count(lit(1)).as("documents"))
        .orderBy("from_tokens");
  }

  /**
   * Tokens of the vocabulary by how often they occur in the first sequences, in powers of two:
   * from_occurrences (0, 1, 2, 4, ...), tokens.
   */
  public Dataset<Row> tokenUse() {
    long[] tokens = new long[Long.SIZE + 1];
    int last = 0;
    long[] counts = occurrences();
    for (int id = 0; id < counts.length; id++) {
      if (tokenizer.hasToken(id)) {
        int bits = Long.SIZE - Long.numberOfLeadingZeros(counts[id]);
        tokens[bits]++;
        last = Math.max(last, bits);
      }
    }
    List<Row> rows = new ArrayList<>();
    for (int bits = 0; bits <= last; bits++) {
      rows.add(RowFactory.create(bits == 0 ? 0L : 1L << (bits - 1), tokens[bits]));
    }
    return spark.createDataFrame(rows, StructType.fromDDL(TOKEN_USE));
  }

  /** The most frequent tokens of the first sequences: id, token, occurrences, share. */
  public Dataset<Row> frequentTokens(int shown) {
    long[] counts = occurrences();
    long all = Math.max(1, IntStream.range(0, counts.length).mapToLong(id -> counts[id]).sum());
    List<Row> rows =
        ids()
            .sorted(
                Comparator.comparingLong((Integer id) -> -counts[id])
                    .thenComparingInt(Integer::intValue))
            .limit(shown)
            .map(id -> RowFactory.create(id, shown(id), counts[id], (double) counts[id] / all))
            .toList();
    return spark.createDataFrame(rows, StructType.fromDDL(FREQUENT_TOKENS));
  }

  /** The longest tokens of the vocabulary: id, token, bytes, occurrences in the first sequences. */
  public Dataset<Row> longestTokens(int shown) {
    long[] counts = occurrences();
    List<Row> rows =
        ids()
            .sorted(
                Comparator.comparingInt((Integer id) -> -bytes(id).length)
                    .thenComparingInt(Integer::intValue))
            .limit(shown)
            .map(id -> RowFactory.create(id, shown(id), bytes(id).length, counts[id]))
            .toList();
    return spark.createDataFrame(rows, StructType.fromDDL(LONGEST_TOKENS));
  }

  private Stream<Integer> ids() {
    return IntStream.range(0, tokenizer.vocabularySize()).filter(tokenizer::hasToken).boxed();
  }

  private byte[] bytes(int id) {
    return tokenizer.decodeBytes(new int[] {id});
  }

  private String shown(int id) {
    return VisibleText.ofToken(bytes(id));
  }

  /** How often each id occurs in the first sequences; counted once. */
  private synchronized long[] occurrences() {
    if (occurrences == null) {
      long[] counts = new long[tokenizer.vocabularySize()];
      spark
          .read()
          .parquet(dataset.sequences())
          .where(col("sequence_id").lt(SAMPLED_SEQUENCES))
          .select(explode(slice(col("tokens"), lit(1), col("filled"))).as("id"))
          .groupBy("id")
          .agg(count(lit(1)).as("occurrences"))
          .collectAsList()
          .forEach(row -> counts[row.getInt(0)] = row.getLong(1));
      occurrences = counts;
    }
    return occurrences;
  }
}
