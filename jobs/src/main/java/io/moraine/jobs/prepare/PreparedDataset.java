package io.moraine.jobs.prepare;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * The folder layout of a prepared dataset (docs/formats.md), on any Hadoop file system.
 *
 * @param root the dataset's folder
 */
public record PreparedDataset(Path root) {

  public static final String MANIFEST = "manifest.json";

  /** The dataset at a path given by a user. */
  public static PreparedDataset at(String path) {
    return new PreparedDataset(new Path(path));
  }

  /** Survivors: id, source, url, metadata, text, n_tokens, held_out. */
  public String documents() {
    return child("documents");
  }

  /** {@link #documents()} as a table, in whichever format it was written. */
  public Dataset<Row> documentsTable(SparkSession spark) {
    return table(
        spark,
        documents(),
        "id STRING, source STRING, url STRING, metadata STRING, text STRING, n_tokens INT, held_out BOOLEAN");
  }

  /** {@link #removed()} as a table, in whichever format it was written. */
  public Dataset<Row> removedTable(SparkSession spark) {
    return table(
        spark,
        removed(),
        "id STRING, stage STRING, reason STRING, detail STRING, kept_id STRING, similarity DOUBLE");
  }

  /** One row per removed document: id, stage, reason, detail, kept_id, similarity. */
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

  /** Packed training sequences: sequence_id, tokens, starts, documents. */
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
   * Reads the manifest.
   *
   * @throws FileNotFoundException if the folder holds no whole dataset
   * @throws IOException if the manifest is damaged
   */
  public Manifest manifest(Configuration hadoop) throws IOException {
    Path file = new Path(root, MANIFEST);
    FileSystem files = file.getFileSystem(hadoop);
    if (!files.exists(file)) {
      throw new FileNotFoundException(
          "%s is not a prepared dataset: it has no %s. Make one with: moraine prepare --input PATH --output %s"
              .formatted(root, MANIFEST, root));
    }
    try (InputStream in = files.open(file)) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return Manifest.parse(text)
          .orElseThrow(
              () ->
                  new FileNotFoundException(
                      "%s holds deduplicated documents, not a prepared dataset. Prepare them with: moraine prepare --input %s --output PATH"
                          .formatted(root, documents())));
    } catch (JsonProcessingException e) {
      throw new IOException(
          "%s is damaged: %s. Run prepare again.".formatted(file, e.getOriginalMessage()), e);
    }
  }

  private Dataset<Row> table(SparkSession spark, String folder, String schema) {
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
