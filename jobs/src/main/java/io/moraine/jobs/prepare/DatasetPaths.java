package io.moraine.jobs.prepare;

import java.util.List;
import java.util.Optional;

/**
 * What a job reads and writes; any Hadoop paths.
 *
 * @param inputs files and folders of documents
 * @param output the folder of the result
 * @param index the {@link DocumentIndex} of what was published before, which the job extends; empty
 *     if nothing was: then the result has an index of its own
 */
public record DatasetPaths(List<String> inputs, String output, Optional<String> index) {

  public DatasetPaths {
    inputs = List.copyOf(inputs);
  }

  /** A result of its own, with nothing before. */
  public DatasetPaths(List<String> inputs, String output) {
    this(inputs, output, Optional.empty());
  }
}
