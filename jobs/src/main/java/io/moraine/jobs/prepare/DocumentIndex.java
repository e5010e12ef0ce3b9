package io.moraine.jobs.prepare;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.jobs.lease.WholeFiles;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.hash.Murmur3;
import io.moraine.pipeline.spark.Features;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * What deduplication must know of the documents published so far, one increment per run: their
 * features and the URLs of their pages, never their texts (docs/formats.md).
 *
 * <p>A run that is repeated finds its own increment by its key and replaces it, so that no document
 * is a duplicate of itself. An increment whose run was killed before its dataset had its name is
 * dropped by the next run: its documents were not published.
 */
final class DocumentIndex {

  private static final String FEATURES = "features";
  private static final String PAGES = "pages";
  private static final String INCREMENT = "increment=";
  private static final StructType FEATURES_TABLE = Features.FEATURES.add("increment", "int");
  private static final StructType PAGES_TABLE =
      new StructType().add("url_key", "string").add("kept_id", "string").add("increment", "int");

  private final Desk desk;
  private final LeasedWriter writer;
  private final Path root;
  private final IndexManifest manifest;
  private final String key;
  private final int increment;
  private long written;

  private DocumentIndex(
      Desk desk, LeasedWriter writer, Path root, IndexManifest manifest, String key) {
    this.desk = desk;
    this.writer = writer;
    this.root = root;
    this.manifest = manifest;
    this.key = key;
    this.increment = manifest.incrementOf(key);
  }

  /**
   * Opens an index, or begins one where there is none.
   *
   * @param desk of the holder of the index's lease, or of that of the dataset that it is in
   * @param folder any Hadoop path
   * @param shingleWords words per shingle of the features; must be that of the index
   * @param key of the run's settings and input, see {@link RunKey}
   * @throws ConfigException if the folder is no index, or has features of other shingles
   * @throws CorpusException if the index is damaged
   */
  static DocumentIndex open(
      Configuration hadoop, Desk desk, String folder, int shingleWords, String key)
      throws IOException {
    Path path = new Path(folder);
    FileSystem files = path.getFileSystem(hadoop);
    Path root = files.makeQualified(path);
    IndexManifest manifest =
        read(files, root).orElseGet(() -> new IndexManifest(shingleWords, List.of()));
    if (manifest.shingleWords() != shingleWords) {
      throw new ConfigException(
          "near.shingle-words must be that of the index %s, %d, got %d."
              .formatted(folder, manifest.shingleWords(), shingleWords));
    }
    LeasedWriter writer = new LeasedWriter(hadoop, root, desk.ranks());
    IndexManifest settled = settled(desk, writer, root, manifest);
    DocumentIndex index = new DocumentIndex(desk, writer, root, settled, key);
    if (desk.hasEarlier()) { // one look instead of one for each table
      index.restore();
    }
    return index;
  }

  /**
   * Puts tables back that were put aside by a run that was killed before others had their names.
   */
  private void restore() throws IOException {
    WholeFiles files = WholeFiles.of(writer.hadoop(), root);
    for (int number = 0; number < manifest.increments().size(); number++) {
      for (String table : List.of(FEATURES, PAGES)) {
        for (Path replaced : desk.earlierDrafts(replaced(table, number))) {
          if (!files.system().exists(folder(table, number))) {
            files.rename(replaced, folder(table, number));
          }
        }
      }
    }
  }

  /**
   * Without the increment of a run that did not give its dataset its name, because it was killed,
   * or hangs: that is kept from it.
   */
  private static IndexManifest settled(
      Desk desk, LeasedWriter writer, Path root, IndexManifest manifest) throws IOException {
    Path file = new Path(root, UnpublishedIncrement.FILE);
    Optional<String> text = WholeFiles.of(writer.hadoop(), file).text(file);
    if (text.isEmpty()) {
      return manifest;
    }
    UnpublishedIncrement last = unpublished(file, text.get());
    desk.takeAway(new Path(last.desk()));
    boolean isThere =
        last.number() < manifest.increments().size()
            && manifest.increments().get(last.number()).key().equals(last.key());
    IndexManifest settled = manifest;
    if (isThere && !last.manifestHash().equals(manifestHash(writer.hadoop(), last.dataset()))) {
      requireReachable(writer.hadoop(), root, last);
      settled = manifest.before(last.number());
      writer.replace(new Path(root, IndexManifest.FILE), settled.rendered());
    }
    writer.delete(file);
    return settled;
  }

  private static UnpublishedIncrement unpublished(Path file, String text) {
    try {
      return UnpublishedIncrement.parse(text);
    } catch (JsonProcessingException e) {
      throw new CorpusException(
          "%s is damaged: %s. It names the dataset of the last run on this index. If that dataset is whole, remove the file; else begin a new index."
              .formatted(file, e.getOriginalMessage()));
    }
  }

  /** Where the dataset's file system is mounted elsewhere, it would seem not to be there. */
  private static void requireReachable(Configuration hadoop, Path root, UnpublishedIncrement last)
      throws IOException {
    Path folder = new Path(last.dataset()).getParent();
    if (!folder.getFileSystem(hadoop).exists(folder)) {
      throw new CorpusException(
          "the last run on the index %s was ended as it published %s, and from here %s cannot be seen. Run this where it can, or make the folder if it is gone for good."
              .formatted(root, last.dataset(), folder));
    }
  }

  /** Of the manifest of a dataset; that of nothing where there is none. */
  private static String manifestHash(Configuration hadoop, String dataset) throws IOException {
    Path manifest = new Path(dataset, PreparedDataset.MANIFEST);
    return Murmur3.hash128(WholeFiles.of(hadoop, manifest).text(manifest).orElse("")).hex();
  }

