package io.moraine.jobs.cli;

import io.moraine.jobs.config.DedupSettings;
import io.moraine.jobs.prepare.DedupJob;
import io.moraine.jobs.prepare.DedupManifest;
import io.moraine.jobs.prepare.FunnelTable;
import java.io.PrintWriter;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine dedup}: exact and near deduplication alone. */
@Command(
    name = "dedup",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Remove exact and near duplicates from a corpus.",
    description = {
      "",
      "No rule cleans or rejects a text; URLs, repeated lines and spans, and evaluation sets only where settings",
      "say so. Every document is either in documents/, or in removed/ with the kept document",
      "that it duplicates and their exact Jaccard similarity, or in quarantine/ with file and offset.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine dedup --input corpus/ --output unique/",
      "  moraine dedup --input a.jsonl.gz --output unique/ --threshold 0.8 --output-format jsonl",
      "  moraine dedup --input day-2/ --output unique-2/ --index seen/",
      "  moraine plan dedup --threshold 0.8 --recall 0.99"
    })
final class DedupCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Mixin private DocumentOptions documents;

  @Option(
      names = "--ngram",
      paramLabel = "N",
      description = "Words per shingle; default: near.shingle-words.")
  private Integer shingleWords;

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      description =
          "verified: every removed document has a kept duplicate; closure: one document per chain of duplicates;"
              + " default: near.survivors.")
  private String mode;

  @Override
  public Integer call() throws Exception {
    DedupSettings settings = settings();
    try (SparkSession spark = SparkOptions.session("dedup")) {
      DedupManifest manifest =
          new DedupJob(spark, settings, Terminal.progress())
              .run(documents.paths(), documents.tasks(spark));
      PrintWriter out = spec.commandLine().getOut();
      FunnelTable.stages(manifest.funnel()).forEach(out::println);
      FunnelTable.passedOver(manifest.passedOver()).ifPresent(out::println);
      out.println("deduplicated documents: " + documents.paths().output());
      out.flush();
    }
    return ExitCode.DONE.code();
  }

  private DedupSettings settings() {
    Map<String, Object> options = new TreeMap<>();
    options.put("near.shingle-words", shingleWords);
    options.put("near.survivors", mode);
    return DedupSettings.of(documents.settings("dedup.conf", options));
  }
}
