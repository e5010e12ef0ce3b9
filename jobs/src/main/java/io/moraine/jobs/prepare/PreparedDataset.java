package io.moraine.jobs.prepare;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.spark.Cleaning;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * The folder layout of a prepared dataset (docs/formats.md), on any Hadoop file system. The other
 * kinds of results ({@link ResultKind}) have parts of it, so it is also the staged folder of any.
 *
 * @param root the folder
 */
public record PreparedDataset(Path root) {

  public static final String MANIFEST = "manifest.json";

  /** The dataset at a path given by a user. */
  public static PreparedDataset at(String path) {
    return new PreparedDataset(new Path(path));
  }

  /**
   * Survivors: id, source, url, metadata, text, language, language_confidence, boilerplate_lines,
   * pii, held_out, n_tokens.
   */
  public String documents() {
    return child("documents");
  }

  /** {@link #documents()} as a table, in whichever format it was written. */
  public Dataset<Row> documentsTable(SparkSession spark) {
    StructType columns = Cleaning.PASSED.add("held_out", "boolean").add("n_tokens", "int");
    return table(spark, documents(), columns);
  }

  /** {@link #removed()} as a table, in whichever format it was written. */
  public Dataset<Row> removedTable(SparkSession spark) {
    return table(spark, removed(), Removals.REMOVALS);
  }

  /** One row per removed document, {@link Removals#REMOVALS}. */
  public String removed() {
    return child("removed");
  }

  /** Published documents of which this run found a better copy; only with earlier increments. */
  public String superseded() {
    return child("superseded");
  }

  /** Tables about the corpus that notebooks plot, and summary.txt. */
  public String report(String name) {
    return child("report/" + name);
  }

  /** What was cut from documents; only where a stage that cuts takes place. */
  public String cuts() {
    return child("cuts");
  }

  /** Input that could not be read: file, offset, error, raw. */
  public String quarantine() {
    return child("quarantine");
  }

  /** Packed training sequences: sequence_id, filled, tokens, starts, documents, copies, offsets. */
  public String sequences() {
    return child("sequences");
  }

  /** Packed sequences of the documents kept aside; same columns as {@link #sequences()}. */
  public String heldOut() {
    return child("heldout");
  }

  /** The tokenizer, in Hugging Face's format. */
  public String tokenizer() {
    return child("tokenizer/tokenizer.json");
  }

  /** What an incremental run needs to deduplicate against these documents: a DocumentIndex. */
  public String index() {
    return child("index");
  }

  /** Results of stages while a dataset is being written; gone when it is published. */
  String work(String stage) {
    return child("_work/" + stage);
  }

  /**
   * A table below report/, in whichever format it was written.
   *
   * @throws CorpusException if the dataset does not have it
   */
  public Dataset<Row> reportTable(SparkSession spark, String name, String schema) {
    String folder = report(name);
    try {
      Path path = new Path(folder);
      if (!path.getFileSystem(spark.sparkContext().hadoopConfiguration()).exists(path)) {
        throw new CorpusException(
            "%s is missing: the dataset was prepared by another version. Prepare it again."
                .formatted(folder));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return table(spark, folder, StructType.fromDDL(schema));
  }

  /**
   * Reads the manifest.
   *
   * @throws FileNotFoundException if the folder holds no whole dataset
   * @throws IOException if the manifest is damaged
   */
  public Manifest manifest(Configuration hadoop) throws IOException {
    String text = manifestText(hadoop);
    try {
      ObjectNode tree = Manifest.parse(text, ObjectNode.class);
      requireKind(tree, ResultKind.DATASET);
      return Manifest.of(tree);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  /**
   * The manifest of a dataset or of deduplicated documents as it stands in its file.
   *
   * @throws FileNotFoundException if the folder holds neither
   * @throws IOException if it is damaged
   */
  public JsonNode manifestTree(Configuration hadoop) throws IOException {
    String text = manifestText(hadoop);
    try {
      JsonNode tree = new JsonMapper().readTree(text);
      requireKind(tree, ResultKind.DATASET, ResultKind.DEDUPLICATED);
      return tree;
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  /** One of another version is no other kind. */
  private void requireKind(JsonNode manifest, ResultKind... wanted) throws FileNotFoundException {
    Optional<ResultKind> kind = ResultKind.of(manifest);
    if (kind.isEmpty() || List.of(wanted).contains(kind.get())) {
      return;
    }
    throw new FileNotFoundException(
        "%s holds %s, not a prepared dataset. %s"
            .formatted(
                root,
                kind.get().words(),
                kind.get() == ResultKind.DEDUPLICATED
                    ? "Prepare them with: moraine prepare --input %s --output PATH"
                        .formatted(documents())
                    : "Name a folder that moraine prepare wrote."));
  }

  /** The tokenizer's file. */
  public String tokenizerText(Configuration hadoop) throws IOException {
    return text(hadoop, new Path(tokenizer()));
  }

  private String manifestText(Configuration hadoop) throws IOException {
    Path file = new Path(root, MANIFEST);
    if (!file.getFileSystem(hadoop).exists(file)) {
      throw new FileNotFoundException(
          "%s is not a prepared dataset: it has no %s. Make one with: moraine prepare --input PATH --output %s"
              .formatted(root, MANIFEST, root));
    }
    return text(hadoop, file);
  }

  private IOException damaged(JsonProcessingException e) {
    return new IOException(
        "%s is damaged: %s. Run prepare again."
            .formatted(new Path(root, MANIFEST), e.getOriginalMessage()),
        e);
  }

  private static String text(Configuration hadoop, Path file) throws IOException {
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private Dataset<Row> table(SparkSession spark, String folder, StructType schema) {
    try {
      Path path = new Path(folder);
      FileSystem files = path.getFileSystem(spark.sparkContext().hadoopConfiguration());
      boolean json = files.globStatus(new Path(path, "*.json.gz")).length > 0;
      return json
          ? spark.read().schema(schema).json(folder)
          : spark.read().schema(schema).parquet(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String child(String name) {
    return new Path(root, name).toString();
  }
}
