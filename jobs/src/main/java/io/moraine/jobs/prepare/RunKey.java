package io.moraine.jobs.prepare;

import io.moraine.pipeline.decontamination.DecontaminationConfig;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.hash.Murmur3;
import io.moraine.pipeline.spark.EvaluationSets;
import io.moraine.pipeline.spark.InputListing;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;

/** Tells whether finished stages of an interrupted job, or an index's increment, are this job's. */
final class RunKey {

  private RunKey() {}

  /**
   * Digest of the settings, and of path, length and modification time of every input file; contents
   * are not read.
   *
   * @param command {@code prepare} or {@code dedup}, whose stages differ
   * @param settingsDigest digest of the resolved settings
   * @param decontamination whose sets are input as well
   * @param tokenizer a given tokenizer's file; empty if none is
   * @throws CorpusException if an input or an evaluation set is missing or empty
   */
  static String of(
      Configuration hadoop,
      String command,
      String settingsDigest,
      Optional<DecontaminationConfig> decontamination,
      List<String> inputs,
      String tokenizer) {
    StringBuilder facts = new StringBuilder();
    facts.append(command).append('\n').append(Manifest.FORMAT_VERSION).append('\n');
    facts.append(settingsDigest).append('\n').append(Murmur3.hash128(tokenizer).hex());
    InputListing.facts(hadoop, inputs).forEach(fact -> facts.append('\n').append(fact));
    decontamination
        .map(config -> EvaluationSets.facts(hadoop, config))
        .orElse(List.of())
        .forEach(fact -> facts.append('\n').append(fact));
    return Murmur3.hash128(facts.toString()).hex();
  }

  /** The key of the same run behind the increments of an index. */
  static String after(DocumentIndex index, String key) {
    return Murmur3.hash128(key + "\n" + index.state()).hex();
  }
}
