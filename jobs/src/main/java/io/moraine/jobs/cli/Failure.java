package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.LeaseLostException;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.train.RanksLostException;
import io.moraine.jobs.train.RepeatedFailureException;
import io.moraine.jobs.train.SparkFailure;
import io.moraine.model.checkpoint.CorruptDataException;
import io.moraine.model.collective.CollectiveException;
import io.moraine.model.collective.transport.TransportException;
import io.moraine.model.collective.transport.UntrustedException;
import io.moraine.model.huggingface.ModelFormatException;
import io.moraine.model.train.BadStepException;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.tokenizer.TokenizerException;
import java.io.FileNotFoundException;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.util.Map;
import java.util.Set;

/**
 * What a person and a scheduler are told of a failure.
 *
 * @param exitCode for the scheduler
 * @param message one line for the person
 * @param isOurs whether it is a failure that nobody expected: then the log needs the stack trace
 */
record Failure(ExitCode exitCode, String message, boolean isOurs) {

  private static final Map<Class<? extends Exception>, ExitCode> EXPECTED =
      Map.ofEntries(
          Map.entry(ConfigException.class, ExitCode.BAD_SETTING),
          Map.entry(CorpusException.class, ExitCode.BAD_DATA),
          Map.entry(TokenizerException.class, ExitCode.BAD_DATA),
          Map.entry(CorruptDataException.class, ExitCode.BAD_DATA),
          Map.entry(ModelFormatException.class, ExitCode.BAD_DATA),
          Map.entry(FileNotFoundException.class, ExitCode.BAD_DATA),
          Map.entry(BadStepException.class, ExitCode.FAILED),
          Map.entry(RepeatedFailureException.class, ExitCode.FAILED),
          Map.entry(CollectiveException.class, ExitCode.COLLECTIVE_FAILED),
          Map.entry(UntrustedException.class, ExitCode.BAD_SETTING),
          Map.entry(TransportException.class, ExitCode.COLLECTIVE_FAILED),
          Map.entry(RanksLostException.class, ExitCode.COLLECTIVE_FAILED),
          Map.entry(LeaseLostException.class, ExitCode.LEASE_LOST),
          Map.entry(TryLaterException.class, ExitCode.TRY_LATER));

  static Failure of(Throwable e) {
    for (Throwable at = e; at != null; at = at.getCause()) {
      ExitCode code = EXPECTED.get(at.getClass());
      if (code != null) {
        return new Failure(code, firstLine(at), false);
      }
    }
    for (Throwable at = e; at != null; at = at.getCause()) {
      if (isNoPath(at)) {
        return new Failure(
            ExitCode.BAD_SETTING,
            "an option has a path that is none: %s. Give one such as data/ or hdfs://host/data."
                .formatted(firstLine(at)),
            false);
      }
    }
    return SparkFailure.in(e)
        .map(found -> new Failure(codeOf(found.exception()), found.line(), false))
        .orElseGet(
            () ->
                new Failure(
                    ExitCode.FAILED, e.getClass().getSimpleName() + ": " + firstLine(e), true));
  }

  /** What Hadoop says of an empty path, of one that is no URI, and of a host that is not known. */
  private static boolean isNoPath(Throwable e) {
    return e instanceof IllegalArgumentException
        && (e.getCause() instanceof URISyntaxException
            || e.getCause() instanceof UnknownHostException
            || firstLine(e).startsWith("Can not create a Path "));
  }

  private static ExitCode codeOf(String simpleName) {
    Set<Class<? extends Exception>> classes = EXPECTED.keySet();
    return classes.stream()
        .filter(type -> type.getSimpleName().equals(simpleName))
        .findFirst()
        .map(EXPECTED::get)
        .orElse(ExitCode.FAILED);
  }

  private static String firstLine(Throwable e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }
}
