package io.moraine.jobs.train;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An exception that a task of a Spark job threw, as the text of the job's failure has it.
 *
 * @param exception its class, without the package
 * @param line its message
 */
public record SparkFailure(String exception, String line) {

  /** Those that people are told of as they are. */
  private static final Pattern EXPECTED =
      Pattern.compile(
          "(?:^|[\\s:])(?:[a-z]+\\.)+(CollectiveException|TransportException|CorruptDataException"
              + "|BadStepException|FileNotFoundException|UntrustedException|ConfigException"
              + "|LeaseLostException): ([^\\n]+)");

  /** Looks for one in the texts of an exception and its causes. */
  public static Optional<SparkFailure> in(Throwable e) {
    for (Throwable at = e; at != null; at = at.getCause()) {
      Matcher matcher = EXPECTED.matcher(String.valueOf(at.getMessage()));
      if (matcher.find()) {
        return Optional.of(innermost(matcher));
      }
    }
    return Optional.empty();
  }

  /** A rank that hears of another one's failure repeats it; that one is the cause. */
  private static SparkFailure innermost(Matcher outer) {
    Matcher inner = EXPECTED.matcher(outer.group(2));
    return inner.find() ? innermost(inner) : new SparkFailure(outer.group(1), outer.group(2));
  }
}