  /** How many increments an index has; 0 if it is not there. */
  static int increments(FileSystem files, Path root) throws IOException {
    return read(files, root).map(manifest -> manifest.increments().size()).orElse(0);
  }

  /** Number of this run's increment, 0 first. */
  int increment() {
    return increment;
  }

  /** Whether no run of this key has extended the index yet. */
  boolean isNewIncrement() {
    return increment == manifest.increments().size();
  }

  /** Says which increments came before; part of what the result follows from. */
  String state() {
    return manifest.before(increment).rendered();
  }

  /** Documents of earlier increments: {@link Features#FEATURES} and increment. */
  Dataset<Row> features(SparkSession spark) {
    return earlier(spark, FEATURES, FEATURES_TABLE);
  }

  /** Pages of earlier increments: url_key, kept_id (the document published for it), increment. */
  Dataset<Row> pages(SparkSession spark) {
    return earlier(spark, PAGES, PAGES_TABLE);
  }

  private Dataset<Row> earlier(SparkSession spark, String table, StructType schema) {
    if (increment == 0) {
      return spark.createDataFrame(List.of(), schema);
    }
    String[] folders =
        IntStream.range(0, increment)
            .mapToObj(earlier -> folder(table, earlier).toString())
            .toArray(String[]::new);
    return spark
        .read()
        .schema(schema)
        .option("basePath", new Path(root, table).toString())
        .parquet(folders);
  }

  /**
   * Writes the increment, which is no part of the index yet.
   *
   * @param features {@link Features#FEATURES} of the documents that this run publishes
   * @param pages url_key and kept_id
   * @param documents how many they are
   */
  void write(DatasetTables tables, Dataset<Row> features, Dataset<Row> pages, long documents) {
    tables.writeByHash(features, draft(FEATURES).toString(), "id", documents);
    tables.writeByHash(pages, draft(PAGES).toString(), "url_key", documents);
    written = documents;
  }

  /** Says which dataset the increment is of, without which it does not count. */
  void announce(Publication dataset, String manifestText) throws IOException {
    if (isNewIncrement()) {
      String hash = Murmur3.hash128(manifestText).hex();
      writer.replace(
          new Path(root, UnpublishedIncrement.FILE),
          new UnpublishedIncrement(
                  increment,
                  key,
                  dataset.target().toString(),
                  hash,
                  dataset.desk().drafts().toString())
              .rendered());
    }
  }

  /** Makes what was written part of the index. */
  void extend() throws IOException {
    Path file = new Path(root, IndexManifest.FILE);
    if (manifest.increments().isEmpty()) { // before its tables: without it they are damage
      writer.replace(file, manifest.rendered());
    }
    for (String table : List.of(FEATURES, PAGES)) {
      writer.put(draft(table), folder(table, increment), replaced(table, increment));
    }
    IndexManifest.Increment added = new IndexManifest.Increment(key, written);
    writer.replace(file, manifest.with(increment, added).rendered());
  }

  /** The dataset is there. */
  void confirm() throws IOException {
    writer.delete(new Path(root, UnpublishedIncrement.FILE));
  }

  private Path draft(String table) {
    return new Path(desk.drafts(), "increment-" + table);
  }

  /** What a table is called on the desk in whose place another comes. */
  private static String replaced(String table, int number) {
    return "replaced-%s-%d".formatted(table, number);
  }

  private static Optional<IndexManifest> read(FileSystem files, Path root) throws IOException {
    Path file = new Path(root, IndexManifest.FILE);
    Optional<String> text = WholeFiles.of(files).text(file);
    if (text.isEmpty()) {
      requireOwn(files, root);
      requireNoIncrements(files, root);
      return Optional.empty();
    }
    IndexManifest manifest;
    try {
      manifest = IndexManifest.parse(text.get());
    } catch (JsonProcessingException e) {
      throw new CorpusException(
          "%s is damaged: %s. Begin a new index from the datasets it was made of."
              .formatted(file, e.getOriginalMessage()));
    }
    if (manifest.formatVersion() != IndexManifest.FORMAT_VERSION) {
      throw new CorpusException(
          "%s has format version %d, this program reads %d. Begin a new index."
              .formatted(file, manifest.formatVersion(), IndexManifest.FORMAT_VERSION));
    }
    return Optional.of(manifest);
  }

  /** An index that was begun but never finished holds hidden names only. */
  private static void requireOwn(FileSystem files, Path root) throws IOException {
    if (!files.exists(root)) {
      return;
    }
    for (FileStatus status : files.listStatus(root)) {
      if (!status.getPath().getName().startsWith(".")
          && !List.of(FEATURES, PAGES).contains(status.getPath().getName())) {
        throw new ConfigException(
            "--index %s exists and is no index (no %s). Name another folder or remove it."
                .formatted(root, IndexManifest.FILE));
      }
    }
  }

  /** Begun anew beside them, it would know nothing of what they have, and write over it. */
  private static void requireNoIncrements(FileSystem files, Path root) throws IOException {
    WholeFiles there = WholeFiles.of(files);
    for (String table : List.of(FEATURES, PAGES)) {
      if (there.names(new Path(root, table)).stream().anyMatch(n -> n.startsWith(INCREMENT))) {
        throw new CorpusException(
            "the index %s has increments and no %s, which says which of them count. Put that file back, or begin a new index from the datasets it was made of."
                .formatted(root, IndexManifest.FILE));
      }
    }
  }

  private Path folder(String table, int number) {
    return new Path(new Path(root, table), INCREMENT + number);
  }
}
