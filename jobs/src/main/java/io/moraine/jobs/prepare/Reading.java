package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import io.moraine.jobs.config.DocumentSettings.Quarantine;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.spark.CorpusReader;
import io.moraine.pipeline.spark.UniqueIds;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** The first stage of every job that reads a corpus. Writes quarantine/. */
final class Reading {

  private final PreparedDataset dataset;
  private final DatasetTables tables;
  private final Funnel funnel;
  private final Quarantine quarantine;

  Reading(CorpusRun run, Quarantine quarantine) {
    this.dataset = run.dataset();
    this.tables = run.tables();
    this.funnel = run.funnel();
    this.quarantine = quarantine;
  }

  /**
   * The documents, with unique ids; what is not readable goes to quarantine, what is passed over is
   * counted.
   *
   * @param parts with the columns id, file, offset, error, raw, passed_over and count of {@link
   *     CorpusReader#PARTS}, and others; not asked for if an interrupted run stored them
   * @throws CorpusException if too much is not readable
   */
  Dataset<Row> documents(Supplier<Dataset<Row>> parts) {
    funnel.begin("read");
    Dataset<Row> all = tables.storedOnce("parts", parts);
    Counts counts = counts(all);
    Dataset<Row> read = all.where(col("passed_over").isNull()).drop("passed_over", "count");
    Dataset<Row> unreadable = read.where(col("error").isNotNull());
    if (!quarantine.allows(counts.unreadable(), counts.parts())) {
      Row first = unreadable.orderBy("file", "offset").first();
      throw new CorpusException(
          "%,d of %,d parts cannot be read, more than quarantine.max-share = %s; the first: %s at %d: %s. Mend the input or raise the setting."
              .formatted(
                  counts.unreadable(),
                  counts.parts(),
                  quarantine.maxShare(),
                  first.getAs("file"),
                  first.<Long>getAs("offset"),
                  first.getAs("error")));
    }
    tables.write(
        unreadable.select("file", "offset", "error", "raw"),
        dataset.quarantine(),
        List.of("file", "offset"),
        counts.unreadable());
    Dataset<Row> documents = withUniqueIds(read.where(col("error").isNull()));
    String told = FunnelTable.passedOver(counts.passedOver()).map(line -> "; " + line).orElse("");
    funnel.passedOver(counts.passedOver());
    funnel.counted(
        "read", counts.parts(), counts.unreadable(), "parts read, %,d quarantined" + told);
    return documents;
  }

  /**
   * What was read.
   *
   * @param parts documents, and what is none though it should be
   * @param unreadable of the parts
   * @param passedOver how much beside them, by reason
   */
  private record Counts(long parts, long unreadable, SortedMap<String, Long> passedOver) {}

  private static Counts counts(Dataset<Row> all) {
    long parts = 0;
    long unreadable = 0;
    SortedMap<String, Long> passedOver = new TreeMap<>();
    for (Row row :
        all.groupBy("passed_over")
            .agg(count(lit(1)), count("error"), sum("count"))
            .collectAsList()) {
      if (row.isNullAt(0)) {
        parts = row.getLong(1);
        unreadable = row.getLong(2);
      } else {
        passedOver.put(row.getString(0), row.getLong(3));
      }
    }
    return new Counts(parts, unreadable, passedOver);
  }

  private Dataset<Row> withUniqueIds(Dataset<Row> documents) {
    Dataset<Row> repeated = tables.stored("repeated-ids", UniqueIds.repeated(documents));
    long repeatedIds = repeated.count();
    if (repeatedIds == 0) {
      return documents;
    }
    funnel.say(
        "%,d ids stand more than once: all but their first document get a suffix."
            .formatted(repeatedIds));
    return tables.stored("read-unique", UniqueIds.assign(documents, repeated));
  }
}
